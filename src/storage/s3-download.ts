import { Readable } from 'node:stream';
import { StoreError } from './object-store.ts';

interface Answer {
  readonly body: Readable;
  /** Bytes that this answer promises. */
  readonly length: number;
  readonly etag: string | undefined;
}

const mostResumptions = 5;

/**
 * The body of an object, resumed where it broke off. A connection that is cut in the middle ends like a complete one on
 * some services, so the promised length decides; five breaks in a row are an error.
 */
export async function resumingBody(
  request: (first: number | undefined) => Promise<Answer>,
  firstByte: number,
  options: { readonly name: string; readonly wrap: (error: unknown) => unknown; readonly signal: AbortSignal },
): Promise<Readable> {
  const answer = await request(undefined);
  return Readable.from(resume(request, answer, firstByte, options), { objectMode: false, highWaterMark: 2 ** 20 });
}

async function* resume(
  request: (first: number | undefined) => Promise<Answer>,
  initial: Answer,
  firstByte: number,
  options: { readonly name: string; readonly wrap: (error: unknown) => unknown; readonly signal: AbortSignal },
): AsyncIterable<Buffer> {
  let answer = initial;
  let doneBytes = 0;
  for (let breaks = 0; ; breaks++) {
    let failure: unknown;
    try {
      for await (const chunk of answer.body) {
        doneBytes += (chunk as Buffer).length;
        yield chunk as Buffer;
      }
    } catch (error) {
      failure = error;
    }
    if (doneBytes === initial.length) return;
    if (doneBytes > initial.length || breaks >= mostResumptions || options.signal.aborted) {
      throw options.wrap(
        failure ?? new StoreError('damaged', `${options.name} ended after ${doneBytes} of ${initial.length} bytes`),
      );
    }
    answer = await request(firstByte + doneBytes).catch((error) => {
      throw options.wrap(error);
    });
    if (answer.etag !== initial.etag) throw new StoreError('damaged', `${options.name} changed while it was read`);
  }
}
