import { type Alert, type AlertGroup, sameTarget, series } from './rule.ts';
import { thresholds } from './thresholds.ts';

const limits = thresholds.redis;
/** Of a cluster or Sentinels each node has its own series; elsewhere there is no such label. */
const sameNode = `${sameTarget}, node`;
const gibibyte = 1024 ** 3;

const service: readonly Alert[] = [
  {
    name: 'RedisDown',
    severity: 'critical',
    expression: 'redis_up == 0',
    forMinutes: 2,
    summary: 'Redis {{ $labels.target }} cannot be used',
    description: 'The server, or every node of it, lets nobody in or does not answer.',
    fires: { title: 'no login', series: [series('redis_up', 0)] },
    silent: [{ title: 'one scrape without an answer', series: [series('redis_up', '1 1 0 1+0x60')] }],
  },
  {
    name: 'RedisNodeDown',
    severity: 'warning',
    expression: `redis_node_up == 0 unless on (${sameTarget}) redis_up == 0`,
    forMinutes: 5,
    summary: 'Node {{ $labels.node }} of Redis {{ $labels.target }} cannot be used',
    description: 'Others of the group answer; one more may be too many.',
    fires: {
      title: 'one of two',
      series: [
        series('redis_up', 1),
        series('redis_node_up', 0, { node: '10.0.0.1:6379' }),
        series('redis_node_up', 1, { node: '10.0.0.2:6379' }),
      ],
    },
    silent: [
      {
        title: 'all of them, which is RedisDown',
        series: [series('redis_up', 0), series('redis_node_up', 0)],
      },
    ],
  },
  {
    name: 'RedisRestarted',
    severity: 'info',
    expression: 'resets(redis_uptime_in_seconds[30m]) > 0',
    forMinutes: 0,
    summary: 'Redis {{ $labels.target }} was started again',
    description: 'Some time in the last half hour. What was not saved is gone.',
    fires: {
      title: 'uptime begins anew',
      series: [series('redis_uptime_in_seconds', '9000+60x10 _ 30+60x60')],
      fromMinute: 12,
    },
    silent: [{ title: 'a fresh server', series: [series('redis_uptime_in_seconds', '_x5 1+60x60')] }],
  },
  {
    name: 'RedisConnectionsHigh',
    severity: 'warning',
    expression: `redis_connected_clients / (redis_max_clients > 0) > ${limits.connectionsShare}`,
    forMinutes: 5,
    summary: 'Redis {{ $labels.target }} runs out of connections',
    description: '{{ $value | humanizePercentage }} of maxclients.',
    fires: {
      title: '90 of 100, on one node',
      series: [
        series('redis_connected_clients', 90, { node: '10.0.0.1:6379' }),
        series('redis_max_clients', 100, { node: '10.0.0.1:6379' }),
      ],
    },
    silent: [
      {
        title: 'as delivered',
        series: [series('redis_connected_clients', 12), series('redis_max_clients', 10_000)],
      },
    ],
  },
  {
    name: 'RedisConnectionsRejected',
    severity: 'critical',
    expression: 'increase(redis_rejected_connections_total[10m]) > 0',
    forMinutes: 0,
    summary: 'Redis {{ $labels.target }} refuses connections',
    description: '{{ $value | humanize }} in ten minutes, because there are maxclients already.',
    fires: {
      title: 'some refused',
      series: [series('redis_rejected_connections_total', '0+0x10 5+0x30')],
      fromMinute: 11,
    },
    silent: [{ title: 'refused last week', series: [series('redis_rejected_connections_total', 77)] }],
  },
  {
    name: 'RedisSlowCommands',
    severity: 'info',
    expression: `increase(redis_slowlog_entries_total[15m]) > ${limits.slowCommandsInQuarter}`,
    forMinutes: 15,
    summary: 'Many commands on Redis {{ $labels.target }} are slow',
    description: '{{ $value | humanize }} in a quarter of an hour were over slowlog-log-slower-than.',
    fires: {
      title: 'a hundred a minute',
      series: [series('redis_slowlog_entries_total', '0+100x60')],
      fromMinute: 2,
    },
    silent: [{ title: 'a full log of last week', series: [series('redis_slowlog_entries_total', 128)] }],
  },
  {
    name: 'RedisCertificateExpires',
    severity: 'warning',
    expression: `redis_tls_server_cert_expires_in_seconds < ${limits.certificateSeconds}`,
    forMinutes: 60,
    summary: 'The certificate of Redis {{ $labels.target }} expires',
    description: 'In {{ $value | humanizeDuration }} clients that check it are refused.',
    fires: { title: 'ten days', series: [series('redis_tls_server_cert_expires_in_seconds', 864_000)] },
    silent: [{ title: 'a month', series: [series('redis_tls_server_cert_expires_in_seconds', 2_600_000)] }],
  },
];

const memory: readonly Alert[] = [
  {
    name: 'RedisMemoryHigh',
    severity: 'warning',
    expression: `redis_memory_limit_used_ratio > ${limits.memoryShare} and on (${sameNode}) redis_memory_policy_info{policy="noeviction"}`,
    forMinutes: 5,
    summary: 'Redis {{ $labels.target }} runs out of memory',
    description:
      '{{ $value | humanizePercentage }} of maxmemory are in use, and nothing is evicted: at 100% writes fail.',
    fires: {
      title: 'nine tenths without eviction',
      series: [
        series('redis_memory_limit_used_ratio', 0.9),
        series('redis_memory_policy_info', 1, { policy: 'noeviction' }),
      ],
    },
    silent: [
      {
        title: 'a full cache, which is what a cache is for',
        series: [
          series('redis_memory_limit_used_ratio', 0.99),
          series('redis_memory_policy_info', 1, { policy: 'allkeys-lru' }),
        ],
      },
      {
        title: 'no limit',
        series: [
          series('redis_memory_used_bytes', gibibyte),
          series('redis_memory_policy_info', 1, { policy: 'noeviction' }),
        ],
      },
    ],
  },
  {
    name: 'RedisMemoryFull',
    severity: 'critical',
    expression: `redis_memory_limit_used_ratio > ${limits.memoryFullShare} and on (${sameNode}) redis_memory_policy_info{policy="noeviction"}`,
    forMinutes: 2,
    summary: 'Redis {{ $labels.target }} is about to refuse writes',
    description: '{{ $value | humanizePercentage }} of maxmemory are in use, and nothing is evicted.',
    fires: {
      title: 'full, one node of a cluster',
      series: [
        series('redis_memory_limit_used_ratio', 0.99, { node: '10.0.0.1:6379' }),
        series('redis_memory_policy_info', 1, { policy: 'noeviction', node: '10.0.0.1:6379' }),
      ],
    },
    silent: [
      {
        title: 'a full cache',
        series: [
          series('redis_memory_limit_used_ratio', 1),
          series('redis_memory_policy_info', 1, { policy: 'volatile-ttl' }),
        ],
      },
    ],
  },
  {
    name: 'RedisMemoryOfMachineHigh',
    severity: 'warning',
    expression: `redis_memory_used_rss_bytes / (redis_total_system_memory_bytes > 0) > ${limits.systemMemoryShare}`,
    forMinutes: 10,
    summary: 'Redis {{ $labels.target }} takes nearly all memory of its machine',
    description: '{{ $value | humanizePercentage }}. A snapshot or a new replica may need much more for a while.',
    fires: {
      title: 'nine tenths',
      series: [
        series('redis_memory_used_rss_bytes', 9 * gibibyte),
        series('redis_total_system_memory_bytes', 10 * gibibyte),
      ],
    },
    silent: [
      {
        title: 'an unlimited Redis with little data',
        series: [
          series('redis_memory_used_rss_bytes', gibibyte),
          series('redis_total_system_memory_bytes', 10 * gibibyte),
        ],
      },
      {
        title: 'a service that does not tell its memory',
        series: [series('redis_memory_used_rss_bytes', gibibyte), series('redis_total_system_memory_bytes', 0)],
      },
    ],
  },
  {
    name: 'RedisWritesRefused',
    severity: 'critical',
    expression: 'increase(redis_errors_total{err=~"OOM|MISCONF|NOREPLICAS"}[10m]) > 0',
    forMinutes: 5,
    summary: 'Redis {{ $labels.target }} refuses writes ({{ $labels.err }})',
    description:
      'Its memory is full (OOM), it cannot save (MISCONF), or too few replicas are near enough (NOREPLICAS).',
    fires: {
      title: 'out of memory',
      series: [series('redis_errors_total', '0+10x60', { err: 'OOM' })],
      fromMinute: 1,
    },
    silent: [
      { title: 'last week', series: [series('redis_errors_total', 55, { err: 'OOM' })] },
      { title: 'wrong commands', series: [series('redis_errors_total', '0+10x60', { err: 'ERR' })] },
    ],
  },
  {
    name: 'RedisSnapshotFailed',
    severity: 'warning',
    expression: 'redis_rdb_last_bgsave_status == 0',
    forMinutes: 5,
    summary: 'Redis {{ $labels.target }} cannot save its data',
    description: 'The last snapshot failed; by default writes are refused until one succeeds.',
    fires: { title: 'failed', series: [series('redis_rdb_last_bgsave_status', 0)] },
    silent: [{ title: 'a cache that never saves', series: [series('redis_rdb_last_bgsave_status', 1)] }],
  },
  {
    name: 'RedisAppendOnlyFileFails',
    severity: 'critical',
    expression: `(redis_aof_last_write_status == 0 or redis_aof_last_bgrewrite_status == 0) and on (${sameNode}) redis_aof_enabled == 1`,
    forMinutes: 5,
    summary: 'Redis {{ $labels.target }} cannot write its append-only file',
    description: 'What is written now would be lost in a crash; the disk may be full.',
    fires: {
      title: 'writing fails',
      series: [series('redis_aof_last_write_status', 0), series('redis_aof_enabled', 1)],
    },
    silent: [
      { title: 'switched off', series: [series('redis_aof_last_write_status', 0), series('redis_aof_enabled', 0)] },
      { title: 'well', series: [series('redis_aof_last_write_status', 1), series('redis_aof_enabled', 1)] },
    ],
  },
];

const together: readonly Alert[] = [
  {
    name: 'RedisReplicaCut',
    severity: 'critical',
    expression: 'redis_master_link_up == 0',
    forMinutes: 3,
    summary: 'Redis replica {{ $labels.target }} is cut off from its master',
    description:
      'The link to {{ $labels.master_host }}:{{ $labels.master_port }} is down: it serves old data and cannot take over without loss.',
    fires: { title: 'link down', series: [series('redis_master_link_up', 0)] },
    silent: [
      {
        title: 'two independent masters, which have no such link',
        series: [
          series('redis_instance_info', 1, { role: 'master' }),
          series('redis_instance_info', 1, { role: 'master', target: 'other' }),
          series('redis_connected_slaves', 0),
          series('redis_connected_slaves', 0, { target: 'other' }),
        ],
      },
      { title: 'a short cut', series: [series('redis_master_link_up', '1+0x10 0 1+0x60')] },
    ],
  },
  {
    name: 'RedisReplicaLag',
    severity: 'warning',
    expression: `redis_connected_slave_lag_bytes > ${limits.replicaLagBytes}`,
    forMinutes: 5,
    summary: 'A replica of Redis {{ $labels.target }} does not keep up',
    description: '{{ $labels.slave_ip }}:{{ $labels.slave_port }} has {{ $value | humanize1024 }}B still to confirm.',
    fires: { title: '50 MiB', series: [series('redis_connected_slave_lag_bytes', 52_428_800)] },
    silent: [{ title: 'some bytes', series: [series('redis_connected_slave_lag_bytes', 140)] }],
  },
  {
    name: 'RedisClusterDown',
    severity: 'critical',
    expression: `redis_cluster_state == 0 and on (${sameNode}) redis_cluster_enabled == 1`,
    forMinutes: 1,
    summary: 'The cluster of Redis {{ $labels.target }} does not work',
    description: 'Node {{ $labels.node }} says so: for some keys, or all, there is no answer.',
    fires: {
      title: 'not ok',
      series: [
        series('redis_cluster_state', 0, { node: '10.0.0.1:6379' }),
        series('redis_cluster_enabled', 1, { node: '10.0.0.1:6379' }),
      ],
    },
    silent: [
      { title: 'a server without cluster', series: [series('redis_cluster_enabled', 0)] },
      { title: 'ok', series: [series('redis_cluster_state', 1), series('redis_cluster_enabled', 1)] },
    ],
  },
  {
    name: 'RedisClusterSlotsFail',
    severity: 'warning',
    expression: 'redis_cluster_slots_fail > 0 or redis_cluster_slots_pfail > 0',
    forMinutes: 2,
    summary: 'Slots of the cluster of Redis {{ $labels.target }} have no working node',
    description: 'Node {{ $labels.node }} counts {{ $value }} of them.',
    fires: {
      title: 'a third',
      series: [series('redis_cluster_slots_fail', 5_461), series('redis_cluster_slots_pfail', 0)],
    },
    silent: [
      { title: 'none', series: [series('redis_cluster_slots_fail', 0), series('redis_cluster_slots_pfail', 0)] },
    ],
  },
  {
    name: 'RedisSentinelMasterDown',
    severity: 'critical',
    expression: 'redis_sentinel_master_up == 0',
    forMinutes: 2,
    summary: 'Sentinel sees no master {{ $labels.master_name }} of Redis {{ $labels.target }}',
    description: 'Node {{ $labels.node }} says so for longer than a failover takes.',
    fires: { title: 'down', series: [series('redis_sentinel_master_up', 0, { node: '10.0.0.1:26379' })] },
    silent: [{ title: 'a failover', series: [series('redis_sentinel_master_up', '1+0x10 0 1+0x60')] }],
  },
  {
    name: 'RedisSentinelNoQuorum',
    severity: 'critical',
    expression: 'redis_sentinel_master_ckquorum_status == 0',
    forMinutes: 5,
    summary: 'Too few Sentinels watch {{ $labels.master_name }} of Redis {{ $labels.target }}',
    description: 'If the master fails now, nobody can take over ({{ $labels.message }}).',
    fires: { title: 'NOQUORUM', series: [series('redis_sentinel_master_ckquorum_status', 0)] },
    silent: [{ title: 'OK', series: [series('redis_sentinel_master_ckquorum_status', 1)] }],
  },
];

/** Redis and Valkey: single servers, replicas, Sentinels, clusters. */
export const redisAlerts: AlertGroup = {
  name: 'redis',
  about: 'Redis and Valkey: single servers, replicas, Sentinels, clusters.',
  alerts: [...service, ...memory, ...together],
};
