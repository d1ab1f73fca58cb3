import { errorCode, errorMessage, findCause } from '../core/errors.ts';
import { ProcessFailed, ProgramMissing } from '../core/run-process.ts';
import { classifyFailure } from './failure.ts';
import { type FailureReason, JobFailed } from './job.ts';
import type { Obstacle } from './manifest.ts';

/** What kept a backup from being tried, of an error whose verdict is `inconclusive`. */
export function obstacleOf(error: unknown): Obstacle {
  const named = namedIn(error);
  if (named !== undefined) return named;
  if (findCause(error, ProgramMissing) !== undefined) return 'program';
  const code = errorCode(error) ?? '';
  const text = errorMessage(error);
  const known = obstacles.find(({ codes, words }) => codes?.test(code) === true || words?.test(text) === true);
  if (known !== undefined) return known.obstacle;
  // Nobody else ends our programs so; the kernel does when memory is short.
  if (findCause(error, ProcessFailed)?.signal === 'SIGKILL') return 'memory';
  return ofReason[classifyFailure(error).reason] ?? 'place';
}

/** By whoever found it, however often it was wrapped since. */
function namedIn(error: unknown): Obstacle | undefined {
  const failure = findCause(error, JobFailed);
  if (failure?.reason === 'identity') return 'identity';
  return failure === undefined ? undefined : (failure.obstacle ?? namedIn(failure.cause));
}

/**
 * Codes of the operating system and of PostgreSQL (docs: Appendix A), and what its programs say, which have no codes. The
 * first match wins.
 */
const obstacles: readonly { readonly obstacle: Obstacle; readonly codes?: RegExp; readonly words?: RegExp }[] = [
  { obstacle: 'disk', codes: /^(ENOSPC|EDQUOT|53100)$/, words: /No space left on device|Disk quota exceeded/ },
  { obstacle: 'memory', codes: /^(ENOMEM|53200)$/, words: /out of (shared )?memory|Cannot allocate memory/ },
  {
    obstacle: 'extension',
    words:
      /extension "[^"]*" is not available|extension control file|must be (pre)?loaded|shared_preload_libraries|could not (access|load) (file|library)|can only create extension in database|security label provider/,
  },
  {
    obstacle: 'locale',
    words:
      /locale \S+ of the source is not to be had|could not (create locale|open collator)|collation "[^"]*" for encoding/,
  },
  { obstacle: 'version', words: /unrecognized configuration parameter/ },
  { obstacle: 'time', codes: /^57014$/ },
  {
    obstacle: 'privilege',
    codes: /^(28...|42501)$/,
    words: /permission denied|must be (superuser|owner of|member of)/,
  },
];

const ofReason: Readonly<Partial<Record<FailureReason, Obstacle>>> = {
  deadline: 'time',
  program: 'program',
  privilege: 'privilege',
  authentication: 'privilege',
};
