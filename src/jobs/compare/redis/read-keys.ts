import { createHash } from 'node:crypto';
import { type ByteCommand, type ByteReply, RedisError } from '../../../targets/redis/connection.ts';
import { fingerprintOfFields, type HashState, readHashes } from './hash-fields.ts';
import { readStreams, type StreamState } from './stream-groups.ts';

/**
 * One round trip to a server. An error about one key is an answer; any other is thrown. With `given` those are answers, too, that are
 * about the commands: a lacking right, a command that the server does not know.
 */
export type Ask = (
  commands: readonly ByteCommand[],
  refusals?: 'thrown' | 'given',
) => Promise<readonly (ByteReply | RedisError)[]>;

/** What one key holds, as far as it was read. */
export interface KeyState {
  readonly type: string;
  /** Milliseconds that it has left to live; undefined: for ever. */
  readonly leftMs: number | undefined;
  /** Bytes of a string, members of anything else; undefined for types of modules. */
  readonly length: number | undefined;
  /** The same for the same value, whatever the server's version keeps it in; undefined where it was not read. */
  readonly fingerprint: string | undefined;
  /** Of a hash, where its value was read. */
  readonly hash: HashState | undefined;
  /** Of a stream. */
  readonly stream: StreamState | undefined;
  /** Why something of it was not read. */
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
    // Its fields are told by themselves.
    elements: () => [],
  },
  stream: {
    length: (key) => ['XLEN', key],
    value: (key) => ['XRANGE', key, '-', '+'],
    elements: (reply) => flat(reply),
  },
};

/**
 * Reads some keys of one server, in four round trips, and up to three more for hashes and streams; undefined where there is none. Throws {@link RedisError} when the server
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
  const details = await readDetails(ask, keys, { types, small, values });
  return about.map(([, ttl], index) => {
    const type = types[index] ?? 'none';
    if (type === 'none') return undefined;
    const [length, reply] = [lengths[index], values[index]];
    const large = few[index] === notRead ? tooMany : small[index] === notRead ? tooLarge : undefined;
    const { fingerprint, skipped } = valueOfKey(readings[type], reply, { type, large });
    const { hash, stream } = details[index] ?? {};
    const reasons = [skipped, hash?.untold, stream?.untold].filter((one) => one !== undefined);
    return {
      ...{ type, hash, stream },
      leftMs: Number(ttl) < 0 ? undefined : Number(ttl),
      length: lengthOf(length, hash),
      fingerprint: hash === undefined ? fingerprint : fingerprintOfFields(hash.fields),
      skipped: reasons.length === 0 ? undefined : reasons.join('; '),
    };
  });
}

/** HLEN counts fields that have ended until the server removes them; those that may end at any time have no number. */
function lengthOf(length: ByteReply | RedisError | undefined, hash: HashState | undefined): number | undefined {
  if (hash?.fields.some(({ leftMs }) => leftMs !== undefined) === true) return undefined;
  if (hash !== undefined) return hash.fields.length;
  return typeof length === 'number' ? length : undefined;
}

interface Details {
  readonly hash?: HashState;
  readonly stream?: StreamState;
}

/** What hashes and streams have beside their elements. */
async function readDetails(
  ask: Ask,
  keys: readonly Buffer[],
  given: {
    readonly types: readonly string[];
    readonly small: readonly string[];
    readonly values: readonly (ByteReply | RedisError | undefined)[];
  },
): Promise<readonly Details[]> {
  const details: Details[] = keys.map(() => ({}));
  const hashes = keys.flatMap((key, index) => {
    const reply = given.values[index];
    return given.types[index] === 'hash' && Array.isArray(reply) ? [{ index, key, reply }] : [];
  });
  const streams = keys.flatMap((key, index) =>
    given.types[index] === 'stream' ? [{ index, key, withEntries: given.small[index] === 'stream' }] : [],
  );
  for (const [at, hash] of (await readHashes(ask, hashes)).entries()) details[hashes[at]?.index ?? 0] = { hash };
  for (const [at, stream] of (await readStreams(ask, streams)).entries()) details[streams[at]?.index ?? 0] = { stream };
  return details;
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
