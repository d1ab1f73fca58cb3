import type { Clock } from './clock.ts';

/** The reason of a signal that fired because time ran out. */
export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded';
}

/**
 * Runs `work` with a signal that fires after `ms` milliseconds (with {@link DeadlineExceeded}) or when `parent` does.
 * It does not race: `work` must honour the signal, or the caller waits for it.
 */
export async function withDeadline<T>(
  deadline: { readonly parent: AbortSignal; readonly ms: number; readonly clock: Clock; readonly what: string },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { parent, ms, clock, what } = deadline;
  // Every family of every scrape comes here: AbortSignal.any costs several times as much.
  const either = new AbortController();
  if (parent.aborted) either.abort(parent.reason);
  const onAbort = () => either.abort(parent.reason);
  parent.addEventListener('abort', onAbort, { once: true });
  const stopTimer = clock.startTimer(ms, () =>
    either.abort(new DeadlineExceeded(`${what} took longer than ${Math.round(ms)} ms`)),
  );
  try {
    return await work(either.signal);
  } finally {
    stopTimer();
    parent.removeEventListener('abort', onAbort);
  }
}

/** Rejects with the signal's reason as soon as it fires; what `promise` started keeps running and must be ended apart. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => undefined);
    return Promise.reject(signal.reason);
  }
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
