import {
  CreateCacheClusterCommand,
  CreateReplicationGroupCommand,
  ElastiCacheClient,
} from '@aws-sdk/client-elasticache';
import { expect, test } from 'vitest';
import { awsGolden } from '../../support/aws-golden.ts';
import { motoOptions, watchedElasticache } from '../../support/moto-aws.ts';
import { valuesOf } from '../../support/scrape.ts';

/** A replication group whose nodes follow, two nodes of Memcached, and a cluster that is not chosen. */
async function makeCaches(endpoint: string): Promise<void> {
  const elasticache = new ElastiCacheClient(motoOptions(endpoint));
  await elasticache.send(
    new CreateReplicationGroupCommand({
      ReplicationGroupId: 'prod-sessions',
      ReplicationGroupDescription: 'sessions',
      Engine: 'valkey',
      CacheNodeType: 'cache.t4g.small',
      NumCacheClusters: 2,
      AutomaticFailoverEnabled: true,
      MultiAZEnabled: true,
      TransitEncryptionEnabled: true,
      SnapshotRetentionLimit: 7,
    }),
  );
  const make = (CacheClusterId: string, Engine: string, NumCacheNodes: number) =>
    elasticache.send(
      new CreateCacheClusterCommand({ CacheClusterId, Engine, NumCacheNodes, CacheNodeType: 'cache.t4g.micro' }),
    );
  await make('prod-pages', 'memcached', 2);
  await make('elsewhere', 'redis', 1);
  elasticache.destroy();
}

const arn = (name: string) => `arn:aws:elasticache:eu-central-1:123456789012:${name}`;
const node = (id: string) =>
  `<CacheNode><CacheNodeId>${id}</CacheNodeId><CacheNodeStatus>available</CacheNodeStatus><CustomerAvailabilityZone>eu-central-1a</CustomerAvailabilityZone></CacheNode>`;

/** moto's clusters have no nodes, and its groups no clusters. */
const clusters = `<CacheClusters>
  ${['prod-sessions-001', 'prod-sessions-002'].map((name) => clusterOf(name, 'valkey', '<ReplicationGroupId>prod-sessions</ReplicationGroupId>', node('0001'))).join('')}
  ${clusterOf('prod-pages', 'memcached', '', node('0001') + node('0002'))}
  ${clusterOf('elsewhere', 'redis', '', node('0001'))}
</CacheClusters>`;

function clusterOf(name: string, engine: string, group: string, nodes: string): string {
  return `<CacheCluster><CacheClusterId>${name}</CacheClusterId><ARN>${arn(`cluster:${name}`)}</ARN><Engine>${engine}</Engine>
    <EngineVersion>8.0.1</EngineVersion><CacheNodeType>cache.t4g.small</CacheNodeType>${group}<CacheNodes>${nodes}</CacheNodes></CacheCluster>`;
}

/** Of two shards: the state of the data is that of the older one. */
const snapshots = `<Snapshots><Snapshot><SnapshotName>nightly</SnapshotName><ReplicationGroupId>prod-sessions</ReplicationGroupId>
  <SnapshotStatus>available</SnapshotStatus><SnapshotSource>automated</SnapshotSource>
  <NodeSnapshots>
    <NodeSnapshot><CacheNodeId>0001</CacheNodeId><SnapshotCreateTime>2026-11-21T02:00:00Z</SnapshotCreateTime></NodeSnapshot>
    <NodeSnapshot><CacheNodeId>0002</CacheNodeId><SnapshotCreateTime>2026-11-21T01:00:00Z</SnapshotCreateTime></NodeSnapshot>
  </NodeSnapshots></Snapshot>
  <Snapshot><SnapshotName>broken</SnapshotName><ReplicationGroupId>prod-sessions</ReplicationGroupId><SnapshotStatus>failed</SnapshotStatus><SnapshotSource>manual</SnapshotSource></Snapshot></Snapshots>`;

const lacking: Readonly<Record<string, string>> = { DescribeCacheClusters: clusters, DescribeSnapshots: snapshots };

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
  lacking: ({ call }) => {
    const body = lacking[call];
    if (body === undefined) return undefined;
    const answer = `<${call}Response xmlns="http://elasticache.amazonaws.com/doc/2015-02-02/"><${call}Result>${body}</${call}Result></${call}Response>`;
    return { status: 200, body: answer };
  },
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
