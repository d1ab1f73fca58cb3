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
    { metric: 'GetHits', dimensions: ofNode('prod-pages'), value: 90 },
  ],
  lacking: playCaches,
  masked: /nothing else/,
});

test('nodes come with the group that is chosen, and what is called by name and not there is told', async () => {
  const samples = await played.scrape();

  expect(valuesOf(samples, 'elasticache_exists')).toEqual({ 'prod-pages': 1, 'prod-sessions': 1, gone: 0 });
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
    'prod-sessions automated': Date.parse('2026-11-21T01:00:00Z') / 1_000,
  });
  expect(valuesOf(samples, 'elasticache_snapshots')).toEqual({
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
  expect(evictions.map(({ value }) => value)).toEqual([0, 4, 0, 0]);
});
