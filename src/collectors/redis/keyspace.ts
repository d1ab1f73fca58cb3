import { metric, type Sample, sample } from '../../core/metric.ts';
import { type Info, parseFields } from '../../targets/redis/info.ts';
import { configCommand, configValue } from './commands.ts';
import { scaled } from './fields.ts';
import type { RedisFamily } from './source.ts';

function ofDatabase(name: string, unit: string, help: string, source: string) {
  return metric({ name, type: 'gauge', help, labels: ['db'], source: `INFO keyspace: ${source}`, unit });
}

const keys = ofDatabase('redis_db_keys', 'keys', 'Keys; 0 for empty databases.', 'dbN keys');
const expiring = ofDatabase(
  'redis_db_keys_expiring',
  'keys',
  'Keys that will expire; 0 for empty databases.',
  'dbN expires',
);
const others = [
  {
    fields: ['avg_ttl'],
    metric: ofDatabase(
      'redis_db_avg_ttl_seconds',
      'seconds',
      'Estimated seconds until a key expires, on average of those that will.',
      'dbN avg_ttl',
    ),
    factor: 0.001,
  },
  {
    fields: ['cached_keys'],
    metric: ofDatabase('redis_db_keys_cached', 'keys', 'Keys that are cached; KeyDB only.', 'dbN cached_keys'),
    factor: 1,
  },
  {
    fields: ['subexpiry', 'keys_with_volatile_items'],
    metric: ofDatabase(
      'redis_db_keys_with_expiring_items',
      'keys',
      'Keys with items that will expire; from Redis 7.4 and Valkey 9.0 on.',
      'dbN subexpiry or keys_with_volatile_items',
    ),
    factor: 1,
  },
];

/** Empty databases are shown, but not thousands of them. */
const mostEmptyShown = 64;

export const keyspace: RedisFamily = {
  name: 'keyspace',
  about: 'Keys of each database, how many will expire and when.',
  metrics: [keys, expiring, ...others.map((one) => one.metric)],
  enabledByDefault: true,
  commands: ({ settings }) => [configCommand(settings, 'databases')],
  read(reading) {
    const { info, settings } = reading;
    const databases = Number(configValue(reading.optionalReply(configCommand(settings, 'databases'))) ?? 1);
    const inUse = databaseSamples(info);
    const shown = info.number('cluster_enabled') === 1 ? 1 : Math.min(databases, mostEmptyShown);
    for (let index = 0; index < shown; index++) {
      const db = `db${index}`;
      if (!inUse.has(db)) inUse.set(db, [sample(keys, 0, { db }), sample(expiring, 0, { db })]);
    }
    return [...inUse.values()].flat();
  },
};

function databaseSamples(info: Info): Map<string, Sample[]> {
  const found = new Map<string, Sample[]>();
  for (const [rest, text] of info.startingWith('db')) {
    if (!/^\d+$/.test(rest)) continue;
    const db = `db${rest}`;
    const fields = parseFields(text);
    found.set(db, [
      sample(keys, Number(fields.get('keys')), { db }),
      sample(expiring, Number(fields.get('expires')), { db }),
      ...others.flatMap(({ fields: names, metric: of, factor }) => {
        const value = names.map((name) => fields.get(name)).find((text) => text !== undefined);
        return value === undefined ? [] : [sample(of, scaled(Number(value), factor), { db })];
      }),
    ]);
  }
  return found;
}
