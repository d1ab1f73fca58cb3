import { addAbortSignal, type Readable } from 'node:stream';

/** Its cause is what broke in the body that was to be stored: no error of the store, so it keeps its own words. */
export class BodyFailed extends Error {
  override readonly name = 'BodyFailed';
}

/** The chunks of a body. Whoever stops early destroys it; its own failure is thrown as {@link BodyFailed}. */
export async function* bodyChunks(body: Readable, signal: AbortSignal): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of addAbortSignal(signal, body)) yield chunk as Buffer;
  } catch (error) {
    throw new BodyFailed('the body failed', { cause: error });
  }
}
