/**
 * Which facts there are of a backup besides rows and sequences, and how they are told. To be raised by one with every change
 * of them that follows a release (a unit test notices the change): a backup is kept for years, and one that an older version
 * took must not be called broken because a newer one looks at more.
 */
export const factsRevision = 1;

/** Facts that every version tells alike: the format of the manifest would have to change with them. */
export function isOfAllRevisions(factName: string): boolean {
  return /^(rows|content|sequence) /.test(factName);
}
