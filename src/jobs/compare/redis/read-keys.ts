import { createHash } from 'node:crypto';
import { type ByteCommand, type ByteReply, RedisError } from '../../../targets/redis/connection.ts';

/** One round trip to a server. An error about one key is an answer; any other is thrown. */
export type Ask = (commands: readonly ByteCommand[]) => Promise<readonly (ByteReply | RedisError)[]>;

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
/** Nor those with more elements: the server would look at each of them to tell their size. */
const mostElements = 10_000;

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
 * Reads some keys of one server, in four round trips; undefined where there is none. Throws {@link RedisError} when the server
 * refuses one of the commands, and when the key is of another server of the cluster by now.
 */
export async function readKeys(ask: Ask, keys: readonly Buffer[]): Promise<readonly (KeyState | undefined)[]> {
  const about = await askEach(ask, keys, [(key) => ['TYPE', key], (key) => ['PTTL', key]]);
  const types = about.map(([type]) => String(type));
  const lengths = await askReadings(ask, keys, types, ({ length }) => length);
  const few = types.map((type, index) => (hasFewElements(type, lengths[index]) ? type : notRead));
  // Every element, not the five that are asked for by default: one of them may have most of the bytes.
  const sizes = await askReadings(ask, keys, few, () => (key) => ['MEMORY', 'USAGE', key, 'SAMPLES', '0']);
  const small = few.map((type, index) => (Number(sizes[index]) <= mostBytes ? type : notRead));
  const values = await askReadings(ask, keys, small, ({ value }) => value);
  return about.map(([, ttl], index) => {
    const type = types[index] ?? 'none';
    if (type === 'none') return undefined;
    const [length, reply] = [lengths[index], values[index]];
    const large = few[index] === notRead ? tooMany : small[index] === notRead ? tooLarge : undefined;
    return {
      type,
      leftMs: Number(ttl) < 0 ? undefined : Number(ttl),
      length: typeof length === 'number' ? length : undefined,
      ...valueOfKey(readings[type], reply, { type, large }),
    };
  });
}

/** In place of a type. */
const notRead = '(not read)';
const tooMany = 'its value has more than 10,000 elements: only type, time to live and length were compared';
const tooLarge = 'its value takes more than 1 MiB: only type, time to live and length were compared';

/** The length of a string is in bytes, and its size is known without looking at it. */
function hasFewElements(type: string, length: ByteReply | RedisError | undefined): boolean {
  return type === 'string' || typeof length !== 'number' || length <= mostElements;
}

function valueOfKey(
  reading: Reading | undefined,
  reply: ByteReply | RedisError | undefined,
  { type, large }: { readonly type: string; readonly large: string | undefined },
): Pick<KeyState, 'fingerprint' | 'skipped'> {
  if (reading === undefined) return { fingerprint: undefined, skipped: `values of type ${type} cannot be compared` };
  if (large !== undefined) return { fingerprint: undefined, skipped: large };
  if (reply === undefined || reply === null || reply instanceof RedisError) {
    return { fingerprint: undefined, skipped: 'it changed while it was read' };
  }
  return { fingerprint: fingerprintOf(reading.elements(reply)), skipped: undefined };
}

/** For the keys whose type has it; undefined for others. */
async function askReadings(
  ask: Ask,
  keys: readonly Buffer[],
  types: readonly string[],
  commandOf: (reading: Reading) => (key: Buffer) => ByteCommand,
): Promise<readonly (ByteReply | RedisError | undefined)[]> {
  const wanted = keys.flatMap((key, index) => {
    const reading = readings[types[index] ?? ''];
    return reading === undefined ? [] : [{ index, command: commandOf(reading)(key) }];
  });
  const answers = await ask(wanted.map(({ command }) => command));
  const found: (ByteReply | RedisError | undefined)[] = keys.map(() => undefined);
  for (const [at, { index }] of wanted.entries()) found[index] = answers[at];
  return found;
}

async function askEach(
  ask: Ask,
  keys: readonly Buffer[],
  questions: readonly ((key: Buffer) => ByteCommand)[],
): Promise<(ByteReply | RedisError | undefined)[][]> {
  const answers = await ask(keys.flatMap((key) => questions.map((question) => question(key))));
  return keys.map((_, index) => answers.slice(index * questions.length, (index + 1) * questions.length));
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
