import { thresholds } from '../alerts/thresholds.ts';
import { type Annotation, type Board, chosen, targetVariable } from './board.ts';
import { areas, lines, type Panel, stat, upOrDown, yesOrNo } from './panel.ts';

const limits = thresholds.redis;
const node = '{{target}} {{node}}';
const rate = (metric: string) => `rate(${metric}{${chosen}}[$__rate_interval])`;
const memoryLimits = { warning: limits.memoryShare, critical: limits.memoryFullShare };

const serverStarted: Annotation = {
  name: 'Server starts',
  expression: `redis_start_time_seconds{${chosen}}`,
  title: '{{target}} {{node}} was started',
  color: 'orange',
};

const now: readonly Panel[] = [
  stat({
    title: 'Up',
    description: 'Whether the server, or one node of the cluster, lets Watchkeeper log in and answers.',
    unit: 'none',
    words: upOrDown,
    text: 'value_and_name',
    expression: `redis_up{${chosen}}`,
    legend: '{{target}}',
  }),
  stat({
    title: 'Memory used',
    description:
      'Share of maxmemory. At 100 % keys are evicted or writes refused, by maxmemory-policy. Absent where there is no limit.',
    unit: 'percentunit',
    limits: memoryLimits,
    expression: `max(redis_memory_limit_used_ratio{${chosen}})`,
    legend: 'share',
  }),
  stat({
    title: 'Connections used',
    description: 'Share of maxclients. At 100 % the next client is refused.',
    unit: 'percentunit',
    limits: { warning: limits.connectionsShare },
    expression: `max(redis_connected_clients{${chosen}} / redis_max_clients{${chosen}})`,
    legend: 'share',
  }),
  stat({
    title: 'Commands',
    description: 'Commands in each second.',
    unit: 'ops',
    expression: `sum(${rate('redis_commands_processed_total')})`,
    legend: 'commands',
  }),
  stat({
    title: 'Keyspace hits',
    description:
      'Share of the lookups that found a key in the last minutes; nothing is shown where nothing was looked up.',
    unit: 'percentunit',
    expression: `sum(${rate('redis_keyspace_hits_total')}) / (sum(${rate('redis_keyspace_hits_total')}) + sum(${rate('redis_keyspace_misses_total')}) > 0)`,
    legend: 'share',
  }),
  stat({
    title: 'Replicas cut off',
    description: 'Replicas whose link to their master is down: they serve old data.',
    unit: 'none',
    limits: { critical: 1 },
    expression: `count(redis_master_link_up{${chosen}} == 0) or vector(0)`,
    legend: 'replicas',
  }),
];

const memory: readonly Panel[] = [
  lines({
    title: 'Memory',
    description: 'Used by Redis, held by the process, and the limit. Far more held than used is fragmentation.',
    unit: 'bytes',
    min: 0,
    queries: [
      { expression: `redis_memory_used_bytes{${chosen}}`, legend: `${node} used` },
      { expression: `redis_memory_used_rss_bytes{${chosen}}`, legend: `${node} held` },
      { expression: `redis_memory_limit_bytes{${chosen}} > 0`, legend: `${node} limit` },
    ],
  }),
  lines({
    title: 'Share of maxmemory',
    description: 'Of servers that have a limit.',
    unit: 'percentunit',
    min: 0,
    limits: memoryLimits,
    expression: `redis_memory_limit_used_ratio{${chosen}}`,
    legend: node,
  }),
  areas({
    title: 'Keys',
    description: 'Keys of each numbered database.',
    unit: 'none',
    min: 0,
    expression: `redis_db_keys{${chosen}} > 0`,
    legend: `${node} {{db}}`,
  }),
  lines({
    title: 'Keys that went',
    description: 'Expired as wished, or evicted because memory was full.',
    unit: 'ops',
    min: 0,
    queries: [
      { expression: rate('redis_expired_keys_total'), legend: `${node} expired` },
      { expression: rate('redis_evicted_keys_total'), legend: `${node} evicted` },
    ],
  }),
];

const work: readonly Panel[] = [
  areas({
    title: 'Commands',
    description: 'The ten commands that are called most.',
    unit: 'ops',
    min: 0,
    expression: `topk(10, sum by (target, cmd) (${rate('redis_commands_total')}))`,
    legend: '{{target}} {{cmd}}',
  }),
  lines({
    title: 'Mean time of a command',
    description: 'Of the ten slowest commands. Redis does one at a time: a slow one keeps all others waiting.',
    unit: 's',
    min: 0,
    expression: `topk(10, sum by (target, cmd) (${rate('redis_commands_duration_seconds_total')}) / (sum by (target, cmd) (${rate('redis_commands_total')}) > 0))`,
    legend: '{{target}} {{cmd}}',
  }),
  lines({
    title: 'Slowest hundredth',
    description:
      'The 99th percentile of each command’s time since the server was started, of the ten slowest. From Redis 7 on.',
    unit: 's',
    min: 0,
    expression: `topk(10, max by (target, cmd) (redis_commands_latency_seconds{${chosen},quantile="0.99"}))`,
    legend: '{{target}} {{cmd}}',
  }),
  lines({
    title: 'Slow commands',
    description: 'Entries that came to the slow log within a quarter of an hour.',
    unit: 'none',
    min: 0,
    limits: { warning: limits.slowCommandsInQuarter },
    expression: `increase(redis_slowlog_entries_total{${chosen}}[15m])`,
    legend: node,
  }),
  lines({
    title: 'Network',
    description: 'Bytes in each second, from and to clients.',
    unit: 'Bps',
    min: 0,
    queries: [
      { expression: rate('redis_net_input_bytes_total'), legend: `${node} in` },
      { expression: rate('redis_net_output_bytes_total'), legend: `${node} out` },
    ],
  }),
  lines({
    title: 'Processor',
    description: 'Seconds of processor time in each second. The main thread alone cannot have more than 1.',
    unit: 'percentunit',
    min: 0,
    queries: [
      { expression: rate('redis_cpu_user_seconds_total'), legend: `${node} user` },
      { expression: rate('redis_cpu_sys_seconds_total'), legend: `${node} system` },
    ],
  }),
];

const clients: readonly Panel[] = [
  lines({
    title: 'Clients',
    description: 'Connections, and those of them that wait in a blocking command.',
    unit: 'none',
    min: 0,
    queries: [
      { expression: `redis_connected_clients{${chosen}}`, legend: `${node} connected` },
      { expression: `redis_blocked_clients{${chosen}}`, legend: `${node} blocked` },
    ],
  }),
  lines({
    title: 'Refused',
    description: 'Connections refused because of maxclients, and logins refused by the ACL, in each second.',
    unit: 'ops',
    min: 0,
    queries: [
      { expression: rate('redis_rejected_connections_total'), legend: `${node} connections` },
      { expression: rate('redis_acl_access_denied_auth_total'), legend: `${node} logins` },
    ],
  }),
];

const safety: readonly Panel[] = [
  lines({
    title: 'Replication lag',
    description: 'Bytes of the master’s stream that a replica has not yet acknowledged.',
    unit: 'bytes',
    min: 0,
    limits: { warning: limits.replicaLagBytes },
    expression: `redis_connected_slave_lag_bytes{${chosen}}`,
    legend: `${node} → {{slave_ip}}:{{slave_port}}`,
  }),
  lines({
    title: 'Age of the last snapshot on disk',
    description:
      'Since the last RDB file was written, or since the start. That file is no backup: see the board Recoverability.',
    unit: 's',
    min: 0,
    expression: `time() - redis_rdb_last_save_timestamp_seconds{${chosen}}`,
    legend: node,
  }),
  stat({
    title: 'Last snapshot succeeded',
    description: 'With stop-writes-on-bgsave-error a failed one makes the server refuse writes.',
    unit: 'none',
    words: yesOrNo,
    limits: { critical: 1, worse: 'below' },
    text: 'value_and_name',
    expression: `redis_rdb_last_bgsave_status{${chosen}}`,
    legend: node,
  }),
  stat({
    title: 'Changes since the last snapshot',
    description: 'Would be lost with the server where there is no append-only file.',
    unit: 'none',
    text: 'value_and_name',
    expression: `redis_rdb_changes_since_last_save{${chosen}}`,
    legend: node,
  }),
  stat({
    title: 'Append-only file',
    description: 'Whether every write is also logged to disk.',
    unit: 'none',
    words: yesOrNo,
    text: 'value_and_name',
    expression: `redis_aof_enabled{${chosen}}`,
    legend: node,
  }),
  stat({
    title: 'Nodes down',
    description: 'Nodes of clusters, or behind Sentinels, that do not answer.',
    unit: 'none',
    limits: { critical: 1 },
    expression: `count(redis_node_up{${chosen}} == 0) or vector(0)`,
    legend: 'nodes',
  }),
  stat({
    title: 'Cluster slots that fail',
    description: 'Slots whose master is gone: keys in them cannot be reached. 0 too without a cluster.',
    unit: 'none',
    limits: { critical: 1 },
    expression: `max(redis_cluster_slots_fail{${chosen}}) or vector(0)`,
    legend: 'slots',
  }),
  stat({
    title: 'Masters down for Sentinel',
    description: 'Masters that the Sentinels do not consider up. 0 too without Sentinels.',
    unit: 'none',
    limits: { critical: 1 },
    expression: `count(redis_sentinel_master_up{${chosen}} == 0) or vector(0)`,
    legend: 'masters',
  }),
];

/** Memory, work and safety of Redis and Valkey. */
export const redisBoard: Board = {
  name: 'redis',
  title: 'Watchkeeper / Redis',
  description: 'Memory, work, clients and safety of Redis and Valkey: single servers, Sentinels and clusters.',
  variables: [targetVariable('redis_up')],
  annotations: [serverStarted],
  rows: [
    { title: 'Now', panels: now },
    { title: 'Memory', panels: memory },
    { title: 'Work', panels: work },
    { title: 'Clients', panels: clients },
    { title: 'Safety', panels: safety },
  ],
};
