export interface BodyPart {
  /** From 1. */
  readonly number: number;
  readonly bytes: Buffer;
}

const firstPartBytes = 8 * 2 ** 20;
const largestPartBytes = 2 ** 30;
/** Of the parts that a service takes, so many are of one size before it doubles. */
const shareBeforeGrowth = 0.08;

/** What S3 takes for one object. Some compatible services take fewer. */
export const usualMostParts = 10_000;

/**
 * Size of part `number`. It doubles every 800 of 10,000 parts, because that is what S3 takes and nobody knows how long a
 * dump gets; together they hold 5.07 TiB, more than the 5 TiB of the largest object. A part is held in memory: that is
 * 8 MiB for objects of up to 6.2 GiB, 128 MiB at 194 GiB. Where fewer parts are taken they grow sooner.
 */
export function partBytes(number: number, mostParts = usualMostParts): number {
  const doublings = Math.floor((number - 1) / Math.floor(mostParts * shareBeforeGrowth));
  return Math.min(largestPartBytes, firstPartBytes * 2 ** doublings);
}

/** Cuts a stream into parts of growing size. At least one part is given, an empty one for an empty stream. */
export async function* cutIntoParts(
  chunks: AsyncIterable<Buffer>,
  mostParts = usualMostParts,
): AsyncGenerator<BodyPart> {
  let number = 1;
  let part = Buffer.allocUnsafeSlow(partBytes(number, mostParts));
  let filledBytes = 0;
  for await (const chunk of chunks) {
    for (let offset = 0; offset < chunk.length; ) {
      const copied = chunk.copy(part, filledBytes, offset);
      offset += copied;
      filledBytes += copied;
      if (filledBytes < part.length) continue;
      yield { number, bytes: part };
      number++;
      part = Buffer.allocUnsafeSlow(partBytes(number, mostParts));
      filledBytes = 0;
    }
  }
  if (filledBytes > 0 || number === 1) yield { number, bytes: part.subarray(0, filledBytes) };
}
