import { setTimeout as delay } from 'node:timers/promises';

/**
 * The value of `work` as soon as it succeeds, tried every `intervalMs`. Throws its last error after `timeoutMs`. For what
 * tests and benchmarks share; in a test alone `vi.waitFor` does the same.
 */
export async function untilSucceeds<T>(
  work: () => Promise<T>,
  { timeoutMs, intervalMs }: { readonly timeoutMs: number; readonly intervalMs: number },
): Promise<T> {
  const endsAtMs = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() >= endsAtMs) throw error;
    }
    await delay(intervalMs);
  }
}
