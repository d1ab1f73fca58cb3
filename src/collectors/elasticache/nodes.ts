import type { CacheCluster, CacheNode } from '@aws-sdk/client-elasticache';
import { metric, type Sample, sample } from '../../core/metric.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import type { ElasticacheCollector } from './source.ts';

const labels = ['cache_cluster', 'cache_node'] as const;
const source = 'DescribeCacheClusters';

const available = metric({
  name: 'elasticache_node_available',
  type: 'gauge',
  help: 'Whether the node is available.',
  labels,
  source: `${source}, CacheNodeStatus`,
  unit: 'boolean',
});

const info = metric({
  name: 'elasticache_node_info',
  type: 'gauge',
  help: 'Always 1; what the node is. The replication group is empty where there is none.',
  labels: [...labels, 'cache', 'engine', 'engine_version', 'node_type', 'availability_zone', 'status'],
  source,
  unit: 'info',
});

const minorUpgrades = metric({
  name: 'elasticache_auto_minor_version_upgrade',
  type: 'gauge',
  help: 'Whether ElastiCache installs minor versions by itself in the maintenance window.',
  labels: ['cache_cluster'],
  source: `${source}, AutoMinorVersionUpgrade`,
  unit: 'boolean',
});

export const nodes: ElasticacheCollector = {
  name: 'nodes',
  about: 'State of each node.',
  scope: 'server',
  metrics: [available, info, minorUpgrades],
  enabledByDefault: true,
  collect: (from, context) =>
    samplesOf(from.caches, context, ({ clusters }) =>
      [...clusters].flatMap(([name, one]) => [
        ...(one.CacheNodes ?? []).flatMap((node) => nodeSamples(name, one, node)),
        sample(minorUpgrades, one.AutoMinorVersionUpgrade === true ? 1 : 0, { cache_cluster: name }),
      ]),
    ),
};

function nodeSamples(name: string, one: CacheCluster, node: CacheNode): Sample[] {
  const own = { cache_cluster: name, cache_node: node.CacheNodeId ?? '' };
  return [
    sample(available, node.CacheNodeStatus === 'available' ? 1 : 0, own),
    sample(info, 1, {
      ...own,
      cache: one.ReplicationGroupId ?? '',
      engine: one.Engine ?? '',
      engine_version: one.EngineVersion ?? '',
      node_type: one.CacheNodeType ?? '',
      availability_zone: node.CustomerAvailabilityZone ?? one.PreferredAvailabilityZone ?? '',
      status: node.CacheNodeStatus ?? '',
    }),
  ];
}
