import type { LoadedBackup, LoadedSandbox } from '../../config/loaded.ts';
import { DeadlineExceeded, withDeadline } from '../../core/deadline.ts';
import { coerceError, errorMessage, findCause } from '../../core/errors.ts';
import type { WorkContext } from '../../core/work-context.ts';
import type { SelectSettings } from '../../jobs/settings.ts';
import type { PostgresAccess } from '../../targets/libpq/access.ts';
import { openSession, type PostgresSession } from '../../targets/postgres/session.ts';
import { diagnoseConnection } from './connection-remedy.ts';
import type { Findings } from './finding.ts';

/** A database that is backed up, as far as programs and sandboxes must fit it. */
export interface SourceDatabase {
  readonly target: string;
  readonly database: string;
  readonly major: number;
  readonly extensions: readonly string[];
  readonly sizeBytes: number;
  /** Undefined where proofs are switched off. */
  readonly sandbox: LoadedSandbox | undefined;
}

/** With all schedules that back it up. */
export type BackupOfDatabase = Pick<LoadedBackup, 'target' | 'access' | 'proof'> & {
  readonly database: string;
  readonly chosen: readonly ChosenBySchedule[];
};

/** What of the database a schedule backs up. */
export interface ChosenBySchedule {
  readonly schedule: string;
  readonly select: SelectSettings;
  /** How many databases the schedule names; `any`: those that fit its patterns, which need not have the same tables. */
  readonly chosenFrom: 'one' | 'several' | 'any';
}

/** Lowest major version whose views and programs are known here. */
export const oldestMajor = 12;

/**
 * Logs in, looks, and says goodbye, all within `context`'s time. A login that fails becomes a finding, and so does a
 * look that fails; then the result is undefined.
 */
export async function withSession<T>(
  access: PostgresAccess,
  findings: Findings,
  context: WorkContext & { readonly timeoutMs: number },
  look: (session: PostgresSession, signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const deadline = { parent: context.signal, ms: context.timeoutMs, clock: context.clock, what: 'the check' };
  let connected = false;
  try {
    return await withDeadline(deadline, async (signal) => {
      await using session = await openSession(access, {
        signal,
        applicationName: 'watchkeeper check',
        connectTimeoutMs: context.timeoutMs,
        settings: { ...checkSettings },
        statementsStandAlone: true,
      });
      connected = true;
      return await look(session, signal);
    });
  } catch (error) {
    context.signal.throwIfAborted();
    if (connected) findings.error(lookFailure(error));
    else {
      const { message, remedy } = diagnoseConnection(error, access);
      findings.error(message, remedy);
    }
    return undefined;
  }
}

/** The checks read the catalogs and change nothing; what waits is given up. */
const checkSettings = {
  default_transaction_read_only: 'on',
  statement_timeout: '5s',
  lock_timeout: '1s',
  search_path: 'pg_catalog',
} as const;

function lookFailure(error: unknown): string {
  const late = findCause(error, DeadlineExceeded);
  return late === undefined ? `looking at it failed: ${errorMessage(coerceError(error))}` : late.message;
}
