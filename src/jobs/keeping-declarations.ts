import { metric } from '../core/metric.ts';

const lineage = ['target', 'schedule', 'database', 'store'] as const;
// Not "job": Prometheus sets that label itself and would rename ours to exported_job.
const lineageJob = [...lineage, 'kind'] as const;
const targetStore = ['target', 'store'] as const;

const ofLineage = (name: string, unit: string, help: string, source: string) =>
  metric({ name: `watchkeeper_${name}`, type: 'gauge', help, labels: lineage, source, unit });
const ofStore = (name: string, unit: string, help: string, source: string) =>
  metric({ name: `watchkeeper_${name}`, type: 'gauge', help, labels: targetStore, source, unit });

/** What the catalog says of a lineage: read from the store, so a restart forgets nothing. */
export const lineageMetrics = {
  backupLastAttempt: ofLineage(
    'backup_last_attempt_timestamp_seconds',
    'seconds',
    'When the last backup was begun, whether it was finished or not, in seconds since 1970; 0 when there was none. One that failed and left nothing in the store is known to the process that tried it.',
    'manifests and start markers, this process',
  ),
  backupLastSuccess: ofLineage(
    'backup_last_success_timestamp_seconds',
    'seconds',
    'When the newest backup was finished, in seconds since 1970; 0 when there is none. Finished is not yet proven.',
    'manifests',
  ),
  backupLastDuration: ofLineage(
    'backup_last_duration_seconds',
    'seconds',
    'How long the newest finished backup took.',
    'manifests',
  ),
  backupLastStoredBytes: ofLineage(
    'backup_last_stored_bytes',
    'bytes',
    'Size of the newest finished backup in the store, compressed.',
    'manifests',
  ),
  backupLastStoredRatio: ofLineage(
    'backup_last_stored_bytes_ratio',
    'ratio',
    'Size of the newest finished backup in the store, by the median of up to ten before it; absent without predecessors. Far from 1: look at what was backed up.',
    'manifests',
  ),
  backupLastContentRatio: ofLineage(
    'backup_last_content_bytes_ratio',
    'ratio',
    'The same before compression: not moved by data that compress differently.',
    'manifests',
  ),
  backupLastContentBytes: ofLineage(
    'backup_last_content_bytes',
    'bytes',
    'Size of the newest finished backup before compression.',
    'manifests',
  ),
  backupLastThroughput: ofLineage(
    'backup_last_throughput_bytes_per_second',
    'bytes_per_second',
    'Bytes before compression per second of the newest finished backup.',
    'manifests',
  ),
  backupLastEncrypted: ofLineage(
    'backup_last_encrypted',
    'boolean',
    '1 when the newest finished backup is encrypted to recipients of age, 0 when whoever reads the store can read it. What the service of the store encrypts by itself does not count.',
    'manifests',
  ),
  backups: ofLineage('backups', 'backups', 'Finished backups in the store.', 'manifests'),
  missingCopies: ofLineage(
    'backup_missing_copies',
    'backups',
    'Backups that another store of the schedule has, that retention would keep here, and that this store lacks or has lost a part of. They are copied.',
    'manifests in all stores of the schedule',
  ),
  backupsProven: ofLineage('backups_proven', 'backups', 'Backups in the store that were proven restorable.', 'reports'),
  backupsFailed: ofLineage(
    'backups_failed',
    'backups',
    'Backups in the store that do not restore: their last verification that came to a verdict failed. Until retention deletes them or a later one goes well, whatever was verified since.',
    'reports',
  ),
  backupsIncomplete: ofLineage(
    'backups_incomplete',
    'backups',
    'Finished backups in the store of which a part is gone, or is there in another size: they do not restore. They are proven no longer, shorten no age, push out no other backup and are never deleted.',
    'manifests and the listing',
  ),
  proofLastAttempt: ofLineage(
    'proof_last_attempt_timestamp_seconds',
    'seconds',
    'When a backup was last verified, whatever the verdict, in seconds since 1970; 0 when none was.',
    'reports',
  ),
  proofLastTries: ofLineage(
    'proof_last_tries',
    'tries',
    'How often the backup that was verified last was tried until it had its verdict, or in vain so far; 0 when none was.',
    'reports',
  ),
  proofLastSuccess: ofLineage(
    'proof_last_success_timestamp_seconds',
    'seconds',
    'When a backup was last proven: restored and equal to its source, in seconds since 1970; 0 when none was.',
    'reports',
  ),
  rpo: ofLineage(
    'rpo_seconds',
    'seconds',
    'Data written since this many seconds would be lost now: age of the newest proven state; +Inf when nothing is proven.',
    'the snapshot of the newest proven backup',
  ),
  rpoUnproven: ofLineage(
    'rpo_unproven_seconds',
    'seconds',
    'Age of the newest finished state, proven or not; +Inf when there is none. What would be lost if that backup restores.',
    'the snapshot of the newest finished backup',
  ),
  rto: ofLineage(
    'rto_seconds',
    'seconds',
    'Measured restore time: fetching and restoring, as the newest proof took.',
    'the newest proof',
  ),
  proofLastDuration: ofLineage(
    'proof_last_duration_seconds',
    'seconds',
    'How long the newest proof took in all, with sandbox and comparison.',
    'the newest proof',
  ),
} as const;

export const proofLastPhase = metric({
  name: 'watchkeeper_proof_last_phase_seconds',
  type: 'gauge',
  help: 'How long each phase of the newest proof took: fetch (from the store, hashes checked), restore, compare (facts measured again), amcheck (where it is wanted).',
  labels: [...lineage, 'phase'],
  source: 'the newest proof',
  unit: 'seconds',
});

export const proofLastVerdict = metric({
  name: 'watchkeeper_proof_last_verdict',
  type: 'gauge',
  help: '1 for the verdict of the last verification, 0 for the others. inconclusive: it could not be tried, which says nothing about the backup.',
  labels: [...lineage, 'verdict'],
  source: 'reports',
  unit: 'boolean',
});

export const proofLastObstacle = metric({
  name: 'watchkeeper_proof_last_obstacle',
  type: 'gauge',
  help: '1 for what kept the last verification from trying the backup, 0 for the others. identity: nothing that is configured opens it, as on the day it is needed. disk, memory, time: a limit was met. program, version, extension, locale, privilege: what the place of the restore lacks. place: something else about it.',
  labels: [...lineage, 'obstacle'],
  source: 'reports',
  unit: 'boolean',
});

export const proofAssertion = metric({
  name: 'watchkeeper_proof_assertion',
  type: 'gauge',
  help: '1 when the assertion was met at the last verification that came to ask it, 0 when not. Absent for encrypted backups, whose reports hold no texts in the clear.',
  labels: [...lineage, 'assertion'],
  source: 'reports',
  unit: 'boolean',
});

const promisedBy = (name: string, help: string) => ofLineage(name, 'seconds', help, 'objectives of the schedule');

/** What was promised, beside `watchkeeper_rpo_seconds` and `watchkeeper_rto_seconds`. */
export const lineageObjectives = {
  rpo: promisedBy(
    'objective_rpo_seconds',
    'Promised of the schedule: how old its newest proven state may become. To be compared with watchkeeper_rpo_seconds.',
  ),
  rto: promisedBy(
    'objective_rto_seconds',
    'Promised of the schedule: how long a restore may take. To be compared with watchkeeper_rto_seconds.',
  ),
} as const;

const ofDatabase = (name: string, help: string, source: string) =>
  metric({
    name: `watchkeeper_${name}`,
    type: 'gauge',
    help,
    labels: ['target', 'database'],
    source,
    unit: 'seconds',
  });

/** What is measured of a database over all its schedules and stores. */
export const databaseMetrics = {
  rpo: ofDatabase(
    'database_rpo_seconds',
    'Age of the newest proven state of the database, by whichever schedule and in whichever store; +Inf when nothing is proven. While a store was never read since the start, what the others tell: it is no older. Absent when they have nothing.',
    'manifests and reports',
  ),
  rpoUnproven: ofDatabase(
    'database_rpo_unproven_seconds',
    'Age of the newest finished state of the database, proven or not, by whichever schedule; +Inf when there is none.',
    'manifests',
  ),
  rto: ofDatabase(
    'database_rto_seconds',
    'Measured restore time of the backup with the newest proven state of the database.',
    'its newest proof',
  ),
} as const;

export const databaseObjectives = {
  rpo: ofDatabase(
    'objective_database_rpo_seconds',
    'Promised of the database: how old its newest proven state may become. To be compared with watchkeeper_database_rpo_seconds.',
    'objectives of the target',
  ),
  rto: ofDatabase(
    'objective_database_rto_seconds',
    'Promised of the database: how long a restore may take. To be compared with watchkeeper_database_rto_seconds.',
    'objectives of the target',
  ),
} as const;

/** What retention makes of a lineage. */
export const retentionMetrics = {
  kept: metric({
    name: 'watchkeeper_retention_kept_backups',
    type: 'gauge',
    help: 'Backups that a rule of retention keeps; one that several keep counts in each. A rule that keeps none is absent.',
    labels: [...lineage, 'rule'],
    source: 'manifests, reports, pins and the policy',
    unit: 'backups',
  }),
  unwanted: ofLineage(
    'retention_unwanted_backups',
    'backups',
    'Backups that nothing keeps: marked, to be marked or to be deleted. Grows while deleting fails or is refused.',
    'manifests, reports, pins and the policy',
  ),
  marked: ofLineage(
    'retention_marked_backups',
    'backups',
    'Backups with a tombstone: deleted after jobs.deleteGrace unless something keeps them again.',
    'tombstones',
  ),
  refused: ofLineage(
    'retention_refused',
    'boolean',
    '1 while retention deletes nothing because a guard rail holds: the clock looks wrong, or too much would go at once.',
    'manifests and the policy',
  ),
} as const;

export const jobMetrics = {
  nextDue: metric({
    name: 'watchkeeper_job_next_due_timestamp_seconds',
    type: 'gauge',
    help: 'When the job is next due, in seconds since 1970; in the past while it is overdue. Absent when nothing is planned.',
    labels: lineageJob,
    source: 'the schedule and the store',
    unit: 'seconds',
  }),
  overdue: metric({
    name: 'watchkeeper_job_overdue_seconds',
    type: 'gauge',
    help: 'For how long the job has been due without having been done; 0 when it is not overdue.',
    labels: lineageJob,
    source: 'the schedule and the store',
    unit: 'seconds',
  }),
  running: metric({
    name: 'watchkeeper_job_running',
    type: 'gauge',
    help: '1 while the job runs in this process.',
    labels: lineageJob,
    source: 'this process',
    unit: 'boolean',
  }),
  runningBytes: metric({
    name: 'watchkeeper_job_running_bytes',
    type: 'gauge',
    help: 'Bytes that the running job has handled in its present step: stored ones while it dumps or fetches.',
    labels: lineageJob,
    source: 'this process',
    unit: 'bytes',
  }),
  dueFailures: metric({
    name: 'watchkeeper_job_due_failures_total',
    type: 'counter',
    help: 'How often it could not be found out when the job is due, because the store was not reached; it does not start meanwhile.',
    labels: lineageJob,
    source: 'this process',
    unit: 'failures',
  }),
  runs: metric({
    name: 'watchkeeper_job_runs_total',
    type: 'counter',
    help: 'Runs that ended, by how: succeeded, failed, cancelled or skipped (another process was at it).',
    labels: [...lineageJob, 'status'],
    source: 'this process',
    unit: 'runs',
  }),
  storeFailures: metric({
    name: 'watchkeeper_backup_store_failures_total',
    type: 'counter',
    help: 'Backups that were finished in another store while this one failed, by reason. A reason appears with its first failure.',
    labels: [...lineage, 'reason'],
    source: 'this process',
    unit: 'backups',
  }),
  failures: metric({
    name: 'watchkeeper_job_failures_total',
    type: 'counter',
    help: 'Runs that failed, by reason. A reason appears with its first failure.',
    labels: [...lineageJob, 'reason'],
    source: 'this process',
    unit: 'runs',
  }),
} as const;

export const storeMetrics = {
  bytes: ofStore('store_bytes', 'bytes', 'Bytes that the target occupies in the store, leftovers included.', 'listing'),
  leftovers: ofStore(
    'store_leftovers',
    'backups',
    'Remains of backups that are not finished: under way, failed or killed. Swept after jobs.leftoverGrace.',
    'listing',
  ),
  unreadable: ofStore(
    'store_unreadable_backups',
    'backups',
    'Backups whose manifest cannot be read: never counted, never proven, never deleted. Look at them.',
    'manifests',
  ),
  unconfigured: ofStore(
    'store_unconfigured_backups',
    'backups',
    'Finished backups of schedules or databases that are not in the configuration: no policy speaks for them, so they stay for ever.',
    'manifests',
  ),
  viewAge: ofStore(
    'store_view_age_seconds',
    'seconds',
    'Age of what the other metrics about this target say; they are read in the background.',
    'this process',
  ),
  viewSuccess: ofStore(
    'store_view_success',
    'boolean',
    '0 when the store could not be read at the last attempt; what was read before is still shown.',
    'this process',
  ),
} as const;

/** The chain of the reports of proofs. */
export const reportMetrics = {
  reports: ofStore('reports', 'reports', 'Reports of proofs in the chain of the target.', 'the chain of reports'),
  unbroken: ofStore(
    'reports_unbroken',
    'boolean',
    '0 when a report was changed, removed or slipped in, or a manifest changed after its proof; as of the last check. `watchkeeper reports` names them. Absent until the first check.',
    'the chain of reports',
  ),
  lastCheck: ofStore(
    'reports_last_check_timestamp_seconds',
    'seconds',
    'When the chain was last checked, in seconds since 1970: every quarter of an hour and after each proof, as long as the store can be read.',
    'this process',
  ),
  readSince: ofStore(
    'reports_read_since_timestamp_seconds',
    'seconds',
    'Every report was read since then, in seconds since 1970. One whose size and time have not changed is read again once a day.',
    'this process',
  ),
} as const;

const ofRoom = (name: string, unit: string, help: string, source: string) =>
  metric({ name: `watchkeeper_store_${name}`, type: 'gauge', help, labels: ['store'], source, unit });

/** How much fits into a store, whichever target it is of. */
export const storeRoomMetrics = {
  size: ofRoom(
    'size_bytes',
    'bytes',
    'What the store can hold: the filesystem of a folder, or the capacity of the configuration where that is less. Absent where neither is known.',
    'statfs, stores.NAME.capacity',
  ),
  free: ofRoom(
    'free_bytes',
    'bytes',
    'What still fits into it: free for users who are not root, or the capacity less what the targets of the configuration occupy.',
    'statfs, stores.NAME.capacity, listing',
  ),
  files: ofRoom(
    'files_limit',
    'files',
    'Files (inodes) that the filesystem of the store can hold. Absent where it makes them as needed.',
    'statfs',
  ),
  freeFiles: ofRoom('files_free', 'files', 'Files (inodes) that can still be made in it.', 'statfs'),
  next: ofRoom(
    'next_backups_bytes',
    'bytes',
    'What one more backup by each schedule is expected to need: the largest of the last seven of a lineage, and what the newest grew over the one before it. Without lineages that have no backup yet.',
    'listing',
  ),
} as const;

/** Every metric about keeping, for the reference. */
export const keepingMetrics = [
  ...Object.values(lineageMetrics),
  proofLastPhase,
  proofLastVerdict,
  proofLastObstacle,
  proofAssertion,
  ...Object.values(lineageObjectives),
  ...Object.values(databaseMetrics),
  ...Object.values(databaseObjectives),
  ...Object.values(retentionMetrics),
  ...Object.values(jobMetrics),
  ...Object.values(storeMetrics),
  ...Object.values(reportMetrics),
  ...Object.values(storeRoomMetrics),
];
