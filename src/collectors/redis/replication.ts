import { metric, type Sample, sample } from '../../core/metric.ts';
import { type Info, parseFields } from '../../targets/redis/info.ts';
import { fieldSamples, metricsOf, scaled, section } from './fields.ts';
import type { RedisFamily } from './source.ts';

const { gauge } = section('replication');
const stats = section('stats');

const fields = [
  gauge('connected_slaves', 'replicas', 'Replicas that are connected.'),
  gauge('repl_backlog_size', 'bytes', 'Size of the backlog from which a replica can go on after a short cut.', {
    as: 'replication_backlog_bytes',
  }),
  gauge('repl_backlog_active', 'boolean', 'Whether there is a backlog.', { as: 'repl_backlog_is_active' }),
  gauge('repl_backlog_first_byte_offset', 'bytes', 'Offset of the oldest byte in the backlog.'),
  gauge('repl_backlog_histlen', 'bytes', 'Bytes in the backlog.', { as: 'repl_backlog_history_bytes' }),
  gauge('master_repl_offset', 'bytes', 'Offset up to which this server has written (master) or received (replica).'),
  gauge(
    'second_repl_offset',
    'bytes',
    'Offset up to which replicas of the former master may go on; -1 when there was none.',
  ),
  gauge('slave_priority', 'priority', 'Priority in the choice of a new master: the lowest first, 0 never.'),
  gauge(
    'min_slaves_good_slaves',
    'replicas',
    'Replicas that are near enough for min-replicas-to-write; none when it is off.',
    {
      as: 'good_slaves',
    },
  ),
  gauge(
    'replicas_repl_buffer_size',
    'bytes',
    'Bytes that are kept for replicas being synchronised; from Valkey 8.0 on.',
    {
      as: 'replicas_repl_buffer_size_bytes',
    },
  ),
  gauge(
    'replicas_repl_buffer_peak',
    'bytes',
    'Most bytes that were kept for replicas being synchronised; from Valkey 8.0 on.',
    {
      as: 'replicas_repl_buffer_peak_bytes',
    },
  ),
  gauge(
    'replica_full_sync_buffer_size',
    'bytes',
    'Bytes that this replica keeps while it is given all data; from Redis 8.0 on.',
    {
      as: 'replica_full_sync_buffer_bytes',
    },
  ),
  gauge(
    'replica_full_sync_buffer_peak',
    'bytes',
    'Most bytes that this replica kept while it was given all data; from Redis 8.0 on.',
    {
      as: 'replica_full_sync_buffer_peak_bytes',
    },
  ),
  gauge('replicas_waiting_psync', 'replicas', 'Replicas that wait to be synchronised; from Valkey 8.0 on.'),
  stats.counter(
    'sync_full',
    'synchronisations',
    'Replicas that were given all data. A counter whose name does not say so.',
    {
      as: 'replica_resyncs_full',
    },
  ),
  stats.counter(
    'sync_partial_ok',
    'synchronisations',
    'Replicas that could go on from the backlog. A counter whose name does not say so.',
    {
      as: 'replica_partial_resync_accepted',
    },
  ),
  stats.counter(
    'sync_partial_err',
    'synchronisations',
    'Replicas that could not go on from the backlog. A counter whose name does not say so.',
    {
      as: 'replica_partial_resync_denied',
    },
  ),
];

const failover = metric({
  name: 'redis_master_failover_in_progress',
  type: 'gauge',
  help: 'Whether a failover by FAILOVER is under way; from Redis 6.2 on.',
  labels: [],
  source: 'INFO replication: master_failover_state',
  unit: 'boolean',
});

const ofMaster = ['master_host', 'master_port'] as const;

const slaveInfo = metric({
  name: 'redis_slave_info',
  type: 'info',
  help: 'Always 1 on a replica; the labels tell its master.',
  labels: [...ofMaster, 'read_only'],
  source: 'INFO replication: slave_read_only',
  unit: 'info',
});

interface LinkMetric {
  readonly field: string;
  readonly metric: ReturnType<typeof linkMetric>;
  readonly factor?: number;
  readonly yes?: string;
}

function linkMetric(name: string, field: string, unit: string, help: string) {
  return metric({
    name: `redis_${name}`,
    type: 'gauge',
    help,
    labels: ofMaster,
    source: `INFO replication: ${field}`,
    unit,
  });
}

function link(
  name: string,
  field: string,
  unit: string,
  help: string,
  more: Pick<LinkMetric, 'factor' | 'yes'> = {},
): LinkMetric {
  return { field, metric: linkMetric(name, field, unit, help), ...more };
}

/** On a replica, about the link to its master. */
const links: readonly LinkMetric[] = [
  link('master_link_up', 'master_link_status', 'boolean', 'Whether the link to the master is up.', { yes: 'up' }),
  link(
    'master_last_io_seconds_ago',
    'master_last_io_seconds_ago',
    'seconds',
    'Seconds since the master was last heard; -1 while the link is down.',
  ),
  link(
    'master_link_down_since_seconds',
    'master_link_down_since_seconds',
    'seconds',
    'Seconds that the link has been down; none while it is up, -1 when it never was up.',
  ),
  link('master_sync_in_progress', 'master_sync_in_progress', 'boolean', 'Whether the master sends all its data.'),
  link(
    'master_sync_size_bytes',
    'master_sync_total_bytes',
    'bytes',
    'Bytes that the master sends; 0 when it does not know yet. None unless it sends all its data.',
  ),
  link(
    'master_sync_read_bytes',
    'master_sync_read_bytes',
    'bytes',
    'Bytes that have come. None unless the master sends all its data.',
  ),
  link(
    'master_sync_left_bytes',
    'master_sync_left_bytes',
    'bytes',
    'Bytes that are to come; below 0 when the size is not known. None unless the master sends all its data.',
  ),
  link(
    'master_sync_progress_ratio',
    'master_sync_perc',
    'ratio',
    'Share of the bytes that has come. None unless the master sends all its data.',
    { factor: 0.01 },
  ),
  link(
    'master_sync_last_io_seconds_ago',
    'master_sync_last_io_seconds_ago',
    'seconds',
    'Seconds since the last bytes came. None unless the master sends all its data.',
  ),
  link('slave_repl_offset', 'slave_repl_offset', 'bytes', 'Offset up to which this replica has applied.'),
  link(
    'slave_read_repl_offset',
    'slave_read_repl_offset',
    'bytes',
    'Offset up to which this replica has received; from Redis 7.0 on.',
  ),
];

const perReplica = ['slave_ip', 'slave_port', 'slave_state'] as const;
const replicaMetric = (name: string, unit: string, help: string, source: string) =>
  metric({ name, type: 'gauge', help, labels: perReplica, source: `INFO replication: ${source}`, unit });

const replicaOffset = replicaMetric(
  'redis_connected_slave_offset_bytes',
  'bytes',
  'Offset that the replica has confirmed.',
  'slaveN offset',
);
const replicaLag = replicaMetric(
  'redis_connected_slave_lag_seconds',
  'seconds',
  'Seconds since the replica last confirmed, 0 or 1 normally: not how far it is behind, see redis_connected_slave_lag_bytes.',
  'slaveN lag',
);
const replicaLagBytes = replicaMetric(
  'redis_connected_slave_lag_bytes',
  'bytes',
  'Bytes that the replica has not confirmed yet.',
  'master_repl_offset - slaveN offset',
);

export const replication: RedisFamily = {
  name: 'replication',
  about:
    'Replicas of a master and how far they are behind; the link of a replica to its master and the progress of a synchronisation.',
  metrics: [
    ...metricsOf(fields),
    failover,
    slaveInfo,
    ...links.map((one) => one.metric),
    replicaOffset,
    replicaLag,
    replicaLagBytes,
  ],
  enabledByDefault: true,
  read: ({ info }) => [
    ...fieldSamples(info, fields),
    ...failoverSamples(info),
    ...linkSamples(info),
    ...replicaSamples(info),
  ],
};

function failoverSamples(info: Info): Sample[] {
  const state = info.text('master_failover_state');
  return state === undefined ? [] : [sample(failover, Number(state !== 'no-failover'), {})];
}

function linkSamples(info: Info): Sample[] {
  const host = info.text('master_host');
  if (host === undefined) return [];
  const labels = { master_host: host, master_port: info.text('master_port') ?? '' };
  return [
    sample(slaveInfo, 1, { ...labels, read_only: info.text('slave_read_only') ?? '' }),
    ...links.flatMap(({ field, metric: of, factor = 1, yes }) => {
      const value = yes === undefined ? info.number(field) : Number(info.text(field) === yes);
      return value === undefined ? [] : [sample(of, scaled(value, factor), labels)];
    }),
  ];
}

function replicaSamples(info: Info): Sample[] {
  const masterOffset = info.number('master_repl_offset');
  return info.startingWith('slave').flatMap(([rest, text]) => {
    if (!/^\d+$/.test(rest)) return [];
    const about = parseFields(text);
    const labels = {
      slave_ip: about.get('ip') ?? '',
      slave_port: about.get('port') ?? '',
      slave_state: about.get('state') ?? '',
    };
    const offset = Number(about.get('offset'));
    const lag = about.get('lag');
    const samples = [sample(replicaOffset, offset, labels)];
    if (lag !== undefined) samples.push(sample(replicaLag, Number(lag), labels));
    // A replica that is being given all data has confirmed nothing yet.
    if (masterOffset !== undefined && offset > 0) {
      samples.push(sample(replicaLagBytes, Math.max(0, masterOffset - offset), labels));
    }
    return samples;
  });
}
