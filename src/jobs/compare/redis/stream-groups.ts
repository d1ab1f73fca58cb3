import { createHash } from 'node:crypto';
import { type ByteCommand, type ByteReply, RedisError } from '../../../targets/redis/connection.ts';
import { keyOfName, nameOfKey } from './key-name.ts';
import type { Ask } from './read-keys.ts';
import { describeRefusal } from './refusal.ts';

/** A consumer group of a stream. */
export interface StreamGroup {
  readonly name: string;
  readonly lastDelivered: string;
  /** Null: the server does not know it, as those before Redis 7 and groups that were made in the middle. */
  readonly entriesRead: number | null;
  readonly pending: number;
  /** The same for the same entries that the same consumers have, as often delivered; null where they were not read. */
  readonly pendingEntries: string | null;
}

/** What a stream has beside its entries. */
export interface StreamState {
  /** The id of its newest entry, also when that was deleted; undefined where it was not read. */
  readonly lastId: string | undefined;
  /** By name; undefined where they were not read. */
  readonly groups: readonly StreamGroup[] | undefined;
  /** Why something was not read. */
  readonly untold: string | undefined;
}

/** Of all groups of one stream. */
const mostPending = 10_000;
const tooManyPending = 'its consumer groups have more than 10,000 pending entries: only how many was compared';

/** `withEntries`: XINFO STREAM gives the first and the last entry, too, which may be huge. One state for each stream. */
export async function readStreams(
  ask: Ask,
  streams: readonly { readonly key: Buffer; readonly withEntries: boolean }[],
): Promise<readonly StreamState[]> {
  const small = streams.filter(({ withEntries }) => withEntries);
  const answers = await ask(
    [
      ...streams.map(({ key }): ByteCommand => ['XINFO', 'GROUPS', key]),
      ...small.map(({ key }): ByteCommand => ['XINFO', 'STREAM', key]),
    ],
    'given',
  );
  const states = streams.map((stream, index) => {
    const at = small.indexOf(stream);
    return toState(answers[index], at < 0 ? undefined : answers[streams.length + at]);
  });
  return await withPending(ask, streams, states);
}

/** XPENDING without a filter gives id, consumer, idle time and number of deliveries of each. */
async function withPending(
  ask: Ask,
  streams: readonly { readonly key: Buffer }[],
  states: readonly StreamState[],
): Promise<readonly StreamState[]> {
  const asked = streams.flatMap(({ key }, index) => {
    const { groups = [] } = states[index] ?? {};
    return sumOf(groups) > mostPending
      ? []
      : groups.filter(({ pending }) => pending > 0).map((group) => ({ key, group }));
  });
  const answers = await ask(
    asked.map(({ key, group }) => ['XPENDING', key, keyOfName(group.name), '-', '+', String(group.pending)]),
    'given',
  );
  const byGroup = new Map(asked.map(({ group }, index) => [group, answers[index]]));
  return states.map((state) => {
    const refusal = (state.groups ?? []).map((group) => byGroup.get(group)).find((one) => one instanceof RedisError);
    const isMany = sumOf(state.groups ?? []) > mostPending;
    return {
      ...state,
      groups: state.groups?.map((group) => ({ ...group, pendingEntries: pendingOf(group, byGroup.get(group)) })),
      untold: state.untold ?? (isMany ? tooManyPending : refusal && `its pending entries ${unread(refusal)}`),
    };
  });
}

const sumOf = (groups: readonly StreamGroup[]) => groups.reduce((sum, { pending }) => sum + pending, 0);

const unread = (refusal: RedisError) => `could not be read: ${describeRefusal(refusal)}`;

function pendingOf({ pending }: StreamGroup, reply: ByteReply | RedisError | undefined): string | null {
  if (pending === 0) return '';
  if (!Array.isArray(reply)) return null;
  const hash = createHash('sha256');
  for (const entry of reply) {
    const [id, consumer, , deliveries] = Array.isArray(entry) ? entry.map((part) => nameOfKey(asBytes(part))) : [];
    hash.update(JSON.stringify([id, consumer, deliveries]));
  }
  return hash.digest('hex');
}

const asBytes = (part: ByteReply) => (Buffer.isBuffer(part) ? part : Buffer.from(String(part)));

function toState(groups: ByteReply | RedisError | undefined, stream: ByteReply | RedisError | undefined): StreamState {
  const refusal = [groups, stream].find((one) => one instanceof RedisError);
  return {
    lastId:
      stream === undefined || stream instanceof RedisError ? undefined : fieldsOf(stream).get('last-generated-id'),
    groups: Array.isArray(groups) ? groups.map(toGroup).sort((a, b) => (a.name < b.name ? -1 : 1)) : undefined,
    untold: refusal === undefined ? undefined : `its consumer groups ${unread(refusal)}`,
  };
}

function toGroup(reply: ByteReply): StreamGroup {
  const fields = fieldsOf(reply);
  const read = fields.get('entries-read');
  return {
    name: fields.get('name') ?? '',
    lastDelivered: fields.get('last-delivered-id') ?? '',
    entriesRead: read === undefined ? null : Number(read),
    pending: Number(fields.get('pending')),
    pendingEntries: null,
  };
}

/** Names and values in turn; what is null is left out. */
function fieldsOf(reply: ByteReply): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  if (!Array.isArray(reply)) return fields;
  for (let index = 0; index + 1 < reply.length; index += 2) {
    const value = reply[index + 1];
    if (Buffer.isBuffer(value)) fields.set(String(reply[index]), nameOfKey(value));
    else if (typeof value === 'number') fields.set(String(reply[index]), String(value));
  }
  return fields;
}

/** Whether two streams have other groups, as far as both sides tell. */
export function differingGroups(one: readonly StreamGroup[], two: readonly StreamGroup[]): boolean {
  if (one.length !== two.length) return true;
  return one.some((group, index) => {
    const counterpart = two[index];
    return counterpart === undefined || isOther(group, counterpart);
  });
}

function isOther(one: StreamGroup, two: StreamGroup): boolean {
  const bothTell = <T>(a: T | null, b: T | null) => a !== null && b !== null;
  return (
    one.name !== two.name ||
    one.lastDelivered !== two.lastDelivered ||
    one.pending !== two.pending ||
    (bothTell(one.entriesRead, two.entriesRead) && one.entriesRead !== two.entriesRead) ||
    (bothTell(one.pendingEntries, two.pendingEntries) && one.pendingEntries !== two.pendingEntries)
  );
}
