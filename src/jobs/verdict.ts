import { errorCode, findCause } from '../core/errors.ts';
import { ProcessFailed, ProgramMissing } from '../core/run-process.ts';
import { StoreError } from '../storage/object-store.ts';
import { JobFailed } from './job.ts';

/**
 * What an error during a verification says about the backup. `failed`: the backup is not good. `inconclusive`: this
 * place could not try it. `try_again`: nothing was learned, and it may pass by itself.
 */
export function verdictOf(error: unknown): 'failed' | 'inconclusive' | 'try_again' {
  const store = findCause(error, StoreError);
  if (store !== undefined) return store.kind === 'missing' || store.kind === 'damaged' ? 'failed' : 'try_again';
  const job = findCause(error, JobFailed);
  if (job !== undefined) return job.reason === 'inconclusive' ? 'inconclusive' : 'failed';
  if (findCause(error, ProgramMissing) !== undefined) return 'inconclusive';
  // pg_restore that was ended by a signal: out of memory, or somebody ended it.
  if (findCause(error, ProcessFailed)?.exitCode === null) return 'inconclusive';
  return isTroubleOfThePlace(errorCode(error)) ? 'inconclusive' : 'failed';
}

const systemCodes = new Set([
  'ENOSPC',
  'EDQUOT',
  'EACCES',
  'ENOMEM',
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'ENOTFOUND',
]);

/** Codes of the operating system, and of PostgreSQL: connection (08), authorisation (28), resources (53), operator (57). */
function isTroubleOfThePlace(code: string | undefined): boolean {
  if (code === undefined) return false;
  return systemCodes.has(code) || /^(08|28|53|57P|42501)/.test(code);
}
