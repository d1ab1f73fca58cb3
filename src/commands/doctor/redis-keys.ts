import { patternOf } from '../../collectors/redis/key-pattern.ts';
import type { Clock } from '../../core/clock.ts';
import { type Command, type RedisConnection, RedisError } from '../../targets/redis/connection.ts';

/** What is known of some of the keys of one database. */
export interface KeySample {
  readonly database: number;
  /** Keys that were looked at, and that there are. */
  readonly sampled: number;
  readonly total: number;
  /** By memory, most first. */
  readonly patterns: readonly PatternShare[];
  readonly biggest: readonly SampledKey[];
}

/** Keys whose names differ in numbers and identifiers only. */
export interface PatternShare {
  readonly pattern: string;
  readonly keys: number;
  readonly memoryBytes: number;
  /** Keys that never expire. */
  readonly persistent: number;
}

export interface SampledKey {
  readonly key: string;
  readonly type: string;
  readonly memoryBytes: number;
}

export interface SampleLimits {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Keys of a database that are looked at. */
  readonly keys: number;
  /** Of `clock.monotonicMs()`. */
  readonly endsAtMs: number;
}

/** The server looks at so many keys in one go, and is asked about as many in one round trip. */
const keysAtOnce = 200;
const biggestKept = 10;
const patternsKept = 1_000;

/**
 * Looks at some keys of a database: the first ones of SCAN, which come in no order that has to do with their names or
 * sizes. Ends at the limits; the server is never busy with it for long. Throws the server's error for a right that is missing.
 */
export async function sampleKeys(
  connection: RedisConnection,
  database: { readonly index: number; readonly keys: number },
  limits: SampleLimits,
): Promise<KeySample> {
  const found = new Found();
  await askAll(connection, [['SELECT', String(database.index)]], limits.signal);
  let cursor = '0';
  do {
    const scan: Command = ['SCAN', cursor, 'COUNT', String(keysAtOnce)];
    const [reply] = await askAll(connection, [scan], limits.signal);
    if (!Array.isArray(reply) || !Array.isArray(reply[1])) throw new Error('SCAN gave something else than keys');
    cursor = String(reply[0]);
    await lookAt(connection, reply[1].map(String), found, limits.signal);
  } while (cursor !== '0' && found.sampled < limits.keys && limits.clock.monotonicMs() < limits.endsAtMs);
  return { database: database.index, total: database.keys, ...found.result() };
}

async function lookAt(
  connection: RedisConnection,
  keys: readonly string[],
  found: Found,
  signal: AbortSignal,
): Promise<void> {
  const questions = keys.flatMap((key): Command[] => [
    ['TYPE', key],
    ['MEMORY', 'USAGE', key],
    ['TTL', key],
  ]);
  const answers = await askAll(connection, questions, signal);
  for (const [index, key] of keys.entries()) {
    const [type, memory, ttl] = answers.slice(3 * index, 3 * index + 3);
    // Gone by now.
    if (typeof memory !== 'number') continue;
    found.add({ key, type: String(type), memoryBytes: memory }, ttl === -1);
  }
}

async function askAll(connection: RedisConnection, commands: readonly Command[], signal: AbortSignal) {
  const answers = commands.length === 0 ? [] : await connection.ask(commands, signal);
  return answers.map((answer) => {
    if (answer instanceof RedisError) throw answer;
    return answer;
  });
}

class Found {
  sampled = 0;
  #biggest: SampledKey[] = [];
  readonly #patterns = new Map<string, { keys: number; memoryBytes: number; persistent: number }>();

  add(key: SampledKey, isPersistent: boolean): void {
    this.sampled++;
    const own = patternOf(key.key);
    const pattern = this.#patterns.has(own) || this.#patterns.size < patternsKept ? own : '(others)';
    const share = this.#patterns.get(pattern) ?? { keys: 0, memoryBytes: 0, persistent: 0 };
    share.keys++;
    share.memoryBytes += key.memoryBytes;
    share.persistent += Number(isPersistent);
    this.#patterns.set(pattern, share);
    const [smallest] = this.#biggest.slice(biggestKept - 1);
    if (smallest !== undefined && smallest.memoryBytes >= key.memoryBytes) return;
    this.#biggest = [...this.#biggest, key].sort((a, b) => b.memoryBytes - a.memoryBytes).slice(0, biggestKept);
  }

  result(): Pick<KeySample, 'sampled' | 'patterns' | 'biggest'> {
    const patterns = [...this.#patterns].map(([pattern, share]) => ({ pattern, ...share }));
    patterns.sort((a, b) => b.memoryBytes - a.memoryBytes);
    return { sampled: this.sampled, patterns, biggest: this.#biggest };
  }
}
