import { type Alert, type AlertGroup, sameTarget, series } from './rule.ts';
import { thresholds } from './thresholds.ts';

const limits = thresholds.postgres;
const database = `${sameTarget}, datname`;

const service: readonly Alert[] = [
  {
    name: 'PostgresDown',
    severity: 'critical',
    expression: 'pg_up == 0',
    forMinutes: 2,
    summary: 'PostgreSQL {{ $labels.target }} cannot be used',
    description: 'The server does not let anybody in or does not answer.',
    fires: { title: 'no login', series: [series('pg_up', 0)] },
    silent: [{ title: 'one scrape without an answer', series: [series('pg_up', '1 1 0 1+0x60')] }],
  },
  {
    name: 'PostgresRestarted',
    severity: 'info',
    expression: 'changes(pg_postmaster_start_time_seconds[30m]) > 0',
    forMinutes: 0,
    summary: 'PostgreSQL {{ $labels.target }} was started again',
    description: 'All connections were cut and the cache was empty, some time in the last half hour.',
    fires: {
      title: 'another start time',
      series: [series('pg_postmaster_start_time_seconds', '100+0x10 _ 700+0x60')],
      fromMinute: 12,
    },
    silent: [{ title: 'a fresh server', series: [series('pg_postmaster_start_time_seconds', '_x5 300+0x60')] }],
  },
  {
    name: 'PostgresConnectionsHigh',
    severity: 'warning',
    expression: `pg_connections_saturation_ratio > ${limits.connectionsShare}`,
    forMinutes: 5,
    summary: 'PostgreSQL {{ $labels.target }} runs out of connections',
    description: '{{ $value | humanizePercentage }} of the connections for ordinary roles are in use.',
    fires: { title: '160 of 200', series: [series('pg_connections_saturation_ratio', 0.8)] },
    silent: [
      { title: 'half of them', series: [series('pg_connections_saturation_ratio', 0.5)] },
      { title: 'a short peak', series: [series('pg_connections_saturation_ratio', '0.5+0x10 0.9+0x3 0.5+0x60')] },
    ],
  },
  {
    name: 'PostgresConnectionsExhausted',
    severity: 'critical',
    expression: `pg_connections_saturation_ratio > ${limits.connectionsExhaustedShare}`,
    forMinutes: 2,
    summary: 'PostgreSQL {{ $labels.target }} has hardly a free connection',
    description:
      '{{ $value | humanizePercentage }} of the connections for ordinary roles are in use; the next ones are refused.',
    fires: { title: '95 of 100', series: [series('pg_connections_saturation_ratio', 0.95)] },
    silent: [{ title: '80 of 100, which is a warning', series: [series('pg_connections_saturation_ratio', 0.8)] }],
  },
  {
    name: 'PostgresRoleConnectionsHigh',
    severity: 'warning',
    expression: `pg_roles_connections_saturation_ratio > ${limits.roleConnectionsShare}`,
    forMinutes: 5,
    summary: 'Role {{ $labels.rolname }} on {{ $labels.target }} runs out of connections',
    description:
      '{{ $value | humanizePercentage }} of the limit of the role are in use; at 100% it cannot log in any more.',
    fires: { title: '19 of 20', series: [series('pg_roles_connections_saturation_ratio', 0.95)] },
    silent: [{ title: 'half of them', series: [series('pg_roles_connections_saturation_ratio', 0.5)] }],
  },
  {
    name: 'PostgresCertificateExpires',
    severity: 'warning',
    expression: `pg_server_certificate_expiry_timestamp_seconds - time() < ${limits.certificateSeconds}`,
    forMinutes: 60,
    summary: 'The certificate of PostgreSQL {{ $labels.target }} expires',
    description: 'In {{ $value | humanizeDuration }} clients that check it are refused.',
    fires: { title: 'ten days left', series: [series('pg_server_certificate_expiry_timestamp_seconds', 864_000)] },
    silent: [{ title: 'a month left', series: [series('pg_server_certificate_expiry_timestamp_seconds', 2_600_000)] }],
  },
  {
    name: 'PostgresCertificateExpiresSoon',
    severity: 'critical',
    expression: `pg_server_certificate_expiry_timestamp_seconds - time() < ${limits.certificateImminentSeconds}`,
    forMinutes: 10,
    summary: 'The certificate of PostgreSQL {{ $labels.target }} expires in a few days',
    description: 'In {{ $value | humanizeDuration }} clients that check it are refused.',
    fires: { title: 'a day left', series: [series('pg_server_certificate_expiry_timestamp_seconds', 86_400)] },
    silent: [{ title: 'ten days left', series: [series('pg_server_certificate_expiry_timestamp_seconds', 864_000)] }],
  },
  {
    name: 'PostgresConfigurationInvalid',
    severity: 'warning',
    expression: 'pg_configuration_file_errors > 0 or pg_configuration_hba_errors > 0',
    forMinutes: 15,
    summary: 'The configuration files of PostgreSQL {{ $labels.target }} have errors',
    description: '{{ $value }} lines cannot be applied. The server runs on with what it has; it may not start again.',
    fires: {
      title: 'a wrong line in pg_hba.conf',
      series: [series('pg_configuration_file_errors', 0), series('pg_configuration_hba_errors', 1)],
    },
    silent: [
      {
        title: 'no errors',
        series: [series('pg_configuration_file_errors', 0), series('pg_configuration_hba_errors', 0)],
      },
    ],
  },
  {
    name: 'PostgresRestartPending',
    severity: 'info',
    expression: 'pg_configuration_pending_restart_settings > 0',
    forMinutes: 360,
    summary: 'PostgreSQL {{ $labels.target }} waits for a restart to apply its settings',
    description: '{{ $value }} settings were changed in a file hours ago and have no effect yet.',
    fires: { title: 'two settings', series: [series('pg_configuration_pending_restart_settings', 2)] },
    silent: [{ title: 'none', series: [series('pg_configuration_pending_restart_settings', 0)] }],
  },
];

const work: readonly Alert[] = [
  {
    name: 'PostgresIdleInTransaction',
    severity: 'warning',
    expression: `pg_connections_idle_in_transaction_oldest_seconds > ${limits.idleInTransactionSeconds}`,
    forMinutes: 5,
    summary: 'A session on {{ $labels.target }} holds a transaction open and does nothing',
    description: 'For {{ $value | humanizeDuration }}. It keeps its locks, and vacuum from removing dead rows.',
    fires: {
      title: 'ten minutes and more',
      series: [series('pg_connections_idle_in_transaction_oldest_seconds', '600+60x60')],
    },
    silent: [
      { title: 'an idle primary', series: [series('pg_connections_idle_in_transaction_oldest_seconds', 0)] },
      {
        title: 'moments between statements',
        series: [series('pg_connections_idle_in_transaction_oldest_seconds', '0 2 1 0 3+0x60')],
      },
    ],
  },
  {
    name: 'PostgresLongTransaction',
    severity: 'warning',
    expression: `pg_long_running_transactions_oldest_age_seconds > ${limits.transactionSeconds} unless on (${sameTarget}) watchkeeper_job_running{kind="backup"} == 1`,
    forMinutes: 10,
    summary: 'A transaction on {{ $labels.target }} has been open for long',
    description: 'For {{ $value | humanizeDuration }}. It keeps vacuum from removing dead rows of all databases.',
    fires: {
      title: 'two hours',
      series: [
        series('pg_long_running_transactions_oldest_age_seconds', '7200+60x60'),
        series('watchkeeper_job_running', 0, { kind: 'backup' }),
      ],
    },
    silent: [
      {
        title: 'a backup that takes hours',
        series: [
          series('pg_long_running_transactions_oldest_age_seconds', '7200+60x60'),
          series('watchkeeper_job_running', 1, { kind: 'backup' }),
        ],
      },
      { title: 'an idle primary', series: [series('pg_long_running_transactions_oldest_age_seconds', 0)] },
    ],
  },
  {
    name: 'PostgresStatementsRunLong',
    severity: 'info',
    expression: 'min_over_time(pg_slow_running_queries[10m]) > 0',
    forMinutes: 10,
    summary: 'Slow statements run in {{ $labels.datname }} on {{ $labels.target }} all the time',
    description: 'At least {{ $value }} sessions were over watch.slowQueryThreshold whenever it was looked at.',
    fires: { title: 'three of them', series: [series('pg_slow_running_queries', 3)] },
    silent: [
      { title: 'one now and then', series: [series('pg_slow_running_queries', '0 0 1 0 0 0 0 1 0 0 0 1 0+0x60')] },
    ],
  },
  {
    name: 'PostgresStatementsSlow',
    severity: 'warning',
    expression: `sum by (${database}) (rate(pg_stat_statements_seconds_total[15m])) / sum by (${database}) (rate(pg_stat_statements_calls_total[15m])) > ${limits.statementSeconds} and sum by (${database}) (rate(pg_stat_statements_calls_total[15m])) > ${limits.statementsPerSecond}`,
    forMinutes: 15,
    summary: 'Statements in {{ $labels.datname }} on {{ $labels.target }} are slow',
    description: 'The statements that take most time need {{ $value | humanizeDuration }} on average.',
    fires: {
      title: 'half a second each, ten a second',
      series: [
        series('pg_stat_statements_seconds_total', '0+300x60'),
        series('pg_stat_statements_calls_total', '0+600x60'),
      ],
      fromMinute: 2,
    },
    silent: [
      {
        title: 'one report of a minute each ten minutes',
        series: [
          series('pg_stat_statements_seconds_total', '0+6x60'),
          series('pg_stat_statements_calls_total', '0+0.1x60'),
        ],
      },
      {
        title: 'many fast ones',
        series: [
          series('pg_stat_statements_seconds_total', '0+6x60'),
          series('pg_stat_statements_calls_total', '0+6000x60'),
        ],
      },
      {
        title: 'no work at all',
        series: [series('pg_stat_statements_seconds_total', 5), series('pg_stat_statements_calls_total', 100)],
      },
    ],
  },
  {
    name: 'PostgresBlockedSessions',
    severity: 'warning',
    expression: `pg_blocked_sessions_longest_seconds > ${limits.blockedSeconds}`,
    forMinutes: 2,
    summary: 'Sessions of {{ $labels.datname }} on {{ $labels.target }} wait for a lock',
    description: 'The longest has been waiting for {{ $value | humanizeDuration }}; those behind it wait too.',
    fires: { title: 'ten minutes and more', series: [series('pg_blocked_sessions_longest_seconds', '600+60x60')] },
    silent: [{ title: 'short waits', series: [series('pg_blocked_sessions_longest_seconds', '0 4 0 11 0+0x60')] }],
  },
  {
    name: 'PostgresDeadlocks',
    severity: 'warning',
    expression: `increase(pg_stat_database_deadlocks[30m]) > ${limits.deadlocksInHalfAnHour}`,
    forMinutes: 0,
    summary: 'Deadlocks in {{ $labels.datname }} on {{ $labels.target }}',
    description:
      '{{ $value | humanize }} transactions were ended by the server in half an hour because they waited for each other.',
    fires: {
      title: 'one a minute',
      series: [series('pg_stat_database_deadlocks', '0+0x10 1+1x60')],
      fromMinute: 13,
    },
    silent: [
      { title: 'many long ago', series: [series('pg_stat_database_deadlocks', 1_000)] },
      { title: 'a single one', series: [series('pg_stat_database_deadlocks', '0+0x10 1+0x60')] },
    ],
  },
  {
    name: 'PostgresRollbacksHigh',
    severity: 'info',
    expression: `rate(pg_stat_database_xact_rollback[15m]) / (rate(pg_stat_database_xact_commit[15m]) + rate(pg_stat_database_xact_rollback[15m])) > ${limits.rollbackShare} and rate(pg_stat_database_xact_rollback[15m]) > ${limits.rollbacksPerSecond}`,
    forMinutes: 15,
    summary: 'Many transactions in {{ $labels.datname }} on {{ $labels.target }} are rolled back',
    description: '{{ $value | humanizePercentage }} of the transactions.',
    fires: {
      title: 'a fifth of many',
      series: [
        series('pg_stat_database_xact_rollback', '0+1200x60'),
        series('pg_stat_database_xact_commit', '0+4800x60'),
      ],
      fromMinute: 1,
    },
    silent: [
      {
        title: 'a health check that rolls back, on an idle database',
        series: [series('pg_stat_database_xact_rollback', '0+4x60'), series('pg_stat_database_xact_commit', '0+1x60')],
      },
    ],
  },
  {
    name: 'PostgresCacheHitsLow',
    severity: 'info',
    expression: `rate(pg_stat_database_blks_hit[15m]) / (rate(pg_stat_database_blks_hit[15m]) + rate(pg_stat_database_blks_read[15m])) < ${limits.cacheHitShare} and rate(pg_stat_database_blks_read[15m]) > ${limits.blocksReadPerSecond}`,
    forMinutes: 30,
    summary: 'Much of {{ $labels.datname }} on {{ $labels.target }} is read from outside of shared buffers',
    description:
      'Only {{ $value | humanizePercentage }} of the blocks were found there in the last quarter of an hour.',
    fires: {
      title: 'half of many',
      series: [series('pg_stat_database_blks_hit', '0+60000x90'), series('pg_stat_database_blks_read', '0+60000x90')],
      fromMinute: 2,
    },
    silent: [
      {
        title: 'a fresh server with little work',
        series: [series('pg_stat_database_blks_hit', '0+10x90'), series('pg_stat_database_blks_read', '0+90x90')],
      },
      {
        title: 'an idle primary',
        series: [series('pg_stat_database_blks_hit', 10), series('pg_stat_database_blks_read', 1_000_000)],
      },
    ],
  },
  {
    name: 'PostgresTemporaryFilesHigh',
    severity: 'info',
    expression: `rate(pg_stat_database_temp_bytes[15m]) > ${limits.temporaryBytesPerSecond}`,
    forMinutes: 30,
    summary: 'Statements in {{ $labels.datname }} on {{ $labels.target }} write large temporary files',
    description: '{{ $value | humanize1024 }}B a second: sorts and hashes do not fit in work_mem.',
    fires: {
      title: '50 MiB a second',
      series: [series('pg_stat_database_temp_bytes', '0+3145728000x90')],
      fromMinute: 7,
    },
    silent: [
      { title: 'one large sort', series: [series('pg_stat_database_temp_bytes', '0+0x20 9e9+0x60')] },
      { title: 'much long ago', series: [series('pg_stat_database_temp_bytes', 9e15)] },
    ],
  },
  {
    name: 'PostgresLockTableFull',
    severity: 'warning',
    expression: `pg_locks_table_used_ratio > ${limits.lockTableShare}`,
    forMinutes: 5,
    summary: 'The lock table of {{ $labels.target }} is nearly full',
    description: '{{ $value | humanizePercentage }}: soon statements fail with "out of shared memory".',
    fires: { title: 'nine tenths', series: [series('pg_locks_table_used_ratio', 0.9)] },
    silent: [{ title: 'hardly used', series: [series('pg_locks_table_used_ratio', 0.02)] }],
  },
  {
    name: 'PostgresCheckpointsTooFrequent',
    severity: 'info',
    expression: `increase(pg_checkpoints_requested_total[1h]) / (increase(pg_checkpoints_requested_total[1h]) + increase(pg_checkpoints_timed_total[1h])) > ${limits.requestedCheckpointsShare} and increase(pg_checkpoints_requested_total[1h]) > 6`,
    forMinutes: 60,
    summary: 'PostgreSQL {{ $labels.target }} makes checkpoints because WAL comes too fast',
    description:
      '{{ $value | humanizePercentage }} of the checkpoints of the last hour were asked for by max_wal_size.',
    fires: {
      title: 'every two minutes',
      series: [series('pg_checkpoints_requested_total', '0+0.5x180'), series('pg_checkpoints_timed_total', 3)],
      fromMinute: 13,
    },
    silent: [
      {
        title: 'by the clock',
        series: [series('pg_checkpoints_requested_total', 9), series('pg_checkpoints_timed_total', '0+0.2x180')],
      },
      {
        title: 'one before a base backup, on an idle server',
        series: [series('pg_checkpoints_requested_total', '0+0x20 1+0x160'), series('pg_checkpoints_timed_total', 3)],
      },
    ],
  },
];

const storage: readonly Alert[] = [
  {
    name: 'PostgresChecksumFailures',
    severity: 'critical',
    expression: `time() - pg_stat_database_checksum_last_failure_timestamp_seconds < ${limits.checksumFailureSeconds}`,
    forMinutes: 0,
    summary: 'Damaged pages in {{ $labels.datname }} on {{ $labels.target }}',
    description: 'A data page had a wrong checksum within the last day: storage or memory damages data.',
    fires: {
      title: 'noticed now',
      series: [series('pg_stat_database_checksum_last_failure_timestamp_seconds', '_x10 600+0x60')],
      fromMinute: 10,
    },
    silent: [
      {
        title: 'two days ago',
        series: [series('pg_stat_database_checksum_last_failure_timestamp_seconds', -172_800)],
      },
    ],
  },
  {
    name: 'PostgresWraparoundNear',
    severity: 'warning',
    expression: `pg_wraparound_ratio > ${limits.wraparoundShare} or pg_wraparound_mxid_ratio > ${limits.wraparoundShare}`,
    forMinutes: 60,
    summary: 'Freezing of {{ $labels.datname }} on {{ $labels.target }} does not keep up',
    description: '{{ $value | humanizePercentage }} of the transaction or multixact ids are used up.',
    fires: {
      title: 'multixacts alone',
      series: [series('pg_wraparound_ratio', 0.01), series('pg_wraparound_mxid_ratio', 0.5)],
    },
    silent: [
      {
        title: 'just before autovacuum freezes, which is normal',
        series: [series('pg_wraparound_ratio', 0.1), series('pg_wraparound_mxid_ratio', 0.2)],
      },
    ],
  },
  {
    name: 'PostgresWraparoundImminent',
    severity: 'critical',
    expression: `pg_wraparound_ratio > ${limits.wraparoundImminentShare} or pg_wraparound_mxid_ratio > ${limits.wraparoundImminentShare}`,
    forMinutes: 5,
    summary: '{{ $labels.datname }} on {{ $labels.target }} will refuse to write',
    description:
      '{{ $value | humanizePercentage }} of the transaction or multixact ids are used up; at 100% the server refuses writes.',
    fires: {
      title: 'four fifths',
      series: [series('pg_wraparound_ratio', 0.8), series('pg_wraparound_mxid_ratio', 0.01)],
    },
    silent: [
      {
        title: 'half, which is a warning',
        series: [series('pg_wraparound_ratio', 0.5), series('pg_wraparound_mxid_ratio', 0.01)],
      },
    ],
  },
  {
    name: 'PostgresAutovacuumOff',
    severity: 'warning',
    expression: 'pg_autovacuum_enabled == 0',
    forMinutes: 60,
    summary: 'Autovacuum is off on {{ $labels.target }}',
    description: 'Tables bloat, statistics age, and nothing freezes old rows until it must.',
    fires: { title: 'off', series: [series('pg_autovacuum_enabled', 0)] },
    silent: [{ title: 'off for a bulk load', series: [series('pg_autovacuum_enabled', '0+0x30 1+0x90')] }],
  },
  {
    name: 'PostgresAutovacuumSaturated',
    severity: 'warning',
    expression: 'min_over_time(pg_workers_saturation_ratio{kind="autovacuum"}[30m]) >= 1',
    forMinutes: 180,
    summary: 'All autovacuum workers of {{ $labels.target }} have been busy for hours',
    description: 'Tables wait for their turn; with it grow dead rows and the age of what is not frozen.',
    fires: { title: 'three of three', series: [series('pg_workers_saturation_ratio', 1, { kind: 'autovacuum' })] },
    silent: [
      {
        title: 'busy with pauses',
        series: [series('pg_workers_saturation_ratio', '1+0x100 0.67+0x5 1+0x100', { kind: 'autovacuum' })],
        untilMinute: 205,
      },
      {
        title: 'parallel workers',
        series: [series('pg_workers_saturation_ratio', 1, { kind: 'parallel' })],
      },
    ],
  },
  {
    name: 'PostgresTableNotVacuumed',
    severity: 'warning',
    expression: `pg_table_dead_rows_ratio > ${limits.deadRowsShare} and pg_table_vacuum_due_ratio > ${limits.vacuumDueRatio}`,
    forMinutes: 360,
    summary:
      'Table {{ $labels.schemaname }}.{{ $labels.relname }} in {{ $labels.datname }} on {{ $labels.target }} is not vacuumed',
    description: '{{ $value | humanizePercentage }} of its rows are dead, and it has been due for hours.',
    fires: {
      title: 'half dead, long due',
      series: [series('pg_table_dead_rows_ratio', 0.5), series('pg_table_vacuum_due_ratio', 5)],
    },
    silent: [
      {
        title: 'a table of three rows that change all the time',
        series: [series('pg_table_dead_rows_ratio', 0.9), series('pg_table_vacuum_due_ratio', 0.5)],
      },
      {
        title: 'due because rows were inserted',
        series: [series('pg_table_dead_rows_ratio', 0), series('pg_table_vacuum_due_ratio', 9)],
      },
    ],
  },
  {
    name: 'PostgresXminHorizonHeld',
    severity: 'warning',
    expression: `pg_xmin_horizon_age_transactions > ${limits.xminHorizonTransactions}`,
    forMinutes: 30,
    summary: 'A {{ $labels.holder }} on {{ $labels.target }} keeps dead rows from vacuum',
    description: '{{ $value | humanize }} transactions have passed since the oldest one that it may still see.',
    fires: { title: 'a hundred million', series: [series('pg_xmin_horizon_age_transactions', 100_000_000)] },
    silent: [{ title: 'a few thousand', series: [series('pg_xmin_horizon_age_transactions', 5_000)] }],
  },
  {
    name: 'PostgresPreparedTransactionOld',
    severity: 'warning',
    expression: `pg_prepared_transactions_oldest_seconds > ${limits.preparedTransactionSeconds}`,
    forMinutes: 10,
    summary: 'A prepared transaction in {{ $labels.datname }} on {{ $labels.target }} is left open',
    description:
      'For {{ $value | humanizeDuration }}. It keeps its locks and dead rows over restarts until somebody ends it.',
    fires: { title: 'two hours', series: [series('pg_prepared_transactions_oldest_seconds', '7200+60x60')] },
    silent: [{ title: 'none', series: [series('pg_prepared_transactions_oldest_seconds', 0)] }],
  },
  {
    name: 'PostgresSequenceNearEnd',
    severity: 'warning',
    expression: `pg_sequences_worst_used_ratio > ${limits.sequenceShare}`,
    forMinutes: 60,
    summary: 'A sequence in {{ $labels.datname }} on {{ $labels.target }} comes to its end',
    description: '{{ $value | humanizePercentage }} of its values, or of those that its column can hold, are used up.',
    fires: { title: 'nine tenths', series: [series('pg_sequences_worst_used_ratio', 0.9)] },
    silent: [{ title: 'a tenth', series: [series('pg_sequences_worst_used_ratio', 0.1)] }],
  },
  {
    name: 'PostgresSequenceExhausted',
    severity: 'critical',
    expression: `pg_sequences_worst_used_ratio > ${limits.sequenceEndShare}`,
    forMinutes: 10,
    summary: 'Inserts into {{ $labels.datname }} on {{ $labels.target }} will fail',
    description:
      'A sequence has used up {{ $value | humanizePercentage }} of its values, or of those that its column can hold.',
    fires: { title: 'hardly any left', series: [series('pg_sequences_worst_used_ratio', 0.99)] },
    silent: [{ title: 'nine tenths, which is a warning', series: [series('pg_sequences_worst_used_ratio', 0.9)] }],
  },
  {
    name: 'PostgresIndexInvalid',
    severity: 'info',
    expression: 'pg_index_problems{problem="invalid"} > 0',
    forMinutes: 360,
    summary: 'Invalid indexes in {{ $labels.datname }} on {{ $labels.target }}',
    description:
      '{{ $value }} indexes were left behind by a build that failed: they cost with every write and are never used.',
    fires: { title: 'one', series: [series('pg_index_problems', 1, { problem: 'invalid' })] },
    silent: [{ title: 'unused ones', series: [series('pg_index_problems', 7, { problem: 'unused' })] }],
  },
  {
    name: 'PostgresTableBloated',
    severity: 'info',
    expression: `pg_bloat_table_ratio > ${limits.bloatShare} and pg_bloat_table_bytes > ${limits.bloatBytes}`,
    forMinutes: 360,
    summary:
      'Table {{ $labels.schemaname }}.{{ $labels.relname }} in {{ $labels.datname }} on {{ $labels.target }} is mostly air',
    description:
      'An estimated {{ $value | humanizePercentage }} of its file would not be needed if it was written anew.',
    fires: {
      title: 'three fifths of a large table',
      series: [series('pg_bloat_table_ratio', 0.6), series('pg_bloat_table_bytes', 5e9)],
    },
    silent: [
      {
        title: 'a small table',
        series: [series('pg_bloat_table_ratio', 0.9), series('pg_bloat_table_bytes', 1e6)],
      },
    ],
  },
  {
    name: 'PostgresArchivingFails',
    severity: 'critical',
    expression: 'pg_archiver_failing == 1',
    forMinutes: 15,
    summary: 'PostgreSQL {{ $labels.target }} cannot archive its WAL',
    description: 'WAL piles up on the server until its disk is full, and what is not archived is lost with the server.',
    fires: { title: 'the last try failed', series: [series('pg_archiver_failing', 1)] },
    silent: [
      { title: 'archiving is off', series: [series('pg_archiver_failing', 0)] },
      { title: 'a try failed, the next went well', series: [series('pg_archiver_failing', '0 0 1 1 0+0x60')] },
    ],
  },
  {
    name: 'PostgresArchivingBehind',
    severity: 'warning',
    expression: `pg_wal_archive_ready_oldest_seconds > ${limits.archiveBehindSeconds}`,
    forMinutes: 10,
    summary: 'Archiving the WAL of PostgreSQL {{ $labels.target }} does not keep up',
    description:
      'The oldest file has been waiting for {{ $value | humanizeDuration }}: so much would be lost with the server.',
    fires: { title: 'half an hour', series: [series('pg_wal_archive_ready_oldest_seconds', '1800+60x60')] },
    silent: [{ title: 'an idle primary', series: [series('pg_wal_archive_ready_oldest_seconds', 0)] }],
  },
  {
    name: 'PostgresWalPilesUp',
    severity: 'warning',
    expression: `pg_wal_size_bytes > ${limits.walSizeRatio} * (pg_settings_max_wal_size_bytes + pg_settings_wal_keep_size_bytes)`,
    forMinutes: 30,
    summary: 'WAL piles up on {{ $labels.target }}',
    description:
      '{{ $value | humanize1024 }}B lie there, several times max_wal_size: a slot or the archiver holds them back.',
    fires: {
      title: 'ten times',
      series: [
        series('pg_wal_size_bytes', 10_737_418_240),
        series('pg_settings_max_wal_size_bytes', 1_073_741_824),
        series('pg_settings_wal_keep_size_bytes', 0),
      ],
    },
    silent: [
      {
        title: 'as much as is wished for',
        series: [
          series('pg_wal_size_bytes', 10_737_418_240),
          series('pg_settings_max_wal_size_bytes', 1_073_741_824),
          series('pg_settings_wal_keep_size_bytes', 10_737_418_240),
        ],
      },
    ],
  },
];

/** PostgreSQL servers, primary or standby. */
export const postgresAlerts: AlertGroup = {
  name: 'postgres',
  about: 'PostgreSQL servers, primary or standby.',
  alerts: [...service, ...work, ...storage],
};
