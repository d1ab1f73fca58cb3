export interface BodyPart {
  /** From 1. */
  readonly number: number;
  readonly bytes: Buffer;
}

const firstPartBytes = 8 * 2 ** 20;
const partsBeforeGrowth = 1_000;
const largestPartBytes = 512 * 2 ** 20;

/**
 * Size of part `number`. It doubles every 1,000 parts, because S3 takes 10,000 and nobody knows how long a dump gets;
 * they hold 2.4 TiB. A part is held in memory: that is 8 MiB for objects of up to 7.8 GiB, 128 MiB at 242 GiB.
 */
export function partBytes(number: number): number {
  return Math.min(largestPartBytes, firstPartBytes * 2 ** Math.floor((number - 1) / partsBeforeGrowth));
}

/** Cuts a stream into parts of growing size. At least one part is given, an empty one for an empty stream. */
export async function* cutIntoParts(chunks: AsyncIterable<Buffer>): AsyncGenerator<BodyPart> {
  let number = 1;
  let part = Buffer.allocUnsafeSlow(partBytes(number));
  let filledBytes = 0;
  for await (const chunk of chunks) {
    for (let offset = 0; offset < chunk.length; ) {
      const copied = chunk.copy(part, filledBytes, offset);
      offset += copied;
      filledBytes += copied;
      if (filledBytes < part.length) continue;
      yield { number, bytes: part };
      number++;
      part = Buffer.allocUnsafeSlow(partBytes(number));
      filledBytes = 0;
    }
  }
  if (filledBytes > 0 || number === 1) yield { number, bytes: part.subarray(0, filledBytes) };
}
