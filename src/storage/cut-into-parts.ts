import { formatBytes } from '../core/bytes.ts';
import { StoreError } from './object-store.ts';
import type { PartFile, PartFileWriter, PartSpool } from './part-spool.ts';

export interface BodyPart {
  /** From 1. */
  readonly number: number;
  readonly content: Buffer | PartFile;
  /** To be called when it was sent: a later part takes its place in memory or on the disk. Never rejects. */
  release(): Promise<void>;
}

/** How large the parts of an upload are. */
export interface PartSizes {
  /** What the service takes for one object. */
  readonly mostParts: number;
  /** Size of part `number`, from 1. */
  bytesOf(number: number): number;
  /** Larger parts lie in a file until they are sent. */
  readonly mostInMemoryBytes: number;
}

export function contentBytes({ content }: BodyPart): number {
  return content instanceof Uint8Array ? content.length : content.sizeBytes;
}

const firstPartBytes = 8 * 2 ** 20;
/** With the usual number of parts, which then hold the largest object. */
const largestPartBytes = 2 ** 30;
/** What S3 and those like it take as one part. */
const mostPartBytes = 5 * 2 ** 30;
/** Of the parts that a service takes, so many are of one size before it doubles. */
const shareBeforeGrowth = 0.08;

/** What S3 takes for one object. Some compatible services take fewer. */
export const usualMostParts = 10_000;

/**
 * Size of part `number`. It doubles every 800 of 10,000 parts, because that is what S3 takes and nobody knows how long a
 * dump gets; together they hold 5.07 TiB, more than the 5 TiB of the largest object. Where fewer parts are taken they grow
 * sooner and further, up to the 5 GiB that a part may have: a thousand hold 1.6 TiB.
 */
export function partBytes(number: number, mostParts = usualMostParts): number {
  const doublings = Math.floor((number - 1) / Math.floor(mostParts * shareBeforeGrowth));
  const largestBytes = Math.min(mostPartBytes, Math.floor((largestPartBytes * usualMostParts) / mostParts));
  return Math.min(largestBytes, firstPartBytes * 2 ** doublings);
}

/**
 * Parts of up to 8 MiB are held in memory, two at once: all of them in objects of up to 6.2 GiB. Larger ones lie in
 * files, so that memory does not grow with the object.
 */
export function usualPartSizes(mostParts = usualMostParts): PartSizes {
  return { mostParts, bytesOf: (number) => partBytes(number, mostParts), mostInMemoryBytes: firstPartBytes };
}

/** Most bytes that lie in the spool while an object of `sizeBytes` is uploaded: two parts, or none where all are small. */
export function spooledBytes(sizeBytes: number, mostParts = usualMostParts): number {
  const { bytesOf, mostInMemoryBytes } = usualPartSizes(mostParts);
  let number = 1;
  for (let leftBytes = sizeBytes - bytesOf(1); leftBytes > 0 && number < mostParts; leftBytes -= bytesOf(number)) {
    number++;
  }
  return bytesOf(number) > mostInMemoryBytes ? 2 * bytesOf(number) : 0;
}

/**
 * Cuts a stream into parts of growing size. At least one part is given, an empty one for an empty stream. Rejects with
 * kind `full` when the stream is longer than all parts together, and with kind `spool` as {@link PartSpool} does.
 */
export async function* cutIntoParts(
  chunks: AsyncIterable<Buffer>,
  sizes: PartSizes,
  spool: PartSpool,
): AsyncGenerator<BodyPart> {
  const memory: Buffer[] = [];
  let number = 1;
  let part = beginPart(number, sizes, { spool, memory });
  try {
    for await (const chunk of chunks) {
      for (let offset = 0; offset < chunk.length; ) {
        offset += await part.add(chunk, offset);
        if (part.filledBytes < sizes.bytesOf(number)) continue;
        yield { number, ...(await part.finish()) };
        part = beginPart(++number, sizes, { spool, memory });
      }
    }
    if (part.filledBytes > 0 || number === 1) yield { number, ...(await part.finish()) };
  } finally {
    await part.close();
  }
}

/** A part that is being filled. */
interface GrowingPart {
  readonly filledBytes: number;
  add(chunk: Buffer, offset: number): number | Promise<number>;
  finish(): Promise<Omit<BodyPart, 'number'>>;
  /** Gives up what it holds open, also when it is not finished. */
  close(): Promise<void>;
}

/** `memory` holds what was released: what the collector of garbage has not come to yet would count as ours. */
function beginPart(
  number: number,
  sizes: PartSizes,
  { spool, memory }: { readonly spool: PartSpool; readonly memory: Buffer[] },
): GrowingPart {
  const sizeBytes = sizes.bytesOf(number);
  if (number > sizes.mostParts) return new NoPart(sizes);
  if (sizeBytes > sizes.mostInMemoryBytes) {
    memory.length = 0;
    return new FilePart(spool.create(number, sizeBytes), sizeBytes);
  }
  const used = memory.pop();
  return new MemoryPart(used?.length === sizeBytes ? used : Buffer.allocUnsafeSlow(sizeBytes), memory);
}

class MemoryPart implements GrowingPart {
  readonly #bytes: Buffer;
  readonly #memory: Buffer[];
  filledBytes = 0;

  constructor(bytes: Buffer, memory: Buffer[]) {
    this.#bytes = bytes;
    this.#memory = memory;
  }

  add(chunk: Buffer, offset: number): number {
    const copied = chunk.copy(this.#bytes, this.filledBytes, offset);
    this.filledBytes += copied;
    return copied;
  }

  async finish(): Promise<Omit<BodyPart, 'number'>> {
    const content = this.#bytes.subarray(0, this.filledBytes);
    return { content, release: async () => void this.#memory.push(this.#bytes) };
  }

  async close(): Promise<void> {}
}

class FilePart implements GrowingPart {
  readonly #writer: PartFileWriter;
  readonly #sizeBytes: number;
  filledBytes = 0;

  constructor(writer: PartFileWriter, sizeBytes: number) {
    this.#writer = writer;
    this.#sizeBytes = sizeBytes;
  }

  async add(chunk: Buffer, offset: number): Promise<number> {
    const bytes = chunk.subarray(offset, offset + this.#sizeBytes - this.filledBytes);
    this.filledBytes += bytes.length;
    await this.#writer.write(bytes);
    return bytes.length;
  }

  async finish(): Promise<Omit<BodyPart, 'number'>> {
    const content = await this.#writer.finish();
    return { content, release: () => content.remove() };
  }

  close(): Promise<void> {
    return this.#writer.close();
  }
}

/** Stands where the service takes no further part: the stream may end there, but not go on. */
class NoPart implements GrowingPart {
  readonly filledBytes = 0;
  readonly #sizes: PartSizes;

  constructor(sizes: PartSizes) {
    this.#sizes = sizes;
  }

  add(): never {
    const { mostParts, bytesOf } = this.#sizes;
    let holdBytes = 0;
    for (let number = 1; number <= mostParts; number++) holdBytes += bytesOf(number);
    const message = `more than the ${formatBytes(holdBytes)} that fit into the ${mostParts} parts of an object`;
    throw new StoreError('full', message);
  }

  finish(): never {
    throw new Error('there is no such part');
  }

  async close(): Promise<void> {}
}
