import { errorCode, findCause } from '../../core/errors.ts';
import { ProcessFailed } from '../../core/run-process.ts';
import type { WorkContext } from '../../core/work-context.ts';
import { StoreError } from '../../storage/object-store.ts';
import { JobFailed } from '../job.ts';

/** Several things that only make sense together: the first that fails ends the others. */
export interface JoinedRun extends AsyncDisposable {
  /** Fires when the context's signal does or a step failed. */
  readonly signal: AbortSignal;
  /** Waits until every step is settled; throws what went wrong first, not the broken pipes that followed it. */
  all(steps: readonly Promise<unknown>[]): Promise<void>;
}

const echoGraceMs = 500;

/** Disposing ends whatever of it still runs. */
export function joinedRun(context: WorkContext): JoinedRun {
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  return {
    signal,
    async all(steps) {
      const failures: unknown[] = [];
      const onFailure = async (error: unknown): Promise<void> => {
        failures.push(error);
        // The end of a pipe is often seen before the reason why the program at its other side ended.
        if (isEcho(error)) await context.clock.sleep(echoGraceMs, signal).catch(() => undefined);
        stop.abort(error);
      };
      await Promise.all(steps.map((step) => step.catch(onFailure)));
      if (context.signal.aborted) throw context.signal.reason;
      if (failures.length > 0) throw mostTelling(failures);
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('the work ended'));
    },
  };
}

/** What one of us found out says more than a program that was cut off, and that more than a broken pipe. */
function mostTelling(failures: readonly unknown[]): unknown {
  const isFinding = (error: unknown) => findCause(error, JobFailed) ?? findCause(error, StoreError);
  return failures.find(isFinding) ?? failures.find((error) => !isEcho(error)) ?? failures[0];
}

const echoCodes = new Set(['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED', 'ABORT_ERR']);

/** zstd and pg_dump, when whoever read their output is gone. */
const lostReader = /write.*(Broken pipe|Connection reset)/i;

/** A failure that only says that the other side of a pipe is gone. */
export function isEcho(error: unknown): boolean {
  if (error instanceof ProcessFailed) return error.signal === 'SIGPIPE' || lostReader.test(error.stderr);
  return echoCodes.has(errorCode(error) ?? '');
}
