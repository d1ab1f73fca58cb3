import { type Annotation, type Board, chosen } from './board.ts';

const lineage = 'target, schedule, database, store';

/** What happened to backups, which every board marks. */
const keepingAnnotations: readonly Annotation[] = [
  {
    name: 'Backups',
    expression: `watchkeeper_backup_last_success_timestamp_seconds{${chosen}} > 0`,
    title: 'Backup of {{database}} on {{target}} finished ({{schedule}}, {{store}})',
    color: 'blue',
  },
  {
    name: 'Proofs',
    expression: `watchkeeper_proof_last_success_timestamp_seconds{${chosen}} > 0`,
    title: 'Backup of {{database}} on {{target}} proven ({{schedule}}, {{store}})',
    color: 'green',
  },
  {
    name: 'Failed backups',
    expression: `timestamp(increase(watchkeeper_job_runs_total{${chosen},kind="backup",status="failed"}[$__rate_interval]) > 0)`,
    title: 'Backup of {{database}} on {{target}} failed ({{schedule}}, {{store}})',
    color: 'red',
  },
  {
    name: 'Failed proofs',
    expression: `watchkeeper_proof_last_attempt_timestamp_seconds{${chosen}} and on (${lineage}) watchkeeper_proof_last_verdict{${chosen},verdict="failed"} == 1`,
    title: 'Backup of {{database}} on {{target}} does not restore ({{schedule}}, {{store}})',
    color: 'red',
  },
];

/** What a board marks in its time series: what is its own, and what happened to backups. */
export const annotationsOf = ({ annotations = [] }: Board): readonly Annotation[] => [
  ...annotations,
  ...keepingAnnotations,
];
