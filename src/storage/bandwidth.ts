import { Readable } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import { BodyFailed, bodyChunks } from './body.ts';
import { type ObjectStore, passingOn } from './object-store.ts';

/** A line of a given width that all transfers share: whoever wants to pass waits until it is free again. */
class Line {
  readonly #bytesPerMs: number;
  readonly #clock: Clock;
  #freeAtMs = 0;

  constructor(bytesPerSecond: number, clock: Clock) {
    this.#bytesPerMs = bytesPerSecond / 1_000;
    this.#clock = clock;
  }

  async pass(bytes: number, signal: AbortSignal): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) + bytes / this.#bytesPerMs;
    await this.#clock.sleep(this.#freeAtMs - nowMs, signal);
  }
}

/**
 * A store over a line of `bytesPerSecond`, which everything written and read shares. It holds on average over some
 * seconds: a part of an upload is gathered at that rate and then sent at once. Housekeeping is not slowed down.
 */
export function withBandwidth(store: ObjectStore, bytesPerSecond: number, clock: Clock): ObjectStore {
  const line = new Line(bytesPerSecond, clock);
  return {
    ...passingOn(store),
    async put(key, body, signal) {
      if (body instanceof Readable) return store.put(key, slowed(body, line, signal), signal);
      await line.pass(body.length, signal);
      return store.put(key, body, signal);
    },
    async get(key, signal, range) {
      return slowed(await store.get(key, signal, range), line, signal);
    },
  };
}

/** The same bytes at the pace of the line. Destroying it destroys the source, and a failing source fails it. */
function slowed(source: Readable, line: Line, signal: AbortSignal): Readable {
  async function* chunks(): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of bodyChunks(source, signal)) {
        await line.pass(chunk.length, signal);
        yield chunk;
      }
    } catch (error) {
      throw error instanceof BodyFailed ? error.cause : error;
    }
  }
  const slow = Readable.from(chunks(), { objectMode: false, highWaterMark: 2 ** 20 });
  // A generator that was never started cleans nothing up.
  slow.once('close', () => source.destroy());
  return slow;
}
