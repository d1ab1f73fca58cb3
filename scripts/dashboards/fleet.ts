import { thresholds } from '../alerts/thresholds.ts';
import { type Board, chosen, targetVariable } from './board.ts';
import { bars, never, type Panel, stat, states, table, upOrDown } from './panel.ts';

const { keeping, postgres } = thresholds;
const none = { critical: 1 };
const anyOf = (...metrics: readonly string[]) => metrics.map((metric) => `${metric}{${chosen}}`).join(' or ');
const up = `min by (target) (${anyOf('pg_up', 'pgbouncer_up', 'redis_up', 'dynamodb_up', 'rds_up', 'elasticache_up', 'sqs_up', 'lambda_up')})`;
const fullest = `max by (target) (${anyOf('pg_connections_saturation_ratio', 'pgbouncer_client_connections_saturation_ratio', 'redis_memory_limit_used_ratio')})`;
const newestBackup = `min by (target, database) (watchkeeper_rpo_unproven_seconds{${chosen}})`;
const newestProof = `min by (target, database) (time() - watchkeeper_proof_last_success_timestamp_seconds{${chosen}})`;

const figures: readonly Panel[] = [
  stat({
    title: 'Targets up',
    description: 'Targets that let Watchkeeper log in and answer.',
    unit: 'none',
    expression: `sum(${up})`,
    legend: 'up',
  }),
  stat({
    title: 'Targets down',
    description: 'Targets that do not let Watchkeeper log in. Any is an outage: see the table below for which.',
    unit: 'none',
    limits: none,
    expression: `count(${up} == 0) or vector(0)`,
    legend: 'down',
  }),
  stat({
    title: 'No fresh backup',
    description:
      'Databases whose newest backup, of whichever schedule and store, is older than a day, or that have none.',
    unit: 'none',
    limits: none,
    expression: `count(${newestBackup} > ${keeping.backupSeconds}) or vector(0)`,
    legend: 'databases',
  }),
  stat({
    title: 'No fresh proof',
    description: 'Databases of which no backup was restored and compared with its source in the last eight days.',
    unit: 'none',
    limits: none,
    expression: `count(${newestProof} > ${keeping.proofSeconds}) or vector(0)`,
    legend: 'databases',
  }),
  stat({
    title: 'Do not restore',
    description:
      'Lineages whose last verification found a difference or could not restore. Look at its report at once.',
    unit: 'none',
    limits: none,
    expression: `sum(watchkeeper_proof_last_verdict{${chosen},verdict="failed"}) or vector(0)`,
    legend: 'lineages',
  }),
  stat({
    title: 'Alerts firing',
    description:
      'Alerts of the shipped rules, or of others with the label target, that fire now. 0 too where Prometheus has no rules.',
    unit: 'none',
    limits: none,
    expression: `count(ALERTS{alertstate="firing",severity=~"critical|warning",target=~"$target"}) or vector(0)`,
    legend: 'alerts',
  }),
];

const everyTarget = table({
  title: 'Every target',
  description:
    'One line for each target: whether it is up, how much of its connections or memory is used, and the worst of its databases. Empty cells: nothing of the kind is measured there.',
  unit: 'none',
  labels: ['target'],
  leadsTo: 'recoverability',
  queries: [
    { legend: 'Up', expression: up, column: { words: upOrDown } },
    {
      legend: 'Fullest limit',
      expression: fullest,
      column: {
        unit: 'percentunit',
        decimals: 0,
        limits: { warning: postgres.connectionsShare, critical: postgres.connectionsExhaustedShare },
      },
    },
    {
      legend: 'Oldest newest backup',
      expression: `max by (target) (${newestBackup})`,
      column: { unit: 's', words: never, limits: { critical: keeping.backupSeconds } },
    },
    {
      legend: 'Would be lost (RPO)',
      expression: `max by (target) (min by (target, database) (watchkeeper_rpo_seconds{${chosen}}))`,
      column: { unit: 's', words: never, limits: { critical: keeping.proofSeconds } },
    },
    {
      legend: 'Restore takes (RTO)',
      expression: `max by (target) (watchkeeper_rto_seconds{${chosen}})`,
      column: { unit: 's', limits: { critical: keeping.restoreSeconds } },
    },
    {
      legend: 'Failed families',
      expression: `count by (target) (watchkeeper_collector_success{${chosen}} == 0) or 0 * ${up}`,
      column: { unit: 'none', limits: { warning: 1 } },
    },
  ],
});

/** Is every target up, backed up and proven: readable from across a room. */
export const fleetBoard: Board = {
  name: 'fleet',
  title: 'Watchkeeper / Fleet',
  description: 'Is every target up, backed up and proven? Everything green means that nobody need look further.',
  variables: [targetVariable('watchkeeper_scrape_duration_seconds')],
  rows: [
    { title: 'Now', panels: figures },
    { title: 'Targets', panels: [everyTarget] },
    {
      title: 'Lately',
      panels: [
        states({
          title: 'Up and down',
          description:
            'When each target was up. A gap means that nothing was scraped: then Watchkeeper or Prometheus was away.',
          unit: 'none',
          words: upOrDown,
          expression: up,
          legend: '{{target}}',
        }),
        bars({
          title: 'Fullest limits',
          description:
            'Share of the connections (PostgreSQL, PgBouncer) or of maxmemory (Redis) that is in use. At 100 % the next client is refused.',
          unit: 'percentunit',
          min: 0,
          max: 1,
          limits: { warning: postgres.connectionsShare, critical: postgres.connectionsExhaustedShare },
          expression: `sort_desc(${fullest})`,
          legend: '{{target}}',
        }),
      ],
    },
  ],
};
