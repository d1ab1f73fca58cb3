import { createHash } from 'node:crypto';
import {
  type ByteCommand,
  type ByteReply,
  type RedisConnection,
  RedisError,
} from '../../../targets/redis/connection.ts';

/** What one key holds, as far as it was read. */
export interface KeyState {
  readonly type: string;
  /** Milliseconds that it has left to live; undefined: for ever. */
  readonly leftMs: number | undefined;
  /** Bytes of a string, members of anything else; undefined for types of modules. */
  readonly length: number | undefined;
  /** The same for the same value, whatever the server's version keeps it in; undefined where it was not read. */
  readonly fingerprint: string | undefined;
  /** Why its value was not read. */
  readonly skipped: string | undefined;
}

/** Larger values are not read. */
const mostBytes = 2 ** 20;

interface Reading {
  readonly length: (key: Buffer) => ByteCommand;
  readonly value: (key: Buffer) => ByteCommand;
  /** In one order whatever the server has. */
  readonly elements: (reply: ByteReply) => readonly Buffer[];
}

const readings: Readonly<Record<string, Reading>> = {
  string: {
    length: (key) => ['STRLEN', key],
    value: (key) => ['GET', key],
    elements: (reply) => flat(reply),
  },
  list: {
    length: (key) => ['LLEN', key],
    value: (key) => ['LRANGE', key, '0', '-1'],
    elements: (reply) => flat(reply),
  },
  set: {
    length: (key) => ['SCARD', key],
    value: (key) => ['SMEMBERS', key],
    elements: (reply) => [...flat(reply)].sort(Buffer.compare),
  },
  zset: {
    length: (key) => ['ZCARD', key],
    value: (key) => ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
    elements: (reply) => sortedPairs(reply, canonicalScore),
  },
  hash: {
    length: (key) => ['HLEN', key],
    value: (key) => ['HGETALL', key],
    elements: (reply) => sortedPairs(reply, (value) => value),
  },
  stream: {
    length: (key) => ['XLEN', key],
    value: (key) => ['XRANGE', key, '-', '+'],
    elements: (reply) => flat(reply),
  },
};

/**
 * Reads some keys of one server, in three round trips; undefined where there is none. Throws {@link RedisError} when the server
 * refuses one of the commands, and when the key is of another server of the cluster by now.
 */
export async function readKeys(
  connection: RedisConnection,
  keys: readonly Buffer[],
  given: { readonly database: number; readonly signal: AbortSignal },
): Promise<readonly (KeyState | undefined)[]> {
  const about = await askEach(connection, keys, given, [
    (key) => ['TYPE', key],
    (key) => ['PTTL', key],
    (key) => ['MEMORY', 'USAGE', key],
  ]);
  const known = about.map(([type, ttl, memory]) => ({ type: String(type), ttl: Number(ttl), memory: Number(memory) }));
  const lengths = await askReadings(connection, keys, known, given, ({ length }) => length);
  const small = known.map((one) => (one.memory <= mostBytes ? one : { ...one, type: tooLarge }));
  const values = await askReadings(connection, keys, small, given, ({ value }) => value);
  return known.map(({ type, ttl, memory }, index) => {
    if (type === 'none') return undefined;
    const [length, reply] = [lengths[index], values[index]];
    return {
      type,
      leftMs: ttl < 0 ? undefined : ttl,
      length: typeof length === 'number' ? length : undefined,
      ...valueOfKey(readings[type], reply, { type, memory }),
    };
  });
}

const tooLarge = '(too large)';

function valueOfKey(
  reading: Reading | undefined,
  reply: ByteReply | RedisError | undefined,
  { type, memory }: { readonly type: string; readonly memory: number },
): Pick<KeyState, 'fingerprint' | 'skipped'> {
  if (reading === undefined) return { fingerprint: undefined, skipped: `values of type ${type} cannot be compared` };
  if (memory > mostBytes) {
    return {
      fingerprint: undefined,
      skipped: 'its value takes more than 1 MiB: only type, time to live and length were compared',
    };
  }
  if (reply === undefined || reply === null || reply instanceof RedisError) {
    return { fingerprint: undefined, skipped: 'it changed while it was read' };
  }
  return { fingerprint: fingerprintOf(reading.elements(reply)), skipped: undefined };
}

/** For the keys whose type has it; undefined for others. */
async function askReadings(
  connection: RedisConnection,
  keys: readonly Buffer[],
  known: readonly { readonly type: string }[],
  given: { readonly database: number; readonly signal: AbortSignal },
  commandOf: (reading: Reading) => (key: Buffer) => ByteCommand,
): Promise<readonly (ByteReply | RedisError | undefined)[]> {
  const wanted = keys.flatMap((key, index) => {
    const reading = readings[known[index]?.type ?? ''];
    return reading === undefined ? [] : [{ index, command: commandOf(reading)(key) }];
  });
  const answers = await ask(
    connection,
    wanted.map(({ command }) => command),
    given,
  );
  const found: (ByteReply | RedisError | undefined)[] = keys.map(() => undefined);
  for (const [at, { index }] of wanted.entries()) found[index] = answers[at];
  return found;
}

async function askEach(
  connection: RedisConnection,
  keys: readonly Buffer[],
  given: { readonly database: number; readonly signal: AbortSignal },
  questions: readonly ((key: Buffer) => ByteCommand)[],
): Promise<(ByteReply | RedisError | undefined)[][]> {
  const answers = await ask(
    connection,
    keys.flatMap((key) => questions.map((question) => question(key))),
    given,
  );
  return keys.map((_, index) => answers.slice(index * questions.length, (index + 1) * questions.length));
}

/** An error about one key is an answer; one about what we may do, or about where the key is, is thrown. */
export async function ask(
  connection: RedisConnection,
  commands: readonly ByteCommand[],
  { database, signal }: { readonly database: number; readonly signal: AbortSignal },
): Promise<readonly (ByteReply | RedisError)[]> {
  if (commands.length === 0) return [];
  const [selected, ...answers] = await connection.askBytes([['SELECT', String(database)], ...commands], signal);
  const refusal = [selected, ...answers].find((one) => one instanceof RedisError && one.code !== 'WRONGTYPE');
  if (refusal instanceof RedisError) throw refusal;
  return answers;
}

/** The bytes of a reply, those of lists in lists too. */
function flat(reply: ByteReply): readonly Buffer[] {
  if (Buffer.isBuffer(reply)) return [reply];
  return Array.isArray(reply) ? reply.flatMap(flat) : [Buffer.from(String(reply))];
}

function sortedPairs(reply: ByteReply, canonical: (value: Buffer) => Buffer): readonly Buffer[] {
  const all = flat(reply);
  const pairs: (readonly [Buffer, Buffer])[] = [];
  for (let index = 0; index + 1 < all.length; index += 2) {
    pairs.push([all[index] ?? Buffer.alloc(0), canonical(all[index + 1] ?? Buffer.alloc(0))]);
  }
  return pairs.sort(([a], [b]) => Buffer.compare(a, b)).flat();
}

/** Versions write the same double with more or fewer digits. */
function canonicalScore(score: Buffer): Buffer {
  const number = Number(score.toString());
  return Number.isNaN(number) ? score : Buffer.from(String(number));
}

/** With the length of each element before it, so that no two lists have the same bytes. */
function fingerprintOf(elements: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const element of elements) hash.update(`${element.length}:`).update(element);
  return hash.digest('hex');
}
