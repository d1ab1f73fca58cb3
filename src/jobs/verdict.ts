import { errorCode, findCause } from '../core/errors.ts';
import { ProcessFailed, ProgramMissing } from '../core/run-process.ts';
import { StoreError } from '../storage/object-store.ts';
import { classifyFailure } from './failure.ts';
import { type FailureReason, JobFailed } from './job.ts';

/**
 * What an error during a verification says about the backup. `failed`: the backup is not good. `inconclusive`: this
 * place could not try it. `try_again`: nothing was learned, and it may pass by itself.
 */
export function verdictOf(error: unknown): 'failed' | 'inconclusive' | 'try_again' {
  const store = findCause(error, StoreError);
  if (store !== undefined) return store.kind === 'missing' || store.kind === 'damaged' ? 'failed' : 'try_again';
  const job = findCause(error, JobFailed);
  if (job !== undefined) return verdictOfJob(job);
  if (findCause(error, ProgramMissing) !== undefined) return 'inconclusive';
  // pg_restore that was ended by a signal: out of memory, or somebody ended it.
  if (findCause(error, ProcessFailed)?.exitCode === null) return 'inconclusive';
  if (isTroubleOfThePlace(errorCode(error))) return 'inconclusive';
  // Programs, and a connection that just ends, have words only.
  return placeReasons.has(classifyFailure(error).reason) ? 'inconclusive' : 'failed';
}

/** A service of secrets that does not answer says nothing about the identity either. */
function verdictOfJob({ reason, transient }: JobFailed): 'failed' | 'inconclusive' | 'try_again' {
  if (reason === 'identity' && transient) return 'try_again';
  return ownReasons.has(reason) ? 'inconclusive' : 'failed';
}

/** Of our own: said where nothing was learned about the backup. */
const ownReasons: ReadonlySet<FailureReason> = new Set(['inconclusive', 'identity']);

const placeReasons: ReadonlySet<FailureReason> = new Set(['connection', 'authentication', 'deadline']);

/**
 * Codes of the operating system (`ENOSPC`), and of PostgreSQL: connection (08), transaction timeouts (25P), authorisation
 * (28), resources (53), operator (57).
 */
function isTroubleOfThePlace(code: string | undefined): boolean {
  return code !== undefined && /^(E[A-Z0-9]+$|08|25P0[34]|28|53|57|42501)/.test(code);
}
