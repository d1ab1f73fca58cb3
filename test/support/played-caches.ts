import {
  CreateCacheClusterCommand,
  CreateReplicationGroupCommand,
  ElastiCacheClient,
} from '@aws-sdk/client-elasticache';
import type { FrontAnswer, FrontRequest } from './aws-front.ts';
import { motoOptions } from './moto-aws.ts';

/** A replication group whose nodes follow, two nodes of Memcached, and a cluster that is not chosen by `prod-`. */
export async function makeCaches(endpoint: string): Promise<void> {
  const elasticache = new ElastiCacheClient(motoOptions(endpoint));
  await elasticache.send(
    new CreateReplicationGroupCommand({
      ReplicationGroupId: 'prod-sessions',
      ReplicationGroupDescription: 'sessions',
      Engine: 'valkey',
      CacheNodeType: 'cache.t4g.small',
      ReplicasPerNodeGroup: 1,
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

/** moto's clusters have no nodes, and those of groups are not there. */
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

/** One of Valkey with limits, one of Memcached without, one that is not chosen by `prod-`. */
const serverless = `<ServerlessCaches>
  ${serverlessOf('prod-carts', 'valkey', '<SnapshotRetentionLimit>3</SnapshotRetentionLimit><UserGroupId>shop</UserGroupId><CacheUsageLimits><DataStorage><Maximum>10</Maximum><Unit>GB</Unit></DataStorage><ECPUPerSecond><Maximum>5000</Maximum></ECPUPerSecond></CacheUsageLimits>')}
  ${serverlessOf('prod-tiles', 'memcached', '')}
  ${serverlessOf('other', 'redis', '')}
</ServerlessCaches>`;

function serverlessOf(name: string, engine: string, others: string): string {
  return `<member><ServerlessCacheName>${name}</ServerlessCacheName><ARN>${arn(`serverlesscache:${name}`)}</ARN><Engine>${engine}</Engine>
    <Status>available</Status><FullEngineVersion>8.0</FullEngineVersion>${others}</member>`;
}

const serverlessSnapshots = `<ServerlessCacheSnapshots><ServerlessCacheSnapshot><ServerlessCacheSnapshotName>daily</ServerlessCacheSnapshotName>
  <SnapshotType>automated</SnapshotType><Status>available</Status><CreateTime>2026-11-21T03:00:00Z</CreateTime>
  <ServerlessCacheConfiguration><ServerlessCacheName>prod-carts</ServerlessCacheName></ServerlessCacheConfiguration></ServerlessCacheSnapshot></ServerlessCacheSnapshots>`;

const lacking: Readonly<Record<string, string>> = {
  DescribeCacheClusters: clusters,
  DescribeSnapshots: snapshots,
  DescribeServerlessCaches: serverless,
  DescribeServerlessCacheSnapshots: serverlessSnapshots,
};

/** What moto lacks of ElastiCache; undefined for what it plays itself. */
export function playCaches({ call }: FrontRequest): FrontAnswer | undefined {
  const body = lacking[call];
  if (body === undefined) return undefined;
  const answer = `<${call}Response xmlns="http://elasticache.amazonaws.com/doc/2015-02-02/"><${call}Result>${body}</${call}Result></${call}Response>`;
  return { status: 200, body: answer };
}
