import { thresholds } from '../alerts/thresholds.ts';
import { type Annotation, type Board, chosen, targetVariable } from './board.ts';
import { areas, bars, lines, type Panel, stat, upOrDown, yesOrNo } from './panel.ts';

const limits = thresholds.postgres;
const inDatabase = `${chosen},datname=~"$datname"`;
const rate = (metric: string, matchers = inDatabase) => `rate(${metric}{${matchers}}[$__rate_interval])`;
const byDatabase = (metric: string) => `sum by (target, datname) (${rate(metric)})`;
const connectionLimits = { warning: limits.connectionsShare, critical: limits.connectionsExhaustedShare };
const wraparoundLimits = { warning: limits.wraparoundShare, critical: limits.wraparoundImminentShare };

export const serverStarted: Annotation = {
  name: 'Server starts',
  expression: `pg_postmaster_start_time_seconds{${chosen}}`,
  title: '{{target}} was started',
  color: 'orange',
};

const now: readonly Panel[] = [
  stat({
    title: 'Up',
    description: 'Whether the server lets Watchkeeper log in and answers.',
    unit: 'none',
    words: upOrDown,
    text: 'value_and_name',
    expression: `pg_up{${chosen}}`,
    legend: '{{target}}',
  }),
  stat({
    title: 'Running for',
    description: 'Time since the server was started, and its version.',
    unit: 's',
    text: 'value_and_name',
    expression: `(time() - pg_postmaster_start_time_seconds{${chosen}}) * on (job, instance, target) group_left (short_version) pg_static{${chosen}}`,
    legend: '{{target}} {{short_version}}',
  }),
  stat({
    title: 'Connections used',
    description: 'Share of the connections open to ordinary roles that is in use. At 100 % the next client is refused.',
    unit: 'percentunit',
    limits: connectionLimits,
    text: 'value_and_name',
    expression: `pg_connections_saturation_ratio{${chosen}}`,
    legend: '{{target}}',
  }),
  stat({
    title: 'Cache hits',
    description:
      'Share of the block reads that shared buffers answered in the last minutes; nothing is shown where nothing was read.',
    unit: 'percentunit',
    limits: { warning: limits.cacheHitShare, worse: 'below' },
    text: 'value_and_name',
    expression: `sum by (target) (${rate('pg_stat_database_blks_hit')}) / (sum by (target) (${rate('pg_stat_database_blks_hit')}) + sum by (target) (${rate('pg_stat_database_blks_read')}) > 0)`,
    legend: '{{target}}',
  }),
  stat({
    title: 'Size',
    description: 'All databases of the server together.',
    unit: 'bytes',
    text: 'value_and_name',
    expression: `sum by (target) (pg_database_size_bytes{${inDatabase}})`,
    legend: '{{target}}',
  }),
  stat({
    title: 'Wraparound',
    description:
      'How far the oldest database is on the way to where the server refuses writes. Autovacuum should keep it below 10 to 20 %.',
    unit: 'percentunit',
    limits: wraparoundLimits,
    text: 'value_and_name',
    expression: `max by (target) (pg_wraparound_ratio{${inDatabase}})`,
    legend: '{{target}}',
  }),
];

const connections: readonly Panel[] = [
  areas({
    title: 'Sessions by state',
    description:
      'Idle in transaction holds locks and hinders vacuum; many active ones are more than the processors can serve.',
    unit: 'none',
    min: 0,
    expression: `sum by (target, state) (pg_stat_activity_count{${inDatabase}})`,
    legend: '{{target}} {{state}}',
  }),
  lines({
    title: 'Share of the connections in use',
    description: 'Against max_connections without the reserved ones.',
    unit: 'percentunit',
    min: 0,
    limits: connectionLimits,
    expression: `pg_connections_saturation_ratio{${chosen}}`,
    legend: '{{target}}',
  }),
  areas({
    title: 'Sessions by database',
    description: 'Which database the sessions belong to.',
    unit: 'none',
    min: 0,
    expression: `sum by (target, datname) (pg_stat_database_numbackends{${inDatabase}})`,
    legend: '{{target}} {{datname}}',
  }),
  lines({
    title: 'Sessions by transport',
    description:
      'How clients and standbys come: by socket, plain TCP, TLS or GSS. Plain ones over a network can be read on the way.',
    unit: 'none',
    min: 0,
    expression: `sum by (target, transport) (pg_sessions_by_transport{${chosen}})`,
    legend: '{{target}} {{transport}}',
  }),
];

const work: readonly Panel[] = [
  lines({
    title: 'Transactions',
    description: 'Transactions that ended, by how. Many rollbacks are errors of the application.',
    unit: 'ops',
    min: 0,
    queries: [
      { expression: byDatabase('pg_stat_database_xact_commit'), legend: '{{target}} {{datname}} committed' },
      { expression: byDatabase('pg_stat_database_xact_rollback'), legend: '{{target}} {{datname}} rolled back' },
    ],
  }),
  lines({
    title: 'Rolled back share',
    description: 'Share of the transactions that were rolled back.',
    unit: 'percentunit',
    min: 0,
    limits: { warning: limits.rollbackShare },
    expression: `${byDatabase('pg_stat_database_xact_rollback')} / (${byDatabase('pg_stat_database_xact_rollback')} + ${byDatabase('pg_stat_database_xact_commit')} > 0)`,
    legend: '{{target}} {{datname}}',
  }),
  lines({
    title: 'Rows written',
    description: 'Rows inserted, updated and deleted.',
    unit: 'ops',
    min: 0,
    queries: ['inserted', 'updated', 'deleted'].map((what) => ({
      expression: `sum by (target) (${rate(`pg_stat_database_tup_${what}`)})`,
      legend: `{{target}} ${what}`,
    })),
  }),
  lines({
    title: 'Rows read',
    description:
      'Rows and index entries that scans returned, and rows fetched by index scans. Far more returned than fetched: whole tables are read.',
    unit: 'ops',
    min: 0,
    queries: ['returned', 'fetched'].map((what) => ({
      expression: `sum by (target) (${rate(`pg_stat_database_tup_${what}`)})`,
      legend: `{{target}} ${what}`,
    })),
  }),
  lines({
    title: 'Cache hits by database',
    description: 'Share of the block reads that shared buffers answered.',
    unit: 'percentunit',
    max: 1,
    limits: { warning: limits.cacheHitShare, worse: 'below' },
    expression: `${byDatabase('pg_stat_database_blks_hit')} / (${byDatabase('pg_stat_database_blks_hit')} + ${byDatabase('pg_stat_database_blks_read')} > 0)`,
    legend: '{{target}} {{datname}}',
  }),
  lines({
    title: 'Temporary files',
    description: 'Bytes that sorts and hashes wrote to disk because work_mem was too small for them.',
    unit: 'Bps',
    min: 0,
    limits: { warning: limits.temporaryBytesPerSecond },
    expression: byDatabase('pg_stat_database_temp_bytes'),
    legend: '{{target}} {{datname}}',
  }),
];

const writing: readonly Panel[] = [
  lines({
    title: 'Checkpoints',
    description:
      'Requested ones come because WAL comes faster than max_wal_size allows: each makes whole pages be written again.',
    unit: 'ops',
    min: 0,
    queries: ['timed', 'requested'].map((kind) => ({
      expression: rate(`pg_checkpoints_${kind}_total`, chosen),
      legend: `{{target}} ${kind}`,
    })),
  }),
  lines({
    title: 'Time of checkpoints',
    description: 'Seconds spent on writing and syncing in each second.',
    unit: 'percentunit',
    min: 0,
    queries: ['write', 'sync'].map((step) => ({
      expression: rate(`pg_checkpoint_${step}_seconds_total`, chosen),
      legend: `{{target}} ${step}`,
    })),
  }),
  areas({
    title: 'Bytes read, by who reads',
    description: 'Reads outside of shared buffers, by kind of process. From PostgreSQL 16 on.',
    unit: 'Bps',
    min: 0,
    expression: `sum by (target, backend_type) (${rate('pg_stat_io_read_bytes_total', chosen)})`,
    legend: '{{target}} {{backend_type}}',
  }),
  areas({
    title: 'Bytes written, by who writes',
    description:
      'Writes by kind of process. Much by client backends: the checkpointer and the background writer do not keep up. From PostgreSQL 16 on.',
    unit: 'Bps',
    min: 0,
    expression: `sum by (target, backend_type) (${rate('pg_stat_io_write_bytes_total', chosen)})`,
    legend: '{{target}} {{backend_type}}',
  }),
];

const upkeep: readonly Panel[] = [
  areas({
    title: 'Size of databases',
    description: 'Bytes on disk, indexes included.',
    unit: 'bytes',
    min: 0,
    expression: `sum by (target, datname) (pg_database_size_bytes{${inDatabase}})`,
    legend: '{{target}} {{datname}}',
  }),
  lines({
    title: 'Wraparound by database',
    description: 'Age of transaction ids against the 2 thousand millions at which the server refuses writes.',
    unit: 'percentunit',
    min: 0,
    limits: wraparoundLimits,
    expression: `pg_wraparound_ratio{${inDatabase}}`,
    legend: '{{target}} {{datname}}',
  }),
  bars({
    title: 'Tables with most dead rows',
    description: 'Rows that vacuum has not yet removed; the ten worst tables.',
    unit: 'none',
    expression: `topk(10, sum by (target, datname, schemaname, relname) (pg_stat_user_tables_n_dead_tup{${inDatabase}}))`,
    legend: '{{target}} {{datname}} {{schemaname}}.{{relname}}',
  }),
  bars({
    title: 'Largest tables',
    description: 'Bytes of the ten largest tables, without their indexes.',
    unit: 'bytes',
    expression: `topk(10, sum by (target, datname, schemaname, relname) (pg_stat_user_tables_table_size_bytes{${inDatabase}}))`,
    legend: '{{target}} {{datname}} {{schemaname}}.{{relname}}',
  }),
  lines({
    title: 'Workers in use',
    description:
      'Autovacuum, parallel, WAL sender and other workers against the number that may run. At 100 % the next one waits or is refused.',
    unit: 'percentunit',
    min: 0,
    expression: `pg_workers_saturation_ratio{${chosen}}`,
    legend: '{{target}} {{kind}}',
  }),
  lines({
    title: 'Tables due for vacuum or analyse',
    description:
      'Tables past the point at which autovacuum should have come. A number that stays means that autovacuum does not keep up.',
    unit: 'none',
    min: 0,
    queries: ['vacuum', 'analyze'].map((what) => ({
      expression: `sum by (target, datname) (pg_tables_${what}_due{${inDatabase}})`,
      legend: `{{target}} {{datname}} ${what}`,
    })),
  }),
  lines({
    title: 'Sequences nearest to their end',
    description: 'Share of its values that the worst sequence of each database has used. At 100 % inserts fail.',
    unit: 'percentunit',
    min: 0,
    limits: { warning: limits.sequenceShare, critical: limits.sequenceEndShare },
    expression: `pg_sequences_worst_used_ratio{${inDatabase}}`,
    legend: '{{target}} {{datname}}',
  }),
  lines({
    title: 'Index problems',
    description:
      'Indexes that are invalid, unused or duplicates, by problem. See “Queries and locks” for missing ones.',
    unit: 'none',
    min: 0,
    expression: `sum by (target, datname, problem) (pg_index_problems{${inDatabase}})`,
    legend: '{{target}} {{datname}} {{problem}}',
  }),
  stat({
    title: 'Autovacuum on',
    description: 'Off, tables bloat and statistics age.',
    unit: 'none',
    words: yesOrNo,
    limits: { critical: 1, worse: 'below' },
    text: 'value_and_name',
    expression: `pg_autovacuum_enabled{${chosen}}`,
    legend: '{{target}}',
  }),
  stat({
    title: 'Settings that wait for a restart',
    description: 'Settings whose value in the file is another one than the one in force.',
    unit: 'none',
    limits: { warning: 1 },
    text: 'value_and_name',
    expression: `pg_configuration_pending_restart_settings{${chosen}}`,
    legend: '{{target}}',
  }),
  stat({
    title: 'Checksum failures',
    description:
      'Damaged pages that the server noticed. Any is a reason to look at the disks and at the newest proof at once.',
    unit: 'none',
    limits: { critical: 1 },
    text: 'value_and_name',
    expression: `sum by (target) (pg_stat_database_checksum_failures_total{${chosen}})`,
    legend: '{{target}}',
  }),
];

/** One server or many: is it healthy, and what is it doing? */
export const postgresBoard: Board = {
  name: 'postgres',
  title: 'Watchkeeper / PostgreSQL',
  description: 'Connections, transactions, cache, writing and upkeep of PostgreSQL servers.',
  variables: [
    targetVariable('pg_up'),
    { name: 'datname', label: 'Database', query: `label_values(pg_stat_database_numbackends{${chosen}}, datname)` },
  ],
  annotations: [serverStarted],
  rows: [
    { title: 'Now', panels: now },
    { title: 'Connections', panels: connections },
    { title: 'Work', panels: work },
    { title: 'Writing', panels: writing },
    { title: 'Upkeep', panels: upkeep },
  ],
};
