import { errorCode, findCause } from '../core/errors.ts';
import { ProcessFailed } from '../core/run-process.ts';
import { classifyFailure } from './failure.ts';
import { JobFailed } from './job.ts';
import type { Obstacle } from './manifest.ts';

/** What kept a backup from being tried, of an error whose verdict is `inconclusive`. */
export function obstacleOf(error: unknown): Obstacle {
  const named = findCause(error, JobFailed);
  if (named?.reason === 'identity') return 'identity';
  if (named?.obstacle !== undefined) return named.obstacle;
  const code = errorCode(error);
  // Of the operating system and of PostgreSQL (docs: Appendix A); programs of PostgreSQL only repeat the words.
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === '53100') return 'disk';
  if (code === 'ENOMEM' || code === '53200') return 'memory';
  if (findCause(error, ProcessFailed)?.signal === 'SIGKILL') return 'memory';
  return classifyFailure(error).reason === 'deadline' ? 'time' : 'place';
}
