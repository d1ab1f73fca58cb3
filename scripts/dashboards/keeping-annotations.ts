import { type Annotation, type Board, chosen, type TaggedAnnotation } from './board.ts';

const lineage = 'target, schedule, database, store';
/** Daemons that write annotations to Grafana would be told twice; only those have this metric. */
const unlessWritten = 'unless on (job, instance) watchkeeper_annotations_queued';

/** What happened to backups, as metrics tell: which every board marks. */
const keepingAnnotations: readonly Annotation[] = [
  {
    name: 'Backups',
    expression: `watchkeeper_backup_last_success_timestamp_seconds{${chosen}} > 0 ${unlessWritten}`,
    title: 'Backup of {{database}} on {{target}} finished ({{schedule}}, {{store}})',
    color: 'blue',
  },
  {
    name: 'Proofs',
    expression: `watchkeeper_proof_last_success_timestamp_seconds{${chosen}} > 0 ${unlessWritten}`,
    title: 'Backup of {{database}} on {{target}} proven ({{schedule}}, {{store}})',
    color: 'green',
  },
  {
    name: 'Failed backups',
    expression: `timestamp(increase(watchkeeper_job_runs_total{${chosen},kind="backup",status="failed"}[$__rate_interval]) > 0) ${unlessWritten}`,
    title: 'Backup of {{database}} on {{target}} failed ({{schedule}}, {{store}})',
    color: 'red',
  },
  {
    name: 'Failed proofs',
    expression: `watchkeeper_proof_last_attempt_timestamp_seconds{${chosen}} and on (${lineage}) watchkeeper_proof_last_verdict{${chosen},verdict="failed"} == 1 ${unlessWritten}`,
    title: 'Backup of {{database}} on {{target}} does not restore ({{schedule}}, {{store}})',
    color: 'red',
  },
];

/** The same, and retention, as the daemon wrote it to Grafana (`annotations.grafana`). */
export const writtenAnnotations: readonly TaggedAnnotation[] = [
  { name: 'Backups (written)', tags: ['watchkeeper', 'backup', 'succeeded'], color: 'blue' },
  { name: 'Proofs (written)', tags: ['watchkeeper', 'verify', 'succeeded'], color: 'green' },
  { name: 'Retention (written)', tags: ['watchkeeper', 'prune', 'succeeded'], color: 'orange' },
  { name: 'Failures (written)', tags: ['watchkeeper', 'failed'], color: 'red' },
];

/** What a board marks in its time series by queries: what is its own, and what happened to backups. */
export const annotationsOf = ({ annotations = [] }: Board): readonly Annotation[] => [
  ...annotations,
  ...keepingAnnotations,
];
