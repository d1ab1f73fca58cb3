import { type Metric, metric, type Sample, sample } from '../../core/metric.ts';
import { type Command, RedisError, type Reply } from '../../targets/redis/connection.ts';
import { askAll, findKeys, isOneKey, placed, timeBudget } from './scan.ts';
import type { NodeReading, RedisFamily } from './source.ts';

const ofStream = ['db', 'stream'] as const;
const ofGroup = [...ofStream, 'group'] as const;
const ofConsumer = [...ofGroup, 'consumer'] as const;

function declare<const L extends string>(
  name: string,
  unit: string,
  help: string,
  labels: readonly L[],
  source: string,
  type: Metric['type'] = 'gauge',
): Metric<L> {
  return metric({ name: `redis_stream_${name}`, type, help, labels, source, unit });
}

/** Ids are `milliseconds-number`; the milliseconds alone fit into a sample. */
const idHelp = 'as milliseconds since 1970 (the part of the id before the hyphen)';

const streamFields = [
  ['length', declare('length', 'entries', 'Entries of the stream.', ofStream, 'XINFO STREAM')],
  ['radix-tree-keys', declare('radix_tree_keys', 'keys', 'Keys of the tree of the stream.', ofStream, 'XINFO STREAM')],
  [
    'radix-tree-nodes',
    declare('radix_tree_nodes', 'nodes', 'Nodes of the tree of the stream.', ofStream, 'XINFO STREAM'),
  ],
  [
    'last-generated-id',
    declare(
      'last_generated_id',
      'milliseconds',
      `Id of the entry that was added last, ${idHelp}.`,
      ofStream,
      'XINFO STREAM',
    ),
  ],
  ['groups', declare('groups', 'groups', 'Consumer groups.', ofStream, 'XINFO STREAM')],
  [
    'max-deleted-entry-id',
    declare(
      'max_deleted_entry_id',
      'milliseconds',
      `Highest id that was deleted, ${idHelp}; from Redis 7.0 on.`,
      ofStream,
      'XINFO STREAM',
    ),
  ],
  [
    'first-entry',
    declare('first_entry_id', 'milliseconds', `Id of the first entry, ${idHelp}.`, ofStream, 'XINFO STREAM'),
  ],
  [
    'last-entry',
    declare('last_entry_id', 'milliseconds', `Id of the last entry, ${idHelp}.`, ofStream, 'XINFO STREAM'),
  ],
  [
    'entries-added',
    declare(
      'entries_added_total',
      'entries',
      'Entries that were ever added; from Redis 7.0 on.',
      ofStream,
      'XINFO STREAM',
      'counter',
    ),
  ],
] as const;

const groupFields = [
  ['consumers', declare('group_consumers', 'consumers', 'Consumers of the group.', ofGroup, 'XINFO GROUPS')],
  [
    'pending',
    declare(
      'group_messages_pending',
      'entries',
      'Entries that were delivered and not acknowledged.',
      ofGroup,
      'XINFO GROUPS',
    ),
  ],
  [
    'last-delivered-id',
    declare(
      'group_last_delivered_id',
      'milliseconds',
      `Id of the entry that was delivered last, ${idHelp}.`,
      ofGroup,
      'XINFO GROUPS',
    ),
  ],
  [
    'entries-read',
    declare(
      'group_entries_read',
      'entries',
      'Entries that the group has read; none when the server does not know.',
      ofGroup,
      'XINFO GROUPS',
    ),
  ],
  [
    'lag',
    declare(
      'group_lag',
      'entries',
      'Entries that are not delivered yet; none when the server does not know.',
      ofGroup,
      'XINFO GROUPS',
    ),
  ],
] as const;

const consumerPending = declare(
  'group_consumer_messages_pending',
  'entries',
  'Entries that the consumer has not acknowledged.',
  ofConsumer,
  'XINFO CONSUMERS',
);
const consumerIdle = declare(
  'group_consumer_idle_seconds',
  'seconds',
  'Seconds since the consumer last tried to read.',
  ofConsumer,
  'XINFO CONSUMERS',
);

const complete = metric({
  name: 'redis_streams_check_complete',
  type: 'gauge',
  help: 'Whether all streams of the pattern were found in time and are no more than watch.keys.limit.',
  labels: ['db', 'pattern'],
  source: 'SCAN',
  unit: 'boolean',
});
const hidden = declare(
  'consumers_not_shown',
  'consumers',
  'Consumers of the group beyond watch.keys.limit, which have no samples of their own.',
  ofGroup,
  'XINFO CONSUMERS',
);

export const streams: RedisFamily = {
  name: 'streams',
  about: 'Streams with their groups and consumers, for the keys and patterns in `watch.keys.streams`.',
  metrics: [...[...streamFields, ...groupFields].map(([, of]) => of), consumerPending, consumerIdle, hidden, complete],
  enabledByDefault: true,
  minIntervalMs: 30_000,
  async read(reading, context) {
    const { streams: wanted, limit } = reading.settings.keys;
    const patterns = placed(reading, wanted);
    const budget = timeBudget(reading, context);
    const seen = new Set<string>();
    const samples: Sample[] = [];
    for (const pattern of patterns) {
      const found = await findKeys(reading, pattern, budget, limit - seen.size, 'stream');
      const fresh = found.keys.filter((key) => !seen.has(`${pattern.db} ${key}`));
      for (const key of fresh) seen.add(`${pattern.db} ${key}`);
      samples.push(...(await streamSamples(reading, pattern.db, fresh, context.signal)));
      if (!isOneKey(pattern)) {
        samples.push(sample(complete, Number(found.complete), { db: pattern.db, pattern: pattern.match }));
      }
    }
    return samples;
  },
};

/** Two round trips for all streams: the streams with their groups, then the consumers. */
async function streamSamples(reading: NodeReading, db: string, keys: readonly string[], signal: AbortSignal) {
  const about = await askAll(
    reading,
    keys.flatMap((key): Command[] => [
      ['XINFO', 'STREAM', key],
      ['XINFO', 'GROUPS', key],
    ]),
    signal,
  );
  const samples: Sample[] = [];
  const groups: { readonly stream: string; readonly group: string }[] = [];
  for (const [index, stream] of keys.entries()) {
    const fields = repliesOf(about[2 * index]);
    samples.push(...fieldSamples(streamFields, fields, { db, stream }));
    for (const record of listOf(about[2 * index + 1])) {
      const group = String(record.get('name'));
      groups.push({ stream, group });
      samples.push(...fieldSamples(groupFields, record, { db, stream, group }));
    }
  }
  return [...samples, ...(await consumerSamples(reading, db, groups, signal))];
}

async function consumerSamples(
  reading: NodeReading,
  db: string,
  groups: readonly { readonly stream: string; readonly group: string }[],
  signal: AbortSignal,
): Promise<Sample[]> {
  const { consumers, limit } = reading.settings.keys;
  if (!consumers) return [];
  const asked = groups.slice(0, limit);
  const answers = await askAll(
    reading,
    asked.map(({ stream, group }): Command => ['XINFO', 'CONSUMERS', stream, group]),
    signal,
  );
  return asked.flatMap(({ stream, group }, index) => {
    const found = listOf(answers[index]);
    const shown = found.slice(0, limit).flatMap((record) => {
      const labels = { db, stream, group, consumer: String(record.get('name')) };
      return [
        sample(consumerPending, Number(record.get('pending')), labels),
        sample(consumerIdle, Number(record.get('idle')) / 1_000, labels),
      ];
    });
    return [...shown, sample(hidden, Math.max(0, found.length - limit), { db, stream, group })];
  });
}

function fieldSamples<L extends string>(
  fields: readonly (readonly [string, Metric<L>])[],
  told: ReadonlyMap<string, Reply>,
  labels: Readonly<Record<L, string>>,
): Sample[] {
  return fields.flatMap(([field, of]) => {
    const number = numberOf(told.get(field));
    return number === undefined ? [] : [sample(of, number, labels)];
  });
}

/** A number, the milliseconds of an id, or those of an entry's id; undefined for nil. */
function numberOf(reply: Reply | undefined): number | undefined {
  if (typeof reply === 'number') return reply;
  if (Array.isArray(reply)) return numberOf(reply[0]);
  const [, milliseconds] = typeof reply === 'string' ? (/^(\d+)-\d+$/.exec(reply) ?? []) : [];
  return milliseconds === undefined ? undefined : Number(milliseconds);
}

/** `[name, value, name, value, …]` with values of any kind. Nothing for an error: no such key, or no stream. */
function repliesOf(reply: Reply | RedisError | undefined): ReadonlyMap<string, Reply> {
  const fields = new Map<string, Reply>();
  if (reply instanceof RedisError || !Array.isArray(reply)) return fields;
  for (let index = 0; index + 1 < reply.length; index += 2) fields.set(String(reply[index]), reply[index + 1]);
  return fields;
}

function listOf(reply: Reply | RedisError | undefined): ReadonlyMap<string, Reply>[] {
  return reply instanceof RedisError || !Array.isArray(reply) ? [] : reply.map((one) => repliesOf(one));
}
