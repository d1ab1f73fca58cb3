import { isKeySegment } from '../storage/key.ts';

/** What the content of a part is called where it is fetched to: the part's name without `.zst` and the like. */
export function contentName(partName: string): string {
  return partName.replace(/(?:\.tar)?\.zst(?:\.age)?$/, '');
}

/**
 * True for the name of one object, whose content is one file or folder. Whoever can write into a store can name a part
 * `../../etc/passwd`, and contents are written before anything of the part was seen to be right.
 */
export function isPartName(name: string): boolean {
  return isKeySegment(name) && isKeySegment(contentName(name));
}
