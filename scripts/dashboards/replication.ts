import { thresholds } from '../alerts/thresholds.ts';
import { type Board, chosen, targetVariable } from './board.ts';
import { areas, lines, type Panel, stat, states, table, type Word, yesOrNo } from './panel.ts';
import { serverStarted } from './postgres.ts';

const limits = thresholds.replication;
const { archiveBehindSeconds } = thresholds.postgres;
const lagLimits = { warning: limits.lagSeconds, critical: limits.lagTooLongSeconds };
const rate = (metric: string) => `rate(${metric}{${chosen}}[$__rate_interval])`;
const roles: readonly Word[] = [
  { value: 0, text: 'primary', color: 'blue' },
  { value: 1, text: 'standby', color: 'green' },
];

const now: readonly Panel[] = [
  stat({
    title: 'Standby lag',
    description:
      'Seconds that the slowest standby is behind, as itself measures; 0 on an idle primary, and growing on a cut link.',
    unit: 's',
    limits: lagLimits,
    expression: `max(pg_replication_standby_lag_seconds{${chosen}})`,
    legend: 'lag',
  }),
  stat({
    title: 'Standby lag in bytes',
    description: 'WAL that the slowest standby has not yet replayed, as its primary sees it.',
    unit: 'bytes',
    limits: { warning: limits.lagBytes },
    expression: `max(pg_stat_replication_replay_lag_bytes{${chosen}})`,
    legend: 'lag',
  }),
  stat({
    title: 'Standbys connected',
    description: 'WAL senders that stream to a standby now.',
    unit: 'none',
    expression: `sum(pg_stat_replication_streaming{${chosen}})`,
    legend: 'standbys',
  }),
  stat({
    title: 'Receivers down',
    description: 'Standbys whose WAL receiver does not run: the link is cut, or they read from an archive.',
    unit: 'none',
    limits: { critical: 1 },
    expression: `count(pg_replication_receiver_up{${chosen}} == 0) or vector(0)`,
    legend: 'standbys',
  }),
  stat({
    title: 'WAL held back by slots',
    description:
      'WAL that the slot which is furthest behind keeps on the server. It fills the disk when nobody reads it.',
    unit: 'bytes',
    limits: { warning: limits.slotRetainedBytes },
    expression: `max(pg_replication_slots_retained_bytes{${chosen}})`,
    legend: 'bytes',
  }),
  stat({
    title: 'Archiving fails',
    description:
      'Servers whose last try to archive a WAL file failed: WAL piles up, and the point in time that can be restored stands still.',
    unit: 'none',
    limits: { critical: 1 },
    expression: `sum(pg_archiver_failing{${chosen}})`,
    legend: 'servers',
  }),
];

const standbys: readonly Panel[] = [
  lines({
    title: 'Lag of each standby in seconds',
    description: 'As the standby itself measures: no false alarm on an idle primary, and no silence on a cut link.',
    unit: 's',
    min: 0,
    limits: lagLimits,
    expression: `pg_replication_standby_lag_seconds{${chosen}}`,
    legend: '{{target}}',
  }),
  lines({
    title: 'Lag of each standby in bytes',
    description: 'WAL not yet replayed, as the primary sees it.',
    unit: 'bytes',
    min: 0,
    limits: { warning: limits.lagBytes },
    expression: `max by (target, application_name, client_addr) (pg_stat_replication_replay_lag_bytes{${chosen}})`,
    legend: '{{target}} → {{application_name}} {{client_addr}}',
  }),
  lines({
    title: 'Where the lag is',
    description:
      'WAL not yet written, flushed and replayed by the standbys: the network, the standby’s disk, or its replay.',
    unit: 'bytes',
    min: 0,
    queries: ['write', 'flush', 'replay'].map((stage) => ({
      expression: `max by (target, application_name) (pg_stat_replication_${stage}_lag_bytes{${chosen}})`,
      legend: `{{target}} → {{application_name}} ${stage}`,
    })),
  }),
  lines({
    title: 'Age of the last message from the primary',
    description: 'Keep-alives come every few seconds, also from an idle primary. A line that rises is a cut link.',
    unit: 's',
    min: 0,
    limits: { warning: limits.cutSeconds },
    expression: `max by (target, upstream_host) (pg_stat_wal_receiver_last_msg_receipt_age_seconds{${chosen}})`,
    legend: '{{target}} from {{upstream_host}}',
  }),
  states({
    title: 'Roles',
    description: 'Which server is primary and which is standby: a change is a failover.',
    unit: 'none',
    words: roles,
    expression: `pg_replication_is_replica{${chosen}}`,
    legend: '{{target}}',
  }),
  lines({
    title: 'Statements cancelled on standbys',
    description: 'Statements within a quarter of an hour that had to give way to what was replayed.',
    unit: 'none',
    min: 0,
    limits: { warning: limits.conflictsInQuarter },
    expression: `sum by (target, datname) (increase(pg_stat_database_conflicts{${chosen}}[15m]))`,
    legend: '{{target}} {{datname}}',
  }),
];

const slots: readonly Panel[] = [
  lines({
    title: 'WAL held back by each slot',
    description:
      'A slot that nobody reads holds back WAL until the disk is full, or until max_slot_wal_keep_size gives the slot up.',
    unit: 'bytes',
    min: 0,
    limits: { warning: limits.slotRetainedBytes },
    expression: `max by (target, slot_name, slot_type) (pg_replication_slots_retained_bytes{${chosen}})`,
    legend: '{{target}} {{slot_name}} ({{slot_type}})',
  }),
  table({
    title: 'Slots',
    description:
      'Each slot now. A slot that is not active needs its reader back, or should be dropped: SELECT pg_drop_replication_slot(…).',
    unit: 'none',
    width: 12,
    height: 8,
    labels: ['target', 'slot_name', 'slot_type'],
    queries: [
      {
        legend: 'Active',
        expression: `max by (target, slot_name, slot_type) (pg_replication_slots_slot_is_active{${chosen}})`,
        column: { words: yesOrNo },
      },
      {
        legend: 'Held back',
        expression: `max by (target, slot_name, slot_type) (pg_replication_slots_retained_bytes{${chosen}})`,
        column: { unit: 'bytes', limits: { warning: limits.slotRetainedBytes } },
      },
    ],
  }),
];

const wal: readonly Panel[] = [
  lines({
    title: 'WAL generated',
    description: 'Bytes of WAL in each second: what standbys, slots and archives must keep up with.',
    unit: 'Bps',
    min: 0,
    expression: rate('pg_stat_wal_bytes_total'),
    legend: '{{target}}',
  }),
  areas({
    title: 'WAL on the servers',
    description: 'Bytes in pg_wal.',
    unit: 'bytes',
    min: 0,
    expression: `pg_wal_size_bytes{${chosen}}`,
    legend: '{{target}}',
  }),
  lines({
    title: 'Files archived',
    description: 'WAL files that were archived, and tries that failed.',
    unit: 'ops',
    min: 0,
    queries: [
      { expression: rate('pg_stat_archiver_archived_count'), legend: '{{target}} archived' },
      { expression: rate('pg_stat_archiver_failed_count'), legend: '{{target}} failed' },
    ],
  }),
  lines({
    title: 'Waiting to be archived',
    description: 'Age of the oldest WAL file that is ready and not yet archived.',
    unit: 's',
    min: 0,
    limits: { warning: archiveBehindSeconds },
    expression: `pg_wal_archive_ready_oldest_seconds{${chosen}}`,
    legend: '{{target}}',
  }),
];

/** Are the standbys and the archive close behind? */
export const replicationBoard: Board = {
  name: 'replication',
  title: 'Watchkeeper / PostgreSQL replication and WAL',
  description: 'Are the standbys, the slots and the archive close behind?',
  variables: [targetVariable('pg_up')],
  annotations: [serverStarted],
  rows: [
    { title: 'Now', panels: now },
    { title: 'Standbys', panels: standbys },
    { title: 'Slots', panels: slots },
    { title: 'WAL', panels: wal },
  ],
};
