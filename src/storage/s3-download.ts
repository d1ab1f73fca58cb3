import { Readable } from 'node:stream';
import { StoreError } from './object-store.ts';

interface Answer {
  readonly body: Readable;
  /** Bytes that this answer promises; undefined when the service does not say. */
  readonly length: number | undefined;
  readonly etag: string | undefined;
}

export interface Download {
  /** How errors call the object. */
  readonly name: string;
  /** Bytes from `first` on, or what the caller asked for when undefined. */
  readonly request: (first: number | undefined) => Promise<Answer>;
  readonly firstByte: number;
  /** Turns what broke into the error to throw. */
  readonly wrap: (error: unknown) => unknown;
  readonly signal: AbortSignal;
}

const mostBreaks = 5;
/** Whoever gets this far between two breaks gets to the end. */
const progressBytes = 8 * 2 ** 20;

/**
 * The body of an object, resumed where it broke off. A connection that is cut in the middle ends like a complete one on
 * some services, so the promised length decides; five breaks without progress between them are an error.
 */
export async function resumingBody(download: Download): Promise<Readable> {
  const answer = await download.request(undefined);
  if (answer.length === undefined) {
    answer.body.destroy();
    throw new StoreError('unavailable', `${download.name}: the service does not tell the length`);
  }
  const body = Readable.from(resume(download, answer, answer.length), {
    objectMode: false,
    highWaterMark: 2 ** 20,
  });
  // A generator that was never started cleans nothing up, and the connection would be held for ever.
  body.once('close', () => answer.body.destroy());
  return body;
}

async function* resume(download: Download, initial: Answer, length: number): AsyncGenerator<Buffer> {
  const { name, firstByte, signal, wrap } = download;
  let answer = initial;
  let doneBytes = 0;
  let brokeAt = 0;
  for (let breaks = 1; ; breaks++) {
    let failure: unknown;
    try {
      for await (const chunk of answer.body) {
        doneBytes += (chunk as Buffer).length;
        yield chunk as Buffer;
      }
    } catch (error) {
      failure = error;
    }
    if (doneBytes === length) return;
    if (doneBytes - brokeAt >= progressBytes) breaks = 1;
    brokeAt = doneBytes;
    if (doneBytes > length || breaks > mostBreaks || signal.aborted) {
      throw wrap(failure ?? new StoreError('damaged', `${name} ended after ${doneBytes} of ${length} bytes`));
    }
    answer = await download.request(firstByte + doneBytes).catch((error) => {
      throw wrap(error);
    });
    if (answer.etag !== initial.etag) {
      answer.body.destroy();
      throw new StoreError('damaged', `${name} changed while it was read`);
    }
  }
}
