import { thresholds } from '../alerts/thresholds.ts';
import { type Board, chosen, chosenJob, targetVariable } from './board.ts';
import { areas, calendar, hourlyBars, lines, never, type Panel, stat, states, table, type Word } from './panel.ts';

const { keeping } = thresholds;
const lineage = 'target, database, schedule, store';
const legend = '{{target}} {{database}} {{schedule}} {{store}}';
const of = (metric: string, more = '') => `${metric}{${chosen},schedule=~"$schedule"${more}}`;
const byLineage = (metric: string) => `max by (${lineage}) (${of(metric)})`;

const figures: readonly Panel[] = [
  stat({
    title: 'Worst loss (RPO)',
    description:
      'What would be lost if the worst-kept database were gone now: the age of its newest backup that was proven to restore.',
    unit: 's',
    words: never,
    limits: { critical: keeping.proofSeconds },
    expression: `max(min by (target, database) (${of('watchkeeper_rpo_seconds')}))`,
    legend: 'RPO',
  }),
  stat({
    title: 'Oldest newest backup',
    description: 'The same, if the backups that were not yet proven restore as well.',
    unit: 's',
    words: never,
    limits: { critical: keeping.backupSeconds },
    expression: `max(min by (target, database) (${of('watchkeeper_rpo_unproven_seconds')}))`,
    legend: 'age',
  }),
  stat({
    title: 'Longest restore (RTO)',
    description: 'Fetching and restoring the slowest database, as its newest proof measured it.',
    unit: 's',
    limits: { critical: keeping.restoreSeconds },
    expression: `max(${of('watchkeeper_rto_seconds')})`,
    legend: 'RTO',
  }),
  stat({
    title: 'Do not restore',
    description: 'Lineages whose last verification failed. Read the report, take a new backup, find the cause.',
    unit: 'none',
    limits: { critical: 1 },
    expression: `sum(${of('watchkeeper_proof_last_verdict', ',verdict="failed"')}) or vector(0)`,
    legend: 'lineages',
  }),
  stat({
    title: 'Longest overdue job',
    description: 'For how long the most delayed backup, verification or clean-up has been due.',
    unit: 's',
    limits: { warning: keeping.overdueSeconds },
    expression: `max(${of('watchkeeper_job_overdue_seconds')})`,
    legend: 'overdue',
  }),
  stat({
    title: 'Kept',
    description: 'Bytes that the targets occupy in all stores, leftovers included.',
    unit: 'bytes',
    expression: `sum(watchkeeper_store_bytes{${chosen}})`,
    legend: 'bytes',
  }),
];

const everyDatabase = table({
  title: 'Every database',
  description: 'What is kept of each database by each schedule in each store, and what its newest proof measured.',
  unit: 'none',
  labels: ['target', 'database', 'schedule', 'store'],
  queries: [
    {
      legend: 'Would be lost (RPO)',
      expression: byLineage('watchkeeper_rpo_seconds'),
      column: { unit: 's', words: never, limits: { critical: keeping.proofSeconds } },
    },
    {
      legend: 'Newest backup',
      expression: byLineage('watchkeeper_rpo_unproven_seconds'),
      column: { unit: 's', words: never, limits: { critical: keeping.backupSeconds } },
    },
    {
      legend: 'Restore (RTO)',
      expression: byLineage('watchkeeper_rto_seconds'),
      column: { unit: 's', limits: { critical: keeping.restoreSeconds } },
    },
    {
      legend: 'Backups',
      expression: byLineage('watchkeeper_backups'),
      column: { unit: 'none', limits: { critical: 1, worse: 'below' } },
    },
    { legend: 'Proven', expression: byLineage('watchkeeper_backups_proven'), column: { unit: 'none' } },
    {
      legend: 'Failed',
      expression: byLineage('watchkeeper_backups_failed'),
      column: { unit: 'none', limits: { critical: 1 } },
    },
    {
      legend: 'Incomplete',
      expression: byLineage('watchkeeper_backups_incomplete'),
      column: { unit: 'none', limits: { critical: 1 } },
    },
    { legend: 'Size', expression: byLineage('watchkeeper_backup_last_stored_bytes'), column: { unit: 'bytes' } },
    {
      legend: 'Encrypted',
      expression: byLineage('watchkeeper_backup_last_encrypted'),
      column: {
        unit: 'none',
        words: [
          { value: 0, text: 'no', color: 'text' },
          { value: 1, text: 'yes', color: 'green' },
        ],
      },
    },
    {
      legend: 'Next backup',
      expression: `max by (${lineage}) (${of('watchkeeper_job_next_due_timestamp_seconds', ',kind="backup"')}) * 1000`,
      column: { unit: 'dateTimeFromNow' },
    },
  ],
});

const overTime: readonly Panel[] = [
  lines({
    title: 'Would be lost (RPO)',
    description:
      'Age of the newest proven state. Falls with each proof; a line that only rises means that proofs have stopped.',
    unit: 's',
    limits: { critical: keeping.proofSeconds },
    expression: byLineage('watchkeeper_rpo_seconds'),
    legend,
  }),
  lines({
    title: 'Age of the newest backup',
    description: 'Age of the newest finished state, proven or not. Falls with each backup.',
    unit: 's',
    limits: { critical: keeping.backupSeconds },
    expression: byLineage('watchkeeper_rpo_unproven_seconds'),
    legend,
  }),
  lines({
    title: 'Restore time (RTO)',
    description:
      'Fetching and restoring, as measured by the newest proof. It grows with the data: see it coming before it passes what was promised.',
    unit: 's',
    limits: { critical: keeping.restoreSeconds },
    expression: byLineage('watchkeeper_rto_seconds'),
    legend,
  }),
  areas({
    title: 'What a proof spends its time on',
    description: 'Phases of the newest proofs: fetching from the store, restoring, comparing with the source’s facts.',
    unit: 's',
    expression: `sum by (target, database, phase) (${of('watchkeeper_proof_last_phase_seconds')})`,
    legend: '{{target}} {{database}} {{phase}}',
  }),
  lines({
    title: 'Size of backups',
    description: 'Newest finished backup as stored. A sudden fall means that something is missing from it.',
    unit: 'bytes',
    min: 0,
    expression: byLineage('watchkeeper_backup_last_stored_bytes'),
    legend,
  }),
  lines({
    title: 'Duration of backups',
    description:
      'How long the newest finished backup took. Longer than its schedule’s interval means that runs are missed.',
    unit: 's',
    min: 0,
    expression: byLineage('watchkeeper_backup_last_duration_seconds'),
    legend,
  }),
  lines({
    title: 'Throughput of backups',
    description:
      'Bytes before compression per second of the newest backup. A fall without a change of the data is the network, the store or the server.',
    unit: 'Bps',
    min: 0,
    expression: byLineage('watchkeeper_backup_last_throughput_bytes_per_second'),
    legend,
  }),
  lines({
    title: 'Compression',
    description: 'Bytes before compression for each byte stored.',
    unit: 'none',
    decimals: 1,
    min: 0,
    expression: `${byLineage('watchkeeper_backup_last_content_bytes')} / (${byLineage('watchkeeper_backup_last_stored_bytes')} > 0)`,
    legend,
  }),
];

const statesOfJobs: readonly Word[] = [
  { value: 0, text: ' ', color: 'text' },
  { value: 1, text: 'running', color: 'blue' },
];

const endsOfRuns: readonly Word[] = [
  { value: 0, text: 'none ended', color: 'text' },
  { value: 1, text: 'succeeded', color: 'green' },
  { value: 2, text: 'failed', color: 'red' },
];
const endedInHour = (status: string) =>
  `(increase(${of('watchkeeper_job_runs_total', `,status="${status}"`)}[1h]) > bool 0)`;

const runs: readonly Panel[] = [
  calendar({
    title: 'Calendar of runs',
    description:
      'A column for each hour: whether backups, verifications and clean-ups that ended in it succeeded. Red when any failed.',
    unit: 'none',
    words: endsOfRuns,
    expression: `max by (target, database, schedule, kind) (2 * ${endedInHour('failed')} or ${endedInHour('succeeded')})`,
    legend: '{{target}} {{database}} {{schedule}} {{kind}}',
  }),
  states({
    title: 'Running',
    description:
      'When each job ran in this daemon. Runs shorter than the scrape interval are not seen here: see the calendar above.',
    unit: 'none',
    words: statesOfJobs,
    expression: `max by (target, database, kind) (${of('watchkeeper_job_running')})`,
    legend: '{{target}} {{database}} {{kind}}',
  }),
  hourlyBars({
    title: 'Runs in each hour, by how they ended',
    description: 'Backups, verifications and clean-ups that ended in each hour. Skipped: another replica was at it.',
    unit: 'none',
    min: 0,
    expression: `sum by (kind, status) (increase(${of('watchkeeper_job_runs_total')}[1h]))`,
    legend: '{{kind}} {{status}}',
  }),
  states({
    title: 'Verdicts',
    description:
      'Verdict of the last verification of each lineage. Inconclusive: it could not be tried, which says nothing about the backup.',
    unit: 'none',
    words: [
      { value: 0, text: 'not proven', color: 'red' },
      { value: 1, text: 'proven', color: 'green' },
    ],
    expression: `max by (${lineage}) (${of('watchkeeper_proof_last_verdict', ',verdict="proven"')})`,
    legend,
  }),
  lines({
    title: 'Failures by reason',
    description: 'Runs that failed within the last hour, by reason. Empty is good.',
    unit: 'none',
    min: 0,
    expression: `sum by (target, kind, reason) (increase(${of('watchkeeper_job_failures_total')}[1h])) or sum by (target, kind) (increase(${of('watchkeeper_job_runs_total', ',status="failed"')}[1h]))`,
    legend: '{{target}} {{kind}} {{reason}}',
  }),
];

const stores: readonly Panel[] = [
  lines({
    title: 'Backups kept and proven',
    description:
      'Finished backups in the stores, those of them that were proven, that do not restore, and that the store lost a part of. Retention takes the oldest; the newest proven one always stays.',
    unit: 'none',
    min: 0,
    queries: [
      { expression: byLineage('watchkeeper_backups'), legend: `${legend} kept` },
      { expression: byLineage('watchkeeper_backups_proven'), legend: `${legend} proven` },
      { expression: byLineage('watchkeeper_backups_failed'), legend: `${legend} failed` },
      { expression: byLineage('watchkeeper_backups_incomplete'), legend: `${legend} incomplete` },
    ],
  }),
  areas({
    title: 'Bytes kept',
    description: 'What each target occupies in each store. Growth that does not end means that retention does not run.',
    unit: 'bytes',
    min: 0,
    expression: `sum by (target, store) (watchkeeper_store_bytes{${chosen}})`,
    legend: '{{target}} {{store}}',
  }),
  lines({
    title: 'Room in the stores',
    description:
      'What is free in each store, and what one more backup by each schedule is expected to need. When the lines meet, the next backup fails. Buckets have a line with stores.NAME.capacity only.',
    unit: 'bytes',
    min: 0,
    queries: [
      { expression: `max by (store) (watchkeeper_store_free_bytes{${chosenJob}})`, legend: '{{store}} free' },
      {
        expression: `max by (store) (watchkeeper_store_next_backups_bytes{${chosenJob}})`,
        legend: '{{store}} needed next',
      },
    ],
  }),
  lines({
    title: 'Stores used',
    description: 'Share of what a store can hold that is used, and share of the files that its filesystem can make.',
    unit: 'percentunit',
    min: 0,
    max: 1,
    limits: { warning: keeping.storeUsedShare },
    queries: [
      {
        expression: `1 - max by (store) (watchkeeper_store_free_bytes{${chosenJob}}) / max by (store) (watchkeeper_store_size_bytes{${chosenJob}})`,
        legend: '{{store}} bytes',
      },
      {
        expression: `1 - max by (store) (watchkeeper_store_files_free{${chosenJob}}) / max by (store) (watchkeeper_store_files_limit{${chosenJob}})`,
        legend: '{{store}} files',
      },
    ],
  }),
  lines({
    title: 'Copies that lack',
    description: 'Backups that another store of the schedule has and this one not yet. They are copied by themselves.',
    unit: 'none',
    min: 0,
    limits: { warning: 1 },
    expression: byLineage('watchkeeper_backup_missing_copies'),
    legend,
  }),
  lines({
    title: 'Remains in the stores',
    description:
      'Leftovers of runs that did not finish (swept after jobs.leftoverGrace) and backups whose manifest cannot be read (look at them).',
    unit: 'none',
    min: 0,
    limits: { warning: keeping.leftovers },
    queries: [
      {
        expression: `sum by (target, store) (watchkeeper_store_leftovers{${chosen}})`,
        legend: '{{target}} {{store}} leftovers',
      },
      {
        expression: `sum by (target, store) (watchkeeper_store_unreadable_backups{${chosen}})`,
        legend: '{{target}} {{store}} unreadable',
      },
    ],
  }),
  lines({
    title: 'Age of what is known of the stores',
    description: 'The figures of this board are read from the stores in the background: so old are they.',
    unit: 's',
    min: 0,
    limits: { warning: keeping.storeViewSeconds },
    expression: `max by (target, store) (watchkeeper_store_view_age_seconds{${chosen}})`,
    legend: '{{target}} {{store}}',
  }),
];

/** If a database is gone now, does it come back, how much is missing, and how long does it take? */
export const recoverabilityBoard: Board = {
  name: 'recoverability',
  title: 'Watchkeeper / Recoverability',
  description: 'If a database is gone now: does it come back, how much is missing, and how long does it take?',
  from: 'now-7d',
  variables: [
    targetVariable('watchkeeper_backups'),
    { name: 'schedule', label: 'Schedule', query: `label_values(watchkeeper_backups{${chosen}}, schedule)` },
  ],
  rows: [
    { title: 'Now', panels: figures },
    { title: 'Databases', panels: [everyDatabase] },
    { title: 'Over time', panels: overTime },
    { title: 'Runs', panels: runs },
    { title: 'Stores', panels: stores },
  ],
};
