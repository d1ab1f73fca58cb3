import type { Clock } from '../../core/clock.ts';
import { type Command, RedisError, type Reply } from '../../targets/redis/connection.ts';
import { NotApplicable } from '../collector.ts';
import type { KeyPattern } from './settings.ts';
import { explain, type NodeReading } from './source.ts';

/** A pattern with the database in which it is looked for. */
export interface PlacedPattern {
  readonly database: number;
  readonly match: string;
  /** Label value: `db0`. */
  readonly db: string;
}

/** Until when keys may be looked at. */
export interface TimeBudget {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly endsAtMs: number;
}

export function timeBudget(
  reading: NodeReading,
  given: { readonly clock: Clock; readonly signal: AbortSignal },
): TimeBudget {
  return { ...given, endsAtMs: given.clock.monotonicMs() + reading.settings.keys.timeLimit };
}

/**
 * The patterns with their databases. Throws {@link NotApplicable} without any, and on a replica of a cluster or behind
 * Sentinels: its master has the same keys.
 */
export function placed(reading: NodeReading, patterns: readonly KeyPattern[]): PlacedPattern[] {
  if (patterns.length === 0) throw new NotApplicable('no keys are named in "watch.keys"');
  assertHasOwnKeys(reading);
  return patterns.map(({ database = reading.database, match }) => ({ database, match, db: `db${database}` }));
}

/** Throws {@link NotApplicable} on a replica whose master is watched too. */
export function assertHasOwnKeys({ node, info }: NodeReading): void {
  if (node.group !== '' && info.text('role') !== 'master') throw new NotApplicable('the master has the same keys');
}

/** True where the pattern stands for itself. */
export function isOneKey({ match }: PlacedPattern): boolean {
  return !/[*?[\\]/.test(match);
}

/**
 * Walks over the keys that match, `scanCount` keys at a time, so that the server never works long at once. `onKeys` says
 * whether to go on. Gives `all` only when every key was seen; a key may come twice.
 */
export async function scanKeys(
  reading: NodeReading,
  pattern: PlacedPattern,
  budget: TimeBudget,
  onKeys: (keys: readonly string[]) => boolean | Promise<boolean>,
  type?: string,
): Promise<'all' | 'stopped' | 'late'> {
  const { scanCount } = reading.settings.keys;
  const rest = ['MATCH', pattern.match, 'COUNT', String(scanCount), ...(type === undefined ? [] : ['TYPE', type])];
  await askOne(reading, ['SELECT', String(pattern.database)], budget.signal);
  for (let cursor = '0'; ; ) {
    const reply = await askOne(reading, ['SCAN', cursor, ...rest], budget.signal);
    if (!Array.isArray(reply) || !Array.isArray(reply[1])) throw new Error('SCAN gave something else than keys');
    cursor = String(reply[0]);
    const goOn = await onKeys(reply[1].map(String));
    if (cursor === '0') return 'all';
    if (!goOn) return 'stopped';
    if (budget.clock.monotonicMs() >= budget.endsAtMs) return 'late';
  }
}

/** Keys of a pattern, `limit` at most, and whether there are no more. A pattern without wildcards is one key. */
export async function findKeys(
  reading: NodeReading,
  pattern: PlacedPattern,
  budget: TimeBudget,
  limit: number,
  type?: string,
): Promise<{ readonly keys: readonly string[]; readonly complete: boolean }> {
  if (isOneKey(pattern)) {
    await askOne(reading, ['SELECT', String(pattern.database)], budget.signal);
    return { keys: [pattern.match], complete: true };
  }
  const found = new Set<string>();
  const onKeys = (keys: readonly string[]) => {
    for (const key of keys) found.add(key);
    return found.size <= limit;
  };
  const end = await scanKeys(reading, pattern, budget, onKeys, type);
  return { keys: [...found].slice(0, limit), complete: end === 'all' && found.size <= limit };
}

/** The answers; an error that says that the key is elsewhere or of another type is an answer. */
export async function askAll(
  reading: NodeReading,
  commands: readonly Command[],
  signal: AbortSignal,
): Promise<readonly (Reply | RedisError)[]> {
  const answers = commands.length === 0 ? [] : await reading.connection.ask(commands, signal);
  for (const [index, answer] of answers.entries()) {
    const command = commands[index];
    if (answer instanceof RedisError && answer.isLasting && command !== undefined) throw explain(answer, command);
  }
  return answers;
}

export async function askOne(reading: NodeReading, command: Command, signal: AbortSignal): Promise<Reply> {
  const [answer = null] = await reading.connection.ask([command], signal);
  if (answer instanceof RedisError) throw explain(answer, command);
  return answer;
}
