import { expect, test } from 'vitest';
import { awsGolden } from '../../support/aws-golden.ts';
import { watchedElasticache } from '../../support/moto-aws.ts';
import { makeCaches, playCaches } from '../../support/played-caches.ts';
import { valuesOf } from '../../support/scrape.ts';

const ofNode = (CacheClusterId: string, CacheNodeId = '0001') => ({ CacheClusterId, CacheNodeId });

const played = awsGolden({
  engine: 'elasticache',
  make: makeCaches,
  watched: watchedElasticache,
  select: { names: ['gone'], prefixes: ['prod-'] },
  measured: [
    { metric: 'EngineCPUUtilization', dimensions: ofNode('prod-sessions-001'), value: 12, others: { Maximum: 70 } },
    { metric: 'CPUUtilization', dimensions: ofNode('prod-pages', '0002'), value: 5 },
    { metric: 'DatabaseMemoryUsagePercentage', dimensions: ofNode('prod-sessions-001'), value: 61 },
    { metric: 'Evictions', dimensions: ofNode('prod-sessions-002'), value: 4 },
    { metric: 'ReplicationLag', dimensions: ofNode('prod-sessions-002'), value: 0.5 },
    { metric: 'BytesUsedForCache', dimensions: { clusterId: 'prod-carts' }, value: 8e9 },
    { metric: 'ElastiCacheProcessingUnits', dimensions: { clusterId: 'prod-carts' }, value: 300_000 },
    { metric: 'ThrottledCmds', dimensions: { clusterId: 'prod-tiles' }, value: 6 },
    { metric: 'CacheHitRate', dimensions: { clusterId: 'prod-carts' }, value: 97 },
    { metric: 'GetHits', dimensions: ofNode('prod-pages'), value: 90 },
  ],
  lacking: playCaches,
  masked: /nothing else/,
});

test('nodes come with the group that is chosen, and what is called by name and not there is told', async () => {
  const samples = await played.scrape();

  expect(valuesOf(samples, 'elasticache_exists')).toEqual({
    'prod-carts': 1,
    'prod-pages': 1,
    'prod-sessions': 1,
    'prod-tiles': 1,
    gone: 0,
  });
  expect(Object.keys(valuesOf(samples, 'elasticache_node_available')).sort()).toEqual([
    'prod-pages 0001',
    'prod-pages 0002',
    'prod-sessions-001 0001',
    'prod-sessions-002 0001',
  ]);
});

test('a snapshot of several shards is as old as the oldest of them, and one that failed is not counted as one', async () => {
  const samples = await played.scrape();

  expect(valuesOf(samples, 'elasticache_snapshot_newest_timestamp_seconds')).toEqual({
    'prod-carts automated': Date.parse('2026-11-21T03:00:00Z') / 1_000,
    'prod-sessions automated': Date.parse('2026-11-21T01:00:00Z') / 1_000,
  });
  expect(valuesOf(samples, 'elasticache_snapshots')).toEqual({
    'prod-carts automated available': 1,
    'prod-carts manual available': 0,
    'prod-tiles automated available': 0,
    'prod-tiles manual available': 0,
    'prod-sessions automated available': 1,
    'prod-sessions manual available': 0,
    'prod-sessions manual failed': 1,
  });
});

test('Memcached is not asked for what Redis alone has, and evictions that did not happen are 0', async () => {
  const asked = played.asked().map(({ metric, dimensions }) => `${metric} ${dimensions['CacheClusterId']}`);

  expect(asked).toContain('GetHits prod-pages');
  expect(asked).not.toContain('EngineCPUUtilization prod-pages');
  expect(asked).not.toContain('GetHits prod-sessions-001');
  const evictions = (await played.scrape()).filter(({ metric }) => metric.name === 'aws_elasticache_evictions_sum');
  expect(evictions.map(({ value }) => value)).toEqual([0, 4, 0, 0, 0, 0]);
});

test('a serverless cache is shown with its limits, and what it uses of them', async () => {
  const samples = await played.scrape();

  expect(valuesOf(samples, 'elasticache_serverless_available')).toEqual({ 'prod-carts': 1, 'prod-tiles': 1 });
  expect(valuesOf(samples, 'elasticache_serverless_storage_limit_bytes')).toEqual({ 'prod-carts': 10e9 });
  expect(valuesOf(samples, 'elasticache_serverless_storage_used_ratio')).toEqual({ 'prod-carts': 0.8 });
  // 300,000 units in a period of 300 seconds, of 5,000 each second.
  expect(valuesOf(samples, 'elasticache_serverless_processing_used_ratio')).toEqual({ 'prod-carts': 0.2 });
});

test('a serverless cache is asked for under its own dimension, and only for what its engine has', async () => {
  const asked = played.asked().filter(({ dimensions }) => 'clusterId' in dimensions);
  const askedOf = (cache: string) =>
    new Set(asked.filter(({ dimensions }) => dimensions['clusterId'] === cache).map(({ metric }) => metric));

  expect(new Set(asked.map(({ dimensions }) => Object.keys(dimensions).join()))).toEqual(new Set(['clusterId']));
  expect([...askedOf('prod-carts')]).toEqual(expect.arrayContaining(['CacheHitRate', 'CacheHits', 'ThrottledCmds']));
  expect(askedOf('prod-carts')).not.toContain('GetHits');
  expect(askedOf('prod-carts')).not.toContain('CacheMisses');
  expect([...askedOf('prod-tiles')]).toEqual(expect.arrayContaining(['GetHits', 'GetMisses', 'ThrottledCmds']));
  expect(askedOf('prod-tiles')).not.toContain('CacheHits');
});
