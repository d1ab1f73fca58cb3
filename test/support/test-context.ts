import { onTestFinished } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import type { OnProgress, WorkContext } from '../../src/core/work-context.ts';

/** What work is given in a test: real time, no log, and a signal that fires when the test is over. */
export function testContext(changes: Partial<WorkContext> = {}): WorkContext & { readonly onProgress: OnProgress } {
  return {
    signal: testSignal(),
    clock: systemClock,
    log: silentLog,
    onProgress: () => undefined,
    ...changes,
  };
}

/** Fires when the present test has finished, so that nothing of it goes on behind the next one's back. */
export function testSignal(): AbortSignal {
  const stop = new AbortController();
  onTestFinished(() => stop.abort(new Error('the test is over')));
  return stop.signal;
}
