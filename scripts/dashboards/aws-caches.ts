import { thresholds } from '../alerts/thresholds.ts';
import { chosen, inQuarter } from './board.ts';
import { lines, type Panel, table, yesOrNo } from './panel.ts';

const { aws } = thresholds;
const ofCaches = `${chosen},cache=~"$cache"`;
/** A node is called after its cache: `shop-001`, `shop-0002-001`; one that stands alone is called as the cache. */
const ofNodes = `${chosen},dimension_CacheClusterId=~"$cache(-[0-9]+)*",dimension_CacheClusterId!=""`;
const nodeLegend = '{{target}} {{dimension_CacheClusterId}} {{dimension_CacheNodeId}}';
const byCache = (expression: string) => `max by (target, cache) (${expression})`;
/** A serverless cache is told under a dimension of its own. */
const ofServerless = `${chosen},dimension_clusterId=~"$cache",dimension_clusterId!=""`;
const serverlessLegend = '{{target}} {{dimension_clusterId}}';
/** Of Redis and Memcached, which count by other names; a node has the one or the other. */
const eitherOf = (redis: string, memcached: string) => `(${redis}{${ofNodes}} or ${memcached}{${ofNodes}})`;
const found = eitherOf('aws_elasticache_cache_hits_sum', 'aws_elasticache_get_hits_sum');
const notFound = eitherOf('aws_elasticache_cache_misses_sum', 'aws_elasticache_get_misses_sum');

const everyCache = table({
  title: 'Every cache',
  description:
    'State and safety of each replication group, cluster and serverless cache of ElastiCache. Without snapshots a cache that is lost comes back empty.',
  unit: 'none',
  labels: ['target', 'cache'],
  queries: [
    {
      legend: 'Serves',
      expression: byCache(
        `elasticache_group_available{${ofCaches}} or elasticache_serverless_available{${ofCaches}} or elasticache_exists{${ofCaches}}`,
      ),
      column: { words: yesOrNo, limits: { critical: 1, worse: 'below' } },
    },
    { legend: 'Nodes', expression: byCache(`elasticache_group_nodes{${ofCaches}}`) },
    {
      legend: 'Fails over by itself',
      expression: byCache(`elasticache_group_automatic_failover{${ofCaches}}`),
      column: { words: yesOrNo },
    },
    {
      legend: 'Several zones',
      expression: byCache(`elasticache_group_multi_az{${ofCaches}}`),
      column: { words: yesOrNo },
    },
    {
      legend: 'Encrypted on the way',
      expression: byCache(`elasticache_group_encrypted_in_transit{${ofCaches}}`),
      column: { words: yesOrNo },
    },
    {
      legend: 'Password needed',
      expression: byCache(
        `elasticache_group_authentication{${ofCaches}} or elasticache_serverless_authentication{${ofCaches}}`,
      ),
      column: { words: yesOrNo },
    },
    {
      legend: 'Snapshots kept',
      expression: byCache(`elasticache_snapshot_retention_period_seconds{${ofCaches}}`),
      column: { unit: 's' },
    },
    {
      legend: 'Newest snapshot',
      expression: `min by (target, cache) (time() - elasticache_snapshot_newest_timestamp_seconds{${ofCaches}})`,
      column: { unit: 's' },
    },
  ],
});

/** Caches of ElastiCache. */
export const caches: readonly Panel[] = [
  everyCache,
  lines({
    title: 'Memory that is used',
    description: 'Highest percentage of maxmemory. At 100 % keys are evicted, or writes refused: the policy tells.',
    unit: 'percent',
    min: 0,
    limits: { warning: aws.cacheMemoryPercent },
    expression: `aws_elasticache_database_memory_usage_percentage_maximum{${ofNodes}}`,
    legend: nodeLegend,
  }),
  lines({
    title: 'Keys that were evicted',
    description: 'Within a quarter of an hour, to make room. Lost though nobody deleted them: the cache is too small.',
    unit: 'none',
    min: 0,
    queries: [
      { expression: inQuarter('aws_elasticache_evictions_total', ofNodes), legend: nodeLegend },
      { expression: inQuarter('aws_elasticache_evictions_total', ofServerless), legend: serverlessLegend },
    ],
  }),
  lines({
    title: 'Processors of caches',
    description:
      'Highest percentage. Redis and Valkey run commands on one processor: its own line is full long before the node’s.',
    unit: 'percent',
    min: 0,
    queries: [
      { expression: `aws_elasticache_engine_cpuutilization_maximum{${ofNodes}}`, legend: `${nodeLegend} commands` },
      { expression: `aws_elasticache_cpuutilization_maximum{${ofNodes}}`, legend: nodeLegend },
    ],
  }),
  lines({
    title: 'Reads that found something',
    description: 'Share of the reads of the newest period. It falls after evictions, a restart, or with new keys.',
    unit: 'percentunit',
    min: 0,
    max: 1,
    queries: [
      { expression: `${found} / (${found} + ${notFound} > 0)`, legend: nodeLegend },
      { expression: `aws_elasticache_cache_hit_rate_average{${ofServerless}} / 100`, legend: serverlessLegend },
    ],
  }),
  lines({
    title: 'Connections of caches',
    description: 'Most client connections of the newest period; ElastiCache itself has some. A node takes 65,000.',
    unit: 'none',
    min: 0,
    queries: [
      { expression: `aws_elasticache_curr_connections_maximum{${ofNodes}}`, legend: nodeLegend },
      { expression: `aws_elasticache_curr_connections_maximum{${ofServerless}}`, legend: serverlessLegend },
    ],
  }),
  lines({
    title: 'Lag of replicas of caches',
    description: 'Most seconds behind the primary. So much is lost when the replica takes over.',
    unit: 's',
    min: 0,
    expression: `aws_elasticache_replication_lag_maximum{${ofNodes}}`,
    legend: nodeLegend,
  }),
  lines({
    title: 'Limits of serverless caches',
    description:
      'Share of the data and of the processing units (ECPU) that are allowed. Full: keys are evicted, writes or commands refused.',
    unit: 'percentunit',
    min: 0,
    limits: { warning: aws.serverlessShare },
    queries: [
      { expression: `elasticache_serverless_storage_used_ratio{${ofCaches}}`, legend: '{{target}} {{cache}} data' },
      { expression: `elasticache_serverless_processing_used_ratio{${ofCaches}}`, legend: '{{target}} {{cache}} units' },
    ],
  }),
  lines({
    title: 'Commands that serverless caches refused',
    description:
      'Throttled within a quarter of an hour: the load grew faster than the cache can, or reached its limit. Raise its least number of units before a rush.',
    unit: 'none',
    min: 0,
    limits: { warning: 1 },
    expression: inQuarter('aws_elasticache_throttled_cmds_total', ofServerless),
    legend: serverlessLegend,
  }),
];
