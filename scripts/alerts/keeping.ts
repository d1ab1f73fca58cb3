import { type AlertGroup, sameLineage, sameTarget, series } from './rule.ts';
import { thresholds } from './thresholds.ts';

const limits = thresholds.keeping;

/** Where something was promised, that counts and not the default. */
const withoutPromise = `unless on (${sameTarget}, database) (watchkeeper_objective_database_rpo_seconds or watchkeeper_objective_rpo_seconds)`;
const backupRunning = { kind: 'backup' };

/** Backups, proofs, retention and stores: what is lost when nobody looks. */
export const keepingAlerts: AlertGroup = {
  name: 'keeping',
  about: 'Backups, proofs, retention and stores.',
  alerts: [
    {
      name: 'BackupMissing',
      severity: 'critical',
      expression: `watchkeeper_backups == 0 unless on (${sameLineage}) watchkeeper_job_running{kind="backup"} == 1`,
      forMinutes: 60,
      summary: 'There is no backup of {{ $labels.database }} on {{ $labels.target }}',
      description:
        'Schedule {{ $labels.schedule }} has no finished backup in store {{ $labels.store }}, and none is being taken. If the database is lost now, nothing of it comes back from there.',
      fires: {
        title: 'a schedule without any backup',
        series: [series('watchkeeper_backups', 0), series('watchkeeper_job_running', 0, backupRunning)],
      },
      silent: [
        {
          title: 'the first backup of a large database takes hours',
          series: [series('watchkeeper_backups', 0), series('watchkeeper_job_running', 1, backupRunning)],
        },
        {
          title: 'one backup is there',
          series: [series('watchkeeper_backups', 1), series('watchkeeper_job_running', 0, backupRunning)],
        },
      ],
    },
    {
      name: 'BackupTooOld',
      severity: 'critical',
      expression: `watchkeeper_database_rpo_unproven_seconds > ${limits.backupSeconds} ${withoutPromise}`,
      forMinutes: 120,
      summary: 'The newest backup of {{ $labels.database }} on {{ $labels.target }} is too old',
      description:
        'All that was written in the last {{ $value | humanizeDuration }} would be lost with the server, whichever schedule and store is restored from.',
      fires: {
        title: 'the last backup was two days ago',
        series: [series('watchkeeper_database_rpo_unproven_seconds', '172800+60x200')],
      },
      silent: [
        {
          title: 'more was promised, which has its own alert',
          series: [
            series('watchkeeper_database_rpo_unproven_seconds', '172800+60x200'),
            series('watchkeeper_objective_database_rpo_seconds', 7200),
          ],
        },
        {
          title: 'less was promised of the only schedule, once a week',
          series: [
            series('watchkeeper_database_rpo_unproven_seconds', '172800+60x200'),
            series('watchkeeper_objective_rpo_seconds', 700_000, { schedule: 'weekly' }),
          ],
        },
        {
          title: 'tonight’s backup takes an hour longer than that of the night before',
          series: [series('watchkeeper_database_rpo_unproven_seconds', '84000+60x100 3600+60x100')],
          untilMinute: 200,
        },
      ],
    },
    {
      name: 'BackupNotProven',
      severity: 'warning',
      expression: `watchkeeper_database_rpo_seconds > ${limits.proofSeconds} ${withoutPromise}`,
      forMinutes: 120,
      summary: 'No recent backup of {{ $labels.database }} on {{ $labels.target }} is proven to restore',
      description:
        'The newest state that was restored and found equal to its source is {{ $value | humanizeDuration }} old. Newer backups may exist; nobody knows whether they restore.',
      fires: {
        title: 'nothing was ever proven',
        series: [series('watchkeeper_database_rpo_seconds', 'Inf+0x200')],
      },
      silent: [
        {
          title: 'one of two stores has a proven backup of this week',
          series: [
            series('watchkeeper_rpo_seconds', 'Inf+0x200', { store: 'local' }),
            series('watchkeeper_rpo_seconds', '518400+60x200', { store: 'offsite' }),
            series('watchkeeper_database_rpo_seconds', '518400+60x200'),
          ],
        },
      ],
    },
    {
      name: 'BackupRpoExceeded',
      severity: 'critical',
      expression:
        'watchkeeper_rpo_seconds > watchkeeper_objective_rpo_seconds or watchkeeper_database_rpo_seconds > watchkeeper_objective_database_rpo_seconds',
      forMinutes: 15,
      summary: 'More of {{ $labels.database }} on {{ $labels.target }} would be lost than was promised',
      description:
        'The newest state that is proven to restore is {{ $value | humanizeDuration }} old, more than the objective allows.',
      fires: {
        title: 'one schedule of two is behind its promise',
        series: [
          series('watchkeeper_rpo_seconds', 7_300, { schedule: 'hourly' }),
          series('watchkeeper_objective_rpo_seconds', 7_200, { schedule: 'hourly' }),
          series('watchkeeper_rpo_seconds', 80_000, { schedule: 'nightly' }),
          series('watchkeeper_objective_rpo_seconds', 90_000, { schedule: 'nightly' }),
        ],
      },
      firesToo: [
        {
          title: 'the database is behind what was promised of it',
          series: [
            series('watchkeeper_database_rpo_seconds', 'Inf+0x60'),
            series('watchkeeper_objective_database_rpo_seconds', 7_200),
          ],
        },
      ],
      silent: [
        {
          title: 'nothing was promised',
          series: [
            series('watchkeeper_rpo_seconds', 'Inf+0x60'),
            series('watchkeeper_database_rpo_seconds', 'Inf+0x60'),
          ],
        },
        {
          title: 'promise kept',
          series: [
            series('watchkeeper_database_rpo_seconds', 7_000),
            series('watchkeeper_objective_database_rpo_seconds', 7_200),
          ],
        },
      ],
    },
    {
      name: 'BackupRpoUnknown',
      severity: 'critical',
      expression:
        'watchkeeper_objective_rpo_seconds unless watchkeeper_rpo_seconds or watchkeeper_objective_database_rpo_seconds unless watchkeeper_database_rpo_seconds',
      forMinutes: 60,
      summary: 'Whether the promise for {{ $labels.database }} on {{ $labels.target }} is kept is not known',
      description:
        'At most {{ $value | humanizeDuration }} of data were promised to be lost. The store has not been read since the daemon was started, so nobody knows how old its newest proven state is, and no other alert can tell.',
      fires: {
        title: 'the daemon was restarted while the store is away',
        series: [
          series('watchkeeper_objective_rpo_seconds', 7_200),
          series('watchkeeper_store_view_success', 0),
          series('watchkeeper_rpo_seconds', '3600+60x9 stale'),
        ],
        fromMinute: 10,
      },
      firesToo: [
        {
          title: 'of the database, of which no store was ever read',
          series: [series('watchkeeper_objective_database_rpo_seconds', 7_200)],
        },
      ],
      silent: [
        {
          title: 'what is measured is told, however bad it is',
          series: [series('watchkeeper_objective_rpo_seconds', 7_200), series('watchkeeper_rpo_seconds', 'Inf+0x100')],
        },
        {
          title: 'the daemon was restarted and took a while',
          series: [
            series('watchkeeper_objective_database_rpo_seconds', 7_200),
            series('watchkeeper_database_rpo_seconds', `${'_ '.repeat(30)}3600+60x100`),
          ],
        },
        { title: 'nothing was promised', series: [series('watchkeeper_store_view_success', 0)] },
      ],
    },
    {
      name: 'VerificationFailed',
      severity: 'critical',
      // The second half is for one of several that are verified one right after the other: the last of them may have gone well.
      expression:
        'max without (verdict) (watchkeeper_proof_last_verdict{verdict="failed"}) == 1 or watchkeeper_backups_failed > min_over_time(watchkeeper_backups_failed[1d])',
      forMinutes: 1,
      summary: 'A backup of {{ $labels.database }} on {{ $labels.target }} does not restore',
      description:
        'A verification of schedule {{ $labels.schedule }} in store {{ $labels.store }} failed: the backup is damaged, or what it restores to is not what was there.',
      fires: {
        title: 'the last verdict is failed',
        series: [
          series('watchkeeper_proof_last_verdict', 1, { verdict: 'failed' }),
          series('watchkeeper_proof_last_verdict', 0, { verdict: 'proven' }),
        ],
      },
      firesToo: [
        {
          title: 'the newest failed, and an older one was proven a moment later',
          series: [
            series('watchkeeper_proof_last_verdict', 0, { verdict: 'failed' }),
            series('watchkeeper_proof_last_verdict', 1, { verdict: 'proven' }),
            series('watchkeeper_backups_failed', '0+0x10 1+0x60'),
          ],
          fromMinute: 11,
        },
      ],
      silent: [
        {
          title: 'one failed a week ago, and those after it were proven',
          series: [
            series('watchkeeper_proof_last_verdict', 0, { verdict: 'failed' }),
            series('watchkeeper_proof_last_verdict', 1, { verdict: 'proven' }),
            series('watchkeeper_backups_failed', 1),
          ],
        },
        {
          title: 'proven',
          series: [
            series('watchkeeper_proof_last_verdict', 0, { verdict: 'failed' }),
            series('watchkeeper_proof_last_verdict', 1, { verdict: 'proven' }),
          ],
        },
        {
          title: 'inconclusive says nothing about the backup',
          series: [
            series('watchkeeper_proof_last_verdict', 0, { verdict: 'failed' }),
            series('watchkeeper_proof_last_verdict', 1, { verdict: 'inconclusive' }),
          ],
        },
      ],
    },
    {
      name: 'BackupIncomplete',
      severity: 'critical',
      expression: 'watchkeeper_backups_incomplete > 0',
      forMinutes: 15,
      summary: 'Backups of {{ $labels.database }} on {{ $labels.target }} have lost parts',
      description:
        '{{ $value }} finished backups of schedule {{ $labels.schedule }} in store {{ $labels.store }} lack a part, or have it in another size: they do not restore. Somebody or something deletes from the store.',
      fires: { title: 'one lost a part', series: [series('watchkeeper_backups_incomplete', 1)] },
      silent: [
        { title: 'all have all', series: [series('watchkeeper_backups_incomplete', 0)] },
        {
          title: 'one that somebody removes by hand, part by part',
          series: [series('watchkeeper_backups_incomplete', '0+0x10 1+0x10 0+0x60')],
        },
      ],
    },
    {
      name: 'VerificationInconclusive',
      severity: 'warning',
      expression: 'watchkeeper_proof_last_verdict{verdict="inconclusive"} == 1',
      forMinutes: 180,
      summary: 'Backups of {{ $labels.database }} on {{ $labels.target }} cannot be verified',
      description:
        'The last verification of schedule {{ $labels.schedule }} in store {{ $labels.store }} could not be carried out. Nothing is known against the backup, and nothing in its favour.',
      fires: {
        title: 'the last verdict stays inconclusive',
        series: [series('watchkeeper_proof_last_verdict', 1, { verdict: 'inconclusive' })],
      },
      silent: [
        {
          title: 'the next verification goes well',
          series: [series('watchkeeper_proof_last_verdict', '1+0x120 0+0x120', { verdict: 'inconclusive' })],
        },
      ],
    },
    {
      name: 'VerificationReportsChanged',
      severity: 'critical',
      // The second half is for a chain whose end was cut off while no daemon ran: Prometheus remembers how long it was. A chain only grows.
      expression:
        'watchkeeper_reports_unbroken == 0 or max without (instance, pod) (watchkeeper_reports) < max without (instance, pod) (max_over_time(watchkeeper_reports[1d])) unless on (job, target, store) watchkeeper_reports_unbroken == 0',
      forMinutes: 20,
      summary: 'Reports of proofs of {{ $labels.target }} were changed, removed or slipped in',
      description:
        'The chain of reports in store {{ $labels.store }} does not hold, or is shorter than it was: what counts as proven there may not be. Somebody who must not have written to the store, or damage.',
      fires: {
        title: 'a chain is broken, and has fewer reports',
        series: [series('watchkeeper_reports_unbroken', 0), series('watchkeeper_reports', '41+0x10 40+0x60')],
      },
      firesToo: [
        {
          title: 'its end was cut off while the daemon was restarted, under another address',
          series: [
            series('watchkeeper_reports_unbroken', '1+0x10 stale', { instance: 'before' }),
            series('watchkeeper_reports', '41+0x10 stale', { instance: 'before' }),
            series('watchkeeper_reports_unbroken', `${'_ '.repeat(12)}1+0x90`, { instance: 'after' }),
            series('watchkeeper_reports', `${'_ '.repeat(12)}40+0x90`, { instance: 'after' }),
          ],
          fromMinute: 12,
        },
      ],
      silent: [
        {
          title: 'the chain holds, and grows',
          series: [series('watchkeeper_reports_unbroken', 1), series('watchkeeper_reports', '40+0x10 41+0x20 42+0x60')],
        },
        {
          title: 'of two replicas one has not looked yet',
          series: [
            series('watchkeeper_reports_unbroken', 1, { instance: 'a' }),
            series('watchkeeper_reports_unbroken', 1, { instance: 'b' }),
            series('watchkeeper_reports', '40+0x10 41+0x60', { instance: 'a' }),
            series('watchkeeper_reports', '40+0x30 41+0x60', { instance: 'b' }),
          ],
        },
        {
          title: 'a process was killed between the two places of a report, and the next proof puts it back',
          series: [series('watchkeeper_reports_unbroken', '1+0x10 0+0x15 1+0x100')],
        },
        {
          title: 'the store was never reached: nothing is known of its reports',
          series: [series('watchkeeper_store_view_success', 0)],
        },
      ],
    },
    {
      name: 'BackupIdentityMissing',
      severity: 'critical',
      expression: 'watchkeeper_proof_last_obstacle{obstacle="identity"} == 1',
      forMinutes: 0,
      summary: 'No key here opens the backups of {{ $labels.database }} on {{ $labels.target }}',
      description:
        'The last verification of schedule {{ $labels.schedule }} in store {{ $labels.store }} found no identity that belongs to a recipient of the backup. Without it nothing of these backups can be restored.',
      fires: {
        title: 'the last verification found no identity',
        series: [series('watchkeeper_proof_last_obstacle', 1, { obstacle: 'identity' })],
      },
      silent: [
        {
          title: 'something else hindered it',
          series: [
            series('watchkeeper_proof_last_obstacle', 0, { obstacle: 'identity' }),
            series('watchkeeper_proof_last_obstacle', 1, { obstacle: 'disk' }),
          ],
        },
      ],
    },
    {
      name: 'BackupFailed',
      severity: 'warning',
      expression: 'increase(watchkeeper_job_runs_total{kind="backup", status="failed"}[1h]) > 0',
      forMinutes: 0,
      summary: 'A backup of {{ $labels.database }} on {{ $labels.target }} failed',
      description:
        'A run of schedule {{ $labels.schedule }} into store {{ $labels.store }} ended with an error in the last hour. The next one is tried when the schedule says so.',
      fires: {
        title: 'one run failed, the first since the start of the daemon',
        series: [series('watchkeeper_job_runs_total', '0+0x10 1+0x30', { kind: 'backup', status: 'failed' })],
        fromMinute: 11,
      },
      silent: [
        {
          title: 'a run that failed two hours ago',
          series: [series('watchkeeper_job_runs_total', 7, { kind: 'backup', status: 'failed' })],
        },
        {
          title: 'another replica took the backup',
          series: [series('watchkeeper_job_runs_total', '0+1x100', { kind: 'backup', status: 'skipped' })],
        },
      ],
    },
    {
      name: 'RetentionFailed',
      severity: 'warning',
      expression: 'increase(watchkeeper_job_runs_total{kind="prune", status="failed"}[6h]) > 0',
      forMinutes: 0,
      summary: 'Old backups of {{ $labels.database }} on {{ $labels.target }} are not removed',
      description:
        'Retention of schedule {{ $labels.schedule }} refused to run or failed in store {{ $labels.store }} in the last six hours. Nothing was lost; the store grows.',
      fires: {
        title: 'retention refused',
        series: [series('watchkeeper_job_runs_total', '0+0x10 1+0x30', { kind: 'prune', status: 'failed' })],
        fromMinute: 11,
      },
      silent: [
        {
          title: 'retention has run many times',
          series: [
            series('watchkeeper_job_runs_total', 0, { kind: 'prune', status: 'failed' }),
            series('watchkeeper_job_runs_total', '0+1x100', { kind: 'prune', status: 'succeeded' }),
          ],
        },
      ],
    },
    {
      name: 'RetentionRefused',
      severity: 'warning',
      expression: 'watchkeeper_retention_refused == 1',
      forMinutes: 15,
      summary: 'Retention of {{ $labels.database }} on {{ $labels.target }} refuses to delete',
      description:
        'A guard rail holds for schedule {{ $labels.schedule }} in store {{ $labels.store }}: the clock looks wrong, or too much would go at once.',
      fires: { title: 'a guard rail holds', series: [series('watchkeeper_retention_refused', 1)] },
      silent: [{ title: 'none does', series: [series('watchkeeper_retention_refused', 0)] }],
    },
    {
      name: 'ScheduleMissed',
      severity: 'warning',
      // The second half is for schedules of an hour or less, where each slot that is missed makes it begin anew.
      expression: `(watchkeeper_job_overdue_seconds > ${limits.overdueSeconds} or min_over_time(watchkeeper_job_overdue_seconds[1h]) > 0 and (watchkeeper_job_overdue_seconds offset 1h) > 0) unless on (${sameLineage}, kind) watchkeeper_job_running == 1`,
      forMinutes: 10,
      summary: 'A {{ $labels.kind }} of {{ $labels.database }} on {{ $labels.target }} is overdue',
      description:
        'Schedule {{ $labels.schedule }} into store {{ $labels.store }} wanted a {{ $labels.kind }} {{ $value | humanizeDuration }} ago; it was not done and is not running.',
      fires: {
        title: 'due since an hour',
        series: [
          series('watchkeeper_job_overdue_seconds', '3601+60x60', { kind: 'verify' }),
          series('watchkeeper_job_running', 0, { kind: 'verify' }),
        ],
      },
      firesToo: [
        {
          title: 'two slots of an hourly schedule were missed',
          series: [
            series('watchkeeper_job_overdue_seconds', '60+60x59 60+60x59 60+60x59', { kind: 'backup' }),
            series('watchkeeper_job_running', 0, { kind: 'backup' }),
          ],
          fromMinute: 60,
        },
      ],
      silent: [
        {
          title: 'an hourly schedule that is served a little late',
          series: [
            series('watchkeeper_job_overdue_seconds', '60 120 180 0+0x56 60 120 180 0+0x56', { kind: 'backup' }),
            series('watchkeeper_job_running', 0, { kind: 'backup' }),
          ],
          untilMinute: 115,
        },
        {
          title: 'it takes longer than an hour',
          series: [
            series('watchkeeper_job_overdue_seconds', '0+60x200', { kind: 'backup' }),
            series('watchkeeper_job_running', 1, { kind: 'backup' }),
          ],
        },
        {
          title: 'done in time',
          series: [
            series('watchkeeper_job_overdue_seconds', 0, { kind: 'backup' }),
            series('watchkeeper_job_running', 0, { kind: 'backup' }),
          ],
        },
      ],
    },
    {
      name: 'JobRunsTooLong',
      severity: 'warning',
      expression: `min_over_time(watchkeeper_job_running[${limits.runningHours}h]) == 1 and watchkeeper_job_running offset ${limits.runningHours}h == 1`,
      forMinutes: 5,
      summary: 'A {{ $labels.kind }} of {{ $labels.database }} on {{ $labels.target }} does not end',
      description:
        'The {{ $labels.kind }} of schedule {{ $labels.schedule }} into store {{ $labels.store }} has been running for half a day. Nothing else of this database starts meanwhile.',
      fires: {
        title: 'running all the time',
        series: [series('watchkeeper_job_running', 1, { kind: 'backup' })],
        fromMinute: 720,
      },
      silent: [
        {
          title: 'the daemon was started two hours ago',
          series: [series('watchkeeper_job_running', 1, { kind: 'backup' })],
          untilMinute: 120,
        },
        {
          title: 'eleven hours of backup, then done',
          series: [series('watchkeeper_job_running', '0+0x60 1+0x660 0+0x60', { kind: 'backup' })],
          untilMinute: 760,
        },
      ],
    },
    {
      name: 'RestoreTooSlow',
      severity: 'warning',
      expression: `watchkeeper_rto_seconds > watchkeeper_objective_rto_seconds or watchkeeper_database_rto_seconds > watchkeeper_objective_database_rto_seconds or watchkeeper_database_rto_seconds > ${limits.restoreSeconds} unless on (${sameTarget}, database) (watchkeeper_objective_rto_seconds or watchkeeper_objective_database_rto_seconds)`,
      forMinutes: 10,
      summary: 'Restoring {{ $labels.database }} of {{ $labels.target }} takes too long',
      description:
        'The newest proof needed {{ $value | humanizeDuration }} to fetch and restore: so long the database would be away at the least.',
      fires: { title: 'forty minutes', series: [series('watchkeeper_database_rto_seconds', 2400)] },
      firesToo: [
        {
          title: 'ten minutes, where five were promised',
          series: [series('watchkeeper_rto_seconds', 600), series('watchkeeper_objective_rto_seconds', 300)],
        },
      ],
      silent: [
        { title: 'twenty minutes', series: [series('watchkeeper_database_rto_seconds', 1200)] },
        {
          title: 'forty minutes, where two hours were promised',
          series: [
            series('watchkeeper_database_rto_seconds', 2400),
            series('watchkeeper_objective_database_rto_seconds', 7200),
          ],
        },
      ],
    },
    {
      name: 'BackupShrunk',
      severity: 'warning',
      expression: `watchkeeper_backup_last_content_bytes_ratio < ${limits.shrunkShare} and watchkeeper_backup_last_content_bytes > ${limits.shrunkFromBytes} * watchkeeper_backup_last_content_bytes_ratio`,
      forMinutes: 10,
      summary: 'The backup of {{ $labels.database }} on {{ $labels.target }} is much smaller than before',
      description:
        'The newest backup of schedule {{ $labels.schedule }} in store {{ $labels.store }} holds {{ $value | humanizePercentage }} of what was usual. Was something deleted, or is something left out?',
      fires: {
        title: 'a tenth of a gigabyte',
        series: [
          series('watchkeeper_backup_last_content_bytes_ratio', 0.1),
          series('watchkeeper_backup_last_content_bytes', 1e8),
        ],
      },
      silent: [
        {
          title: 'a small database that was emptied',
          series: [
            series('watchkeeper_backup_last_content_bytes_ratio', 0.001),
            series('watchkeeper_backup_last_content_bytes', 1e3),
          ],
        },
        {
          title: 'it grows',
          series: [
            series('watchkeeper_backup_last_content_bytes_ratio', 1.1),
            series('watchkeeper_backup_last_content_bytes', 1e9),
          ],
        },
        { title: 'the first backup', series: [series('watchkeeper_backup_last_content_bytes', 1e9)] },
      ],
    },
    {
      name: 'TargetWithoutBackup',
      severity: 'warning',
      expression: `pg_up == 1 and on (${sameTarget}) pg_replication_is_replica == 0 unless on (${sameTarget}) watchkeeper_job_runs_total{kind="backup"}`,
      forMinutes: 60,
      summary: '{{ $labels.target }} is watched and not backed up',
      description:
        'The primary {{ $labels.target }} has no schedule in the configuration. If somebody else backs it up, silence this alert for the target.',
      fires: {
        title: 'a primary without schedule beside one that has one',
        series: [
          series('pg_up', 1),
          series('pg_replication_is_replica', 0),
          series('pg_up', 1, { target: 'kept' }),
          series('pg_replication_is_replica', 0, { target: 'kept' }),
          series('watchkeeper_job_runs_total', 0, { target: 'kept', kind: 'backup', status: 'succeeded' }),
        ],
      },
      silent: [
        {
          title: 'a standby',
          series: [series('pg_up', 1), series('pg_replication_is_replica', 1)],
        },
        {
          title: 'a schedule that has not run yet',
          series: [
            series('pg_up', 1),
            series('pg_replication_is_replica', 0),
            series('watchkeeper_job_runs_total', 0, { kind: 'backup', status: 'succeeded' }),
          ],
        },
      ],
    },
    {
      name: 'StoreUnreachable',
      severity: 'warning',
      expression: `watchkeeper_store_view_success == 0 or watchkeeper_store_view_age_seconds > ${limits.storeViewSeconds}`,
      forMinutes: 15,
      summary: 'Store {{ $labels.store }} cannot be read for {{ $labels.target }}',
      description:
        'What the daemon tells about backups of {{ $labels.target }} is what it read before; no backup, proof or retention starts there.',
      fires: { title: 'reading fails', series: [series('watchkeeper_store_view_success', 0)] },
      silent: [
        {
          title: 'one read failed, the next went well',
          series: [
            series('watchkeeper_store_view_success', '1+0x20 0+0x5 1+0x60'),
            series('watchkeeper_store_view_age_seconds', 240),
          ],
        },
      ],
    },
    {
      name: 'StoreNearlyFull',
      severity: 'warning',
      expression: `1 - watchkeeper_store_free_bytes / watchkeeper_store_size_bytes > ${limits.storeUsedShare} or watchkeeper_store_free_bytes < ${limits.storeRounds} * watchkeeper_store_next_backups_bytes or watchkeeper_store_files_free / watchkeeper_store_files_limit < ${limits.storeFilesFreeShare}`,
      forMinutes: 30,
      summary: 'Store {{ $labels.store }} is nearly full',
      description:
        'Four fifths of it are used, or the next two rounds of backups will not fit, or its filesystem can make few more files. Backups fail once it is full.',
      fires: {
        title: 'four fifths are used',
        series: [series('watchkeeper_store_size_bytes', 1e12), series('watchkeeper_store_free_bytes', '3e11-1e10x60')],
        fromMinute: 11,
      },
      firesToo: [
        {
          title: 'two more rounds will not fit',
          series: [
            series('watchkeeper_store_size_bytes', 1e12),
            series('watchkeeper_store_free_bytes', 4e11),
            series('watchkeeper_store_next_backups_bytes', 2.5e11),
          ],
        },
        {
          title: 'no files are left, though there is room',
          series: [
            series('watchkeeper_store_size_bytes', 1e12),
            series('watchkeeper_store_free_bytes', 9e11),
            series('watchkeeper_store_files_limit', 1e6),
            series('watchkeeper_store_files_free', 5e4),
          ],
        },
      ],
      silent: [
        {
          title: 'a bucket without a capacity',
          series: [series('watchkeeper_store_next_backups_bytes', 2.5e11)],
        },
        {
          title: 'three quarters are used, and more rounds fit',
          series: [
            series('watchkeeper_store_size_bytes', 1e12),
            series('watchkeeper_store_free_bytes', 2.5e11),
            series('watchkeeper_store_next_backups_bytes', 1e10),
            series('watchkeeper_store_files_limit', 1e6),
            series('watchkeeper_store_files_free', 9e5),
          ],
        },
        {
          title: 'a dump under way is gone when retention has run',
          series: [
            series('watchkeeper_store_size_bytes', 1e12),
            series('watchkeeper_store_free_bytes', '2.5e11+0x5 1.9e11+0x20 2.6e11+0x60'),
          ],
        },
      ],
    },
    {
      name: 'StoreNextBackupTooLarge',
      severity: 'critical',
      expression: 'watchkeeper_store_free_bytes < watchkeeper_store_next_backups_bytes',
      forMinutes: 15,
      summary: 'The next backups will not fit into store {{ $labels.store }}',
      description:
        '{{ $value | humanize1024 }}B are free. One more backup by each schedule, as large as the largest of late and grown as the last, needs more.',
      fires: {
        title: 'backups grew',
        series: [
          series('watchkeeper_store_free_bytes', 1e11),
          series('watchkeeper_store_next_backups_bytes', '9e10+1e9x60'),
        ],
        fromMinute: 11,
      },
      silent: [
        {
          title: 'it fits',
          series: [series('watchkeeper_store_free_bytes', 1e11), series('watchkeeper_store_next_backups_bytes', 5e10)],
        },
        { title: 'a bucket without a capacity', series: [series('watchkeeper_store_next_backups_bytes', 2.5e11)] },
      ],
    },
    {
      name: 'BackupCopiesMissing',
      severity: 'warning',
      expression: 'watchkeeper_backup_missing_copies > 0',
      forMinutes: 360,
      summary: 'Store {{ $labels.store }} lacks backups of {{ $labels.database }} on {{ $labels.target }}',
      description:
        '{{ $value }} of schedule {{ $labels.schedule }} are only in its other stores, and were not copied for hours. If those are lost, so are they.',
      fires: { title: 'two for a day', series: [series('watchkeeper_backup_missing_copies', 2)] },
      silent: [
        { title: 'all are in every store', series: [series('watchkeeper_backup_missing_copies', 0)] },
        {
          title: 'a large one that takes hours to be copied',
          series: [series('watchkeeper_backup_missing_copies', '1+0x300 0+0x200')],
        },
      ],
    },
    {
      name: 'StoreUnreadableBackups',
      severity: 'warning',
      expression: 'watchkeeper_store_unreadable_backups > 0',
      forMinutes: 15,
      summary: 'Backups of {{ $labels.target }} in store {{ $labels.store }} cannot be read',
      description:
        '{{ $value }} of them have a manifest that cannot be read: they are never counted, proven or deleted.',
      fires: { title: 'two of them', series: [series('watchkeeper_store_unreadable_backups', 2)] },
      silent: [{ title: 'none', series: [series('watchkeeper_store_unreadable_backups', 0)] }],
    },
    {
      name: 'RestoreHindered',
      severity: 'warning',
      expression: 'watchkeeper_doctor_ready == 0',
      forMinutes: 60,
      summary: 'Something would hinder a restore today',
      description:
        'The daemon on {{ $labels.instance }} looked and found what would hinder a restore. watchkeeper doctor tells it in words.',
      fires: { title: 'it found something', series: [series('watchkeeper_doctor_ready', 0)] },
      silent: [
        { title: 'it found nothing', series: [series('watchkeeper_doctor_ready', 1)] },
        {
          title: 'a target that was down for half an hour',
          series: [series('watchkeeper_doctor_ready', '0+0x30 1+0x90')],
        },
      ],
    },
    {
      name: 'StoreUnconfiguredBackups',
      severity: 'info',
      expression: 'watchkeeper_store_unconfigured_backups > 0',
      forMinutes: 360,
      summary: 'Backups of {{ $labels.target }} in store {{ $labels.store }} belong to no schedule',
      description: '{{ $value }} of them stay for ever: no policy speaks for them.',
      fires: { title: 'three', series: [series('watchkeeper_store_unconfigured_backups', 3)] },
      silent: [{ title: 'none', series: [series('watchkeeper_store_unconfigured_backups', 0)] }],
    },
    {
      name: 'StoreLeftovers',
      severity: 'info',
      expression: `watchkeeper_store_leftovers > ${limits.leftovers}`,
      forMinutes: 360,
      summary: 'Remains of backups of {{ $labels.target }} pile up in store {{ $labels.store }}',
      description: '{{ $value }} remains of backups that never finished have been there for hours.',
      fires: { title: 'many for long', series: [series('watchkeeper_store_leftovers', 9)] },
      silent: [{ title: 'one that is under way', series: [series('watchkeeper_store_leftovers', 1)] }],
    },
  ],
};
