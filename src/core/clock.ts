import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';

/** The only source of time. Everything that reads or waits takes one, so that tests move time by hand. */
export interface Clock {
  /** The present instant; its zone is always UTC, zones belong to schedules and to what people read. */
  now(): Date;
  /** Milliseconds since some fixed moment; never goes backwards, unlike `now()`. For durations. */
  monotonicMs(): number;
  /** Resolves after `ms` milliseconds, at once when `ms` <= 0. Rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls back once after `ms` milliseconds unless the returned function was called before: cheaper than a sleep that is aborted. */
  startTimer(ms: number, onEnd: () => void): () => void;
}

/** setTimeout fires at once for anything longer (about 24.8 days), so longer waits are made of several. */
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  async sleep(ms, signal) {
    signal?.throwIfAborted();
    const endsAtMs = performance.now() + ms;
    for (let leftMs = ms; leftMs > 0; leftMs = endsAtMs - performance.now()) {
      await delay(Math.min(leftMs, longestTimerMs), undefined, signal === undefined ? {} : { signal }).catch(
        (error) => {
          throw signal?.reason ?? error;
        },
      );
    }
  },
  startTimer(ms, onEnd) {
    const timer = setTimeout(onEnd, Math.min(ms, longestTimerMs));
    return () => clearTimeout(timer);
  },
};

/** Seconds from `start` (a value of `monotonicMs`) until now. */
export function secondsSince(clock: Clock, startMs: number): number {
  return (clock.monotonicMs() - startMs) / 1_000;
}
