import { createHash } from 'node:crypto';
import { type ByteReply, RedisError } from '../../../targets/redis/connection.ts';
import type { Ask } from './read-keys.ts';
import { describeRefusal } from './refusal.ts';

/** A field of a hash, as far as it is compared. */
export interface HashField {
  /** The same for the same name. */
  readonly name: string;
  /** The same for the same name and value. */
  readonly content: string;
  /** Milliseconds that it has left to live; undefined: as long as its key. */
  readonly leftMs: number | undefined;
}

/** What a hash holds. */
export interface HashState {
  readonly fields: readonly HashField[];
  /** Why nobody can tell which fields have a life of their own; undefined when it is known. */
  readonly untold: string | undefined;
}

/** Fields of hashes have lives of their own from Redis 7.4 and Valkey 9 on. `replies` are those of HGETALL; one state for each. */
export async function readHashes(
  ask: Ask,
  hashes: readonly { readonly key: Buffer; readonly reply: ByteReply }[],
): Promise<readonly HashState[]> {
  const pairs = hashes.map(({ reply }) => pairsOf(reply));
  // A hash without fields is none.
  const asked = hashes.flatMap(({ key }, index) => {
    const names = (pairs[index] ?? []).map(([name]) => name);
    return names.length === 0 ? [] : [{ index, key, names }];
  });
  const answers = await ask(
    asked.map(({ key, names }) => ['HPTTL', key, 'FIELDS', String(names.length), ...names]),
    'given',
  );
  const lives = new Map(asked.map(({ index }, at) => [index, answers[at]]));
  return pairs.map((own, index) => toState(own, lives.get(index)));
}

type Pair = readonly [name: Buffer, value: Buffer];

function pairsOf(reply: ByteReply): readonly Pair[] {
  const all = Array.isArray(reply) ? reply.filter((one) => Buffer.isBuffer(one)) : [];
  return all.flatMap((name, index): Pair[] => {
    const value = all[index + 1];
    return index % 2 === 0 && value !== undefined ? [[name, value]] : [];
  });
}

/** HPTTL gives −1 for a field that lives as long as its key, and −2 for one that has ended meanwhile. */
function toState(pairs: readonly Pair[], lives: ByteReply | RedisError | undefined): HashState {
  const known = Array.isArray(lives) ? lives.map(Number) : [];
  const fields = pairs.flatMap(([name, value], index): HashField[] => {
    const left = known[index] ?? -1;
    if (left === -2) return [];
    const field = { name: hashOf(name), content: hashOf(name, value), leftMs: left < 0 ? undefined : left };
    return [field];
  });
  return { fields, untold: whyUntold(lives) };
}

function whyUntold(lives: ByteReply | RedisError | undefined): string | undefined {
  // Where the command is not known, no field can have a life of its own.
  if (!(lives instanceof RedisError) || lives.isUnknownCommand) return undefined;
  return `the times to live of its fields could not be read: ${describeRefusal(lives)}`;
}

function hashOf(...parts: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('base64url');
}

/** The same for the same fields, in whatever order they come. */
export function fingerprintOfFields(fields: readonly Pick<HashField, 'content'>[]): string {
  const contents = fields.map(({ content }) => content).sort();
  return createHash('sha256').update(contents.join('\n')).digest('hex');
}

/** A hash at one moment: `endsAtMs` of fields that have a life of their own is since 1970. */
export interface ComparedHash {
  /** Of all fields. */
  readonly fingerprint: string;
  /** All fields, where one of them has a life of its own; empty: none has; undefined: nobody can tell. */
  readonly fields: readonly ComparedField[] | undefined;
}

/** `[name, content, endsAtMs]`; null: it lives as long as its key. */
export type ComparedField = readonly [name: string, content: string, endsAtMs: number | null];

/** What is not the same in two hashes. A field that ends so soon that it may have ended on the other side is not missing there. */
export function differingHashes(
  one: ComparedHash,
  two: ComparedHash,
  { nowMs, toleranceMs }: { readonly nowMs: number; readonly toleranceMs: number },
): { readonly value: boolean; readonly lives: boolean } {
  const isEnding = ([, , endsAtMs]: ComparedField) => endsAtMs !== null && endsAtMs - nowMs <= toleranceMs;
  if (hasLives(one) && hasLives(two)) return differingFields(one.fields, two.fields, { isEnding, toleranceMs });
  const [own, plain] = hasLives(one) ? [one, two] : [two, one];
  if (!hasLives(own)) return { value: one.fingerprint !== two.fingerprint, lives: false };
  const lasting = own.fields.filter((field) => !isEnding(field));
  const [isWhole, isLasting] = [own.fields, lasting].map((fields) => fingerprintOf(fields) === plain.fingerprint);
  // What lasts there for ever, ends here.
  const ends = (isWhole === true ? own.fields : lasting).some(([, , endsAtMs]) => endsAtMs !== null);
  const value = isWhole !== true && isLasting !== true;
  return { value, lives: plain.fields !== undefined && !value && ends };
}

function hasLives(hash: ComparedHash): hash is ComparedHash & { readonly fields: readonly ComparedField[] } {
  return hash.fields !== undefined && hash.fields.length > 0;
}

function fingerprintOf(fields: readonly ComparedField[]): string {
  return fingerprintOfFields(fields.map(([, content]) => ({ content })));
}

function differingFields(
  one: readonly ComparedField[],
  two: readonly ComparedField[],
  { isEnding, toleranceMs }: { readonly isEnding: (field: ComparedField) => boolean; readonly toleranceMs: number },
): { readonly value: boolean; readonly lives: boolean } {
  const [ofOne, ofTwo] = [one, two].map((fields) => new Map(fields.map((field) => [field[0], field])));
  const lacking = [
    ...one.filter(([name]) => ofTwo?.has(name) !== true),
    ...two.filter(([name]) => ofOne?.has(name) !== true),
  ];
  const common = one.flatMap((field) => {
    const counterpart = ofTwo?.get(field[0]);
    return counterpart === undefined ? [] : [[field, counterpart] as const];
  });
  return {
    value: lacking.some((field) => !isEnding(field)) || common.some(([a, b]) => a[1] !== b[1]),
    lives: common.some(([[, , a], [, , b]]) => (a === null || b === null ? a !== b : Math.abs(a - b) > toleranceMs)),
  };
}
