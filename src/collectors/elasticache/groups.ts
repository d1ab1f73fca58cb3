import type { ReplicationGroup } from '@aws-sdk/client-elasticache';
import { type Metric, metric, type Sample, sample } from '../../core/metric.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import { namesOf } from './choose-caches.ts';
import type { Caches, ElasticacheCollector } from './source.ts';

const labels = ['cache'] as const;
const source = 'DescribeReplicationGroups';

const boolean = (name: string, help: string, of: string): Metric<'cache'> =>
  metric({ name, type: 'gauge', help, labels, source: `${source}, ${of}`, unit: 'boolean' });

const exists = boolean(
  'elasticache_exists',
  'Whether there is such a replication group, cluster or serverless cache in this account and region; 0 only for those that the configuration calls by name.',
  'DescribeCacheClusters, DescribeServerlessCaches',
);
const available = boolean(
  'elasticache_group_available',
  'Whether the replication group is available, or in another state in which it serves (modifying, snapshotting).',
  'Status',
);
const failover = boolean(
  'elasticache_group_automatic_failover',
  'Whether a replica takes over by itself when the primary fails.',
  'AutomaticFailover',
);
const multiAz = boolean('elasticache_group_multi_az', 'Whether nodes are in several availability zones.', 'MultiAZ');
const atRest = boolean(
  'elasticache_group_encrypted_at_rest',
  'Whether what is on disk, snapshots among it, is encrypted.',
  'AtRestEncryptionEnabled',
);
const inTransit = boolean(
  'elasticache_group_encrypted_in_transit',
  'Whether connections are encrypted.',
  'TransitEncryptionEnabled',
);
const authentication = boolean(
  'elasticache_group_authentication',
  'Whether clients need a password (AUTH) or a user.',
  'AuthTokenEnabled, UserGroupIds',
);

const shards = metric({
  name: 'elasticache_group_shards',
  type: 'gauge',
  help: 'Shards of the replication group by state (available, creating, modifying, ...).',
  labels: [...labels, 'status'],
  source: `${source}, NodeGroups`,
  unit: 'shards',
});

const members = metric({
  name: 'elasticache_group_nodes',
  type: 'gauge',
  help: 'Nodes of the replication group.',
  labels,
  source: `${source}, MemberClusters`,
  unit: 'nodes',
});

const info = metric({
  name: 'elasticache_group_info',
  type: 'gauge',
  help: 'Always 1; what the replication group is.',
  labels: [...labels, 'arn', 'engine', 'node_type', 'cluster_mode', 'status'],
  source,
  unit: 'info',
});

const notWatched = metric({
  name: 'elasticache_not_watched',
  type: 'gauge',
  help: 'Replication groups, clusters and serverless caches that are chosen and left out because of caches.limit.',
  labels: [],
  source: `${source}, DescribeCacheClusters, DescribeServerlessCaches`,
  unit: 'caches',
});

const serving = new Set(['available', 'modifying', 'snapshotting']);

export const groups: ElasticacheCollector = {
  name: 'groups',
  about: 'State and settings of each replication group.',
  scope: 'server',
  metrics: [exists, available, failover, multiAz, atRest, inTransit, authentication, shards, members, info, notWatched],
  enabledByDefault: true,
  collect: (from, context) => samplesOf(from.caches, context, cacheSamples),
};

function cacheSamples(found: Caches): Sample[] {
  return [
    ...namesOf(found).map((cache) => sample(exists, 1, { cache })),
    ...found.missing.map((cache) => sample(exists, 0, { cache })),
    ...[...found.groups].flatMap(([cache, one]) => groupSamples(cache, one)),
    sample(notWatched, found.notWatched, {}),
  ];
}

function groupSamples(cache: string, one: ReplicationGroup): Sample[] {
  const booleans = [
    [available, serving.has(one.Status ?? '')],
    [failover, one.AutomaticFailover === 'enabled'],
    [multiAz, one.MultiAZ === 'enabled'],
    [atRest, one.AtRestEncryptionEnabled],
    [inTransit, one.TransitEncryptionEnabled],
    [authentication, one.AuthTokenEnabled === true || (one.UserGroupIds ?? []).length > 0],
  ] as const;
  const byStatus = Map.groupBy(one.NodeGroups ?? [], ({ Status = '' }) => Status);
  return [
    ...booleans.map(([of, value]) => sample(of, value === true ? 1 : 0, { cache })),
    ...[...byStatus].map(([status, all]) => sample(shards, all.length, { cache, status })),
    sample(members, one.MemberClusters?.length ?? 0, { cache }),
    sample(info, 1, {
      cache,
      arn: one.ARN ?? '',
      engine: one.Engine ?? '',
      node_type: one.CacheNodeType ?? '',
      cluster_mode: one.ClusterMode ?? (one.ClusterEnabled === true ? 'enabled' : 'disabled'),
      status: one.Status ?? '',
    }),
  ];
}
