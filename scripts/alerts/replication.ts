import { type AlertGroup, sameTarget, series } from './rule.ts';
import { thresholds } from './thresholds.ts';

const limits = thresholds.replication;

/** Standbys, slots and subscriptions of PostgreSQL. */
export const replicationAlerts: AlertGroup = {
  name: 'replication',
  about: 'Standbys, slots and subscriptions of PostgreSQL.',
  alerts: [
    {
      name: 'PostgresStandbyCut',
      severity: 'critical',
      expression: `pg_replication_receiver_up == 0 and pg_replication_standby_lag_seconds > ${limits.cutSeconds}`,
      forMinutes: 1,
      summary: 'Standby {{ $labels.target }} gets nothing from its primary',
      description:
        'It does not stream, and what it has is older than two minutes. A switch to it now would lose all since.',
      fires: {
        title: 'the link was cut',
        series: [
          series('pg_replication_receiver_up', '1+0x5 0+0x60'),
          series('pg_replication_standby_lag_seconds', '0+0x5 30+60x60'),
        ],
        fromMinute: 8,
      },
      silent: [
        {
          title: 'the standby of an idle primary',
          series: [series('pg_replication_receiver_up', 1), series('pg_replication_standby_lag_seconds', 0)],
        },
        {
          title: 'a standby that is fed by an archive each minute',
          series: [series('pg_replication_receiver_up', 0), series('pg_replication_standby_lag_seconds', 55)],
        },
      ],
    },
    {
      name: 'PostgresStandbyLag',
      severity: 'warning',
      expression: `pg_replication_standby_lag_seconds > ${limits.lagSeconds}`,
      forMinutes: 5,
      summary: 'Standby {{ $labels.target }} is behind',
      description:
        'By {{ $value | humanizeDuration }}: readers see old data, and a switch to it would lose or delay so much.',
      fires: { title: 'a minute behind', series: [series('pg_replication_standby_lag_seconds', 60)] },
      silent: [
        { title: 'the standby of an idle primary', series: [series('pg_replication_standby_lag_seconds', 0)] },
        {
          title: 'one long statement on the standby',
          series: [series('pg_replication_standby_lag_seconds', '0+0x10 45+0x3 0+0x60')],
        },
      ],
    },
    {
      name: 'PostgresStandbyLagTooLong',
      severity: 'critical',
      expression: `pg_replication_standby_lag_seconds > ${limits.lagTooLongSeconds}`,
      forMinutes: 5,
      summary: 'Standby {{ $labels.target }} is far behind',
      description: 'By {{ $value | humanizeDuration }}: it cannot take over without loss.',
      fires: { title: 'ten minutes', series: [series('pg_replication_standby_lag_seconds', 600)] },
      silent: [
        { title: 'a minute, which is a warning', series: [series('pg_replication_standby_lag_seconds', 60)] },
        { title: 'the standby of an idle primary', series: [series('pg_replication_standby_lag_seconds', 0)] },
      ],
    },
    {
      name: 'PostgresStandbyLagBytes',
      severity: 'warning',
      expression: `max by (${sameTarget}, application_name, client_addr, slot_name) (pg_stat_replication_replay_lag_bytes) > ${limits.lagBytes}`,
      forMinutes: 15,
      summary: '{{ $labels.application_name }} does not keep up with {{ $labels.target }}',
      description: 'It has {{ $value | humanize1024 }}B of WAL still to replay.',
      fires: {
        title: '50 MiB, with a new connection in between',
        series: [
          series('pg_stat_replication_replay_lag_bytes', '52428800+0x10', { pid: '1' }),
          series('pg_stat_replication_replay_lag_bytes', '_x11 52428800+0x60', { pid: '2' }),
        ],
      },
      silent: [
        { title: 'a peak', series: [series('pg_stat_replication_replay_lag_bytes', '0+0x10 52428800+0x5 0+0x60')] },
      ],
    },
    {
      name: 'PostgresReplayPaused',
      severity: 'warning',
      expression: 'pg_replication_replay_paused == 1',
      forMinutes: 30,
      summary: 'Replay on standby {{ $labels.target }} is paused',
      description: 'Somebody paused it half an hour ago or longer; it falls behind and its WAL piles up.',
      fires: { title: 'paused', series: [series('pg_replication_replay_paused', 1)] },
      silent: [{ title: 'paused for a dump', series: [series('pg_replication_replay_paused', '1+0x20 0+0x60')] }],
    },
    {
      name: 'PostgresSynchronousStandbyMissing',
      severity: 'critical',
      expression: `pg_stat_replication_synchronous_required == 1 unless on (${sameTarget}) sum by (${sameTarget}) (pg_stat_replication_standbys{sync_state=~"sync|quorum"}) > 0`,
      forMinutes: 1,
      summary: 'Commits on {{ $labels.target }} hang',
      description: 'synchronous_standby_names asks for a standby and none is connected: every commit waits.',
      fires: {
        title: 'only an asynchronous one',
        series: [
          series('pg_stat_replication_synchronous_required', 1),
          series('pg_stat_replication_standbys', 0, { sync_state: 'sync' }),
          series('pg_stat_replication_standbys', 1, { sync_state: 'async' }),
        ],
      },
      silent: [
        {
          title: 'asynchronous by wish',
          series: [
            series('pg_stat_replication_synchronous_required', 0),
            series('pg_stat_replication_standbys', 0, { sync_state: 'sync' }),
          ],
        },
        {
          title: 'a quorum',
          series: [
            series('pg_stat_replication_synchronous_required', 1),
            series('pg_stat_replication_standbys', 0, { sync_state: 'sync' }),
            series('pg_stat_replication_standbys', 2, { sync_state: 'quorum' }),
          ],
        },
      ],
    },
    {
      name: 'PostgresSlotInactive',
      severity: 'warning',
      expression: `pg_replication_slots_slot_is_active == 0 and on (${sameTarget}) pg_replication_is_replica == 0`,
      forMinutes: 15,
      summary: 'Nobody reads slot {{ $labels.slot_name }} of {{ $labels.target }}',
      description: 'The server keeps all WAL since; in the end its disk is full, or the slot is lost.',
      fires: {
        title: 'on a primary',
        series: [series('pg_replication_slots_slot_is_active', 0), series('pg_replication_is_replica', 0)],
      },
      silent: [
        {
          title: 'a slot that was copied to a standby',
          series: [series('pg_replication_slots_slot_is_active', 0), series('pg_replication_is_replica', 1)],
        },
        {
          title: 'a standby that is started again',
          series: [
            series('pg_replication_slots_slot_is_active', '1+0x10 0+0x5 1+0x60'),
            series('pg_replication_is_replica', 0),
          ],
        },
      ],
    },
    {
      name: 'PostgresSlotRetainsWal',
      severity: 'warning',
      expression: `pg_replication_slots_retained_bytes > ${limits.slotRetainedBytes}`,
      forMinutes: 15,
      summary: 'Slot {{ $labels.slot_name }} holds back WAL on {{ $labels.target }}',
      description: '{{ $value | humanize1024 }}B lie there for its reader.',
      fires: { title: '20 GiB', series: [series('pg_replication_slots_retained_bytes', 21_474_836_480)] },
      silent: [{ title: 'a file or two', series: [series('pg_replication_slots_retained_bytes', 33_554_432)] }],
    },
    {
      name: 'PostgresSlotNearlyLost',
      severity: 'critical',
      expression: `pg_replication_slots_safe_wal_size_bytes < ${limits.slotSafeBytes}`,
      forMinutes: 5,
      summary: 'Slot {{ $labels.slot_name }} of {{ $labels.target }} is about to be lost',
      description: 'After {{ $value | humanize1024 }}B more of WAL its reader has to begin anew.',
      fires: { title: '100 MiB left', series: [series('pg_replication_slots_safe_wal_size_bytes', 104_857_600)] },
      silent: [{ title: 'much left', series: [series('pg_replication_slots_safe_wal_size_bytes', 21_474_836_480)] }],
    },
    {
      name: 'PostgresSlotLost',
      severity: 'critical',
      expression: 'pg_replication_slots_invalidated == 1',
      forMinutes: 1,
      summary: 'Slot {{ $labels.slot_name }} of {{ $labels.target }} is lost',
      description: 'It cannot be used any more ({{ $labels.reason }}): its reader has to begin anew.',
      fires: { title: 'invalidated', series: [series('pg_replication_slots_invalidated', 1)] },
      silent: [
        { title: 'other slots', series: [series('pg_replication_slots_wal_status', 1, { wal_status: 'reserved' })] },
      ],
    },
    {
      name: 'PostgresSubscriptionDown',
      severity: 'warning',
      expression: 'pg_subscription_worker_up == 0 and pg_subscription_enabled == 1',
      forMinutes: 5,
      summary: 'Subscription {{ $labels.subname }} in {{ $labels.datname }} on {{ $labels.target }} does not run',
      description: 'It is switched on and no worker applies its changes.',
      fires: {
        title: 'no worker',
        series: [series('pg_subscription_worker_up', 0), series('pg_subscription_enabled', 1)],
      },
      silent: [
        {
          title: 'switched off by wish',
          series: [series('pg_subscription_worker_up', 0), series('pg_subscription_enabled', 0)],
        },
      ],
    },
    {
      name: 'PostgresSubscriptionErrors',
      severity: 'warning',
      expression: `increase(pg_subscription_apply_errors_total[15m]) > ${limits.subscriptionErrorsInQuarter} or increase(pg_subscription_sync_errors_total[15m]) > ${limits.subscriptionErrorsInQuarter}`,
      forMinutes: 0,
      summary:
        'Subscription {{ $labels.subname }} in {{ $labels.datname }} on {{ $labels.target }} fails again and again',
      description: 'A change from the publisher cannot be applied here, so nothing after it is applied either.',
      fires: {
        title: 'an error a minute',
        series: [series('pg_subscription_apply_errors_total', '0+0x10 1+1x60')],
        fromMinute: 14,
      },
      silent: [{ title: 'errors of last week', series: [series('pg_subscription_apply_errors_total', 70)] }],
    },
    {
      name: 'PostgresRoleChanged',
      severity: 'info',
      expression: 'changes(pg_replication_is_replica[30m]) > 0',
      forMinutes: 0,
      summary: '{{ $labels.target }} has become primary or standby',
      description: 'A failover or a switch happened in the last half hour.',
      fires: {
        title: 'promoted',
        series: [series('pg_replication_is_replica', '1+0x10 0+0x60')],
        fromMinute: 11,
      },
      silent: [{ title: 'a fresh standby', series: [series('pg_replication_is_replica', '_x10 1+0x60')] }],
    },
    {
      name: 'PostgresRecoveryConflicts',
      severity: 'info',
      expression: `increase(pg_stat_database_conflicts[15m]) > ${limits.conflictsInQuarter}`,
      forMinutes: 0,
      summary: 'Queries in {{ $labels.datname }} on standby {{ $labels.target }} are cancelled',
      description: '{{ $value | humanize }} in a quarter of an hour, because replay could not wait for them.',
      fires: {
        title: 'five a minute',
        series: [series('pg_stat_database_conflicts', '0+0x10 5+5x60')],
        fromMinute: 13,
      },
      silent: [{ title: 'many long ago', series: [series('pg_stat_database_conflicts', 9_000)] }],
    },
  ],
};
