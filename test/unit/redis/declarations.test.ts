import { expect, test } from 'vitest';
import { redisEngineFamilies } from '../../../src/collectors/redis/index.ts';

const declared = redisEngineFamilies.flatMap(({ metrics }) => metrics);
test('what is only ever counted up is typed as a counter, also where redis_exporter calls it a gauge', () => {
  const names = [
    'rdb_saves_total',
    'cluster_messages_sent_total',
    'defrag_hits',
    'lazyfreed_objects',
    'replica_resyncs_full',
  ];

  const types = names.map((name) => declared.find((one) => one.name === `redis_${name}`)?.type);

  expect(types).toEqual(names.map(() => 'counter'));
});

test('families have different names that can stand in the configuration', () => {
  const names = redisEngineFamilies.map(({ name }) => name);

  expect(new Set(names).size).toBe(names.length);
  expect(names.filter((name) => !/^[a-z][a-z_]*$/.test(name))).toEqual([]);
});
