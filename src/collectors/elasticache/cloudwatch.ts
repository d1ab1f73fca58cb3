import { events, group, level } from '../cloudwatch/declare-metrics.ts';
import type { CloudwatchMetric, CloudwatchService } from '../cloudwatch/service.ts';

const node = ['CacheClusterId', 'CacheNodeId'];
/** A serverless cache has no nodes that one could see, and this name of its own. */
const serverless = ['clusterId'];
const averageAndMaximum: CloudwatchMetric['statistics'] = ['Average', 'Maximum'];
const averageAndMinimum: CloudwatchMetric['statistics'] = ['Average', 'Minimum'];
const highest = { of: ['node'], statistics: averageAndMaximum, periodSeconds: 60 } as const;
const lowest = { of: ['node'], statistics: averageAndMinimum, periodSeconds: 60 } as const;
/** Of nodes, and of serverless caches as a whole. */
const highestOfAny = { ...highest, of: ['node', 'serverless'] };
const ofRedis = { ...highest, of: ['redis'] };
const ofRedisOrServerless = { ...highest, of: ['redis', 'serverless'] };
const counted = { of: ['redis', 'serverlessRedis'], unit: 'requests' };
const countedMemcached = { of: ['memcached', 'serverlessMemcached'], unit: 'requests' };

const load = [
  level('EngineCPUUtilization', 'Percent of one processor that Redis or Valkey uses for commands', {
    ...ofRedis,
    unit: 'percent',
  }),
  level('CPUUtilization', 'Percent of the processors of the node that are used', { ...highest, unit: 'percent' }),
  level('FreeableMemory', 'Bytes of memory of the node that are free', { ...lowest, unit: 'bytes' }),
  level('SwapUsage', 'Bytes of memory of the node that are swapped out', { ...highest, unit: 'bytes' }),
  level('CurrConnections', 'Client connections; ElastiCache itself has some', { ...highestOfAny, unit: 'connections' }),
];

const memory = [
  level('DatabaseMemoryUsagePercentage', 'Percent of maxmemory that is used', { ...ofRedis, unit: 'percent' }),
  level('BytesUsedForCache', 'Bytes that Redis or Valkey uses for everything, a serverless cache for its data', {
    ...ofRedisOrServerless,
    unit: 'bytes',
  }),
  events('Evictions', 'Keys that were removed to make room', { of: ['node', 'serverless'], unit: 'keys' }),
  level('CurrItems', 'Keys', { ...highestOfAny, unit: 'keys' }),
];

const hits = [
  events('CacheHits', 'Reads that found a key', counted),
  events('CacheMisses', 'Reads that found no key; serverless caches tell CacheHitRate instead', {
    of: ['redis'],
    unit: 'requests',
  }),
  level('CacheHitRate', 'Percent of the reads of a serverless cache that found a key', {
    of: ['serverlessRedis'],
    unit: 'percent',
    statistics: ['Average'],
    periodSeconds: 60,
  }),
  events('GetHits', 'Reads of Memcached that found a key', countedMemcached),
  events('GetMisses', 'Reads of Memcached that found no key', countedMemcached),
];

const replication = [
  level('ReplicationLag', 'Seconds that a replica is behind its primary', {
    ...highest,
    of: ['replica'],
    unit: 'seconds',
  }),
];

const latency = [
  level('SuccessfulReadRequestLatency', 'Microseconds of a read', { ...ofRedisOrServerless, unit: 'microseconds' }),
  level('SuccessfulWriteRequestLatency', 'Microseconds of a write', { ...ofRedisOrServerless, unit: 'microseconds' }),
];

const processing = [
  events(
    'ThrottledCmds',
    'Commands that were refused because the load grew faster than the serverless cache, or beyond its limit',
    {
      of: ['serverless'],
      unit: 'commands',
    },
  ),
  events(
    'ElastiCacheProcessingUnits',
    'Processing units (ECPU) that commands of a serverless cache used: they are billed',
    {
      of: ['serverless'],
      unit: 'units',
    },
  ),
];

const refusals = [
  events('AuthenticationFailures', 'Logins that were refused', counted),
  events('CommandAuthorizationFailures', 'Commands that a user may not run', counted),
  events('KeyAuthorizationFailures', 'Accesses to keys that a user may not read or write', counted),
];

const allowances = ['NetworkBandwidthIn', 'NetworkBandwidthOut', 'NetworkPacketsPerSecond', 'NetworkConntrack'].map(
  (name) =>
    events(`${name}AllowanceExceeded`, `Packets that were held up or dropped, limit of the node type: ${name}`, {
      of: ['node'],
      unit: 'packets',
    }),
);

/** What is read of ElastiCache, the most important first. A node or a serverless cache is a subject of every kind that it is. */
export const elasticacheService: CloudwatchService = {
  namespace: 'AWS/ElastiCache',
  prefix: 'aws_elasticache',
  kinds: {
    node,
    /** Redis and Valkey. */
    redis: node,
    memcached: node,
    replica: node,
    serverless,
    serverlessRedis: serverless,
    serverlessMemcached: serverless,
  },
  groups: [
    group('processing', 'What serverless caches work, and what they refuse.', processing),
    group('load', 'Processor, memory and connections of nodes.', load),
    group('memory', 'What is used of the memory, and what was evicted.', memory),
    group('replication', 'How far replicas are behind.', replication),
    group('hits', 'Reads that found something, and those that did not.', hits),
    group('latency', 'How long commands take.', latency, false),
    group('refusals', 'Logins and commands that were refused.', refusals, false),
    group('network_limits', 'Packets beyond what the type of node may send and receive.', allowances, false),
  ],
};
