import { type Metric, metric, sample } from '../../core/metric.ts';
import type { PostgresSession } from '../../targets/postgres/session.ts';
import { rowsDropped } from '../scrape-metrics.ts';
import { type ColumnMetric, columnSamples } from './columns.ts';
import { relationName } from './relation-name.ts';
import { secondsSinceSql } from './seconds-since.ts';
import { type PostgresCollector, readRows, requireFullView } from './source.ts';

/** Shown one by one, those that have been running longest first. */
const mostShown = 50;

const kinds = 'vacuum, analyze, create_index, cluster, base_backup or copy';

function gauge<const L extends string>(suffix: string, unit: string, labels: readonly L[], help: string): Metric<L> {
  const name = `pg_progress_${suffix}`;
  return metric({ name, type: 'gauge', help, labels, source: 'pg_stat_progress_*, pg_stat_activity', unit });
}

const perKind: readonly ColumnMetric[] = [
  {
    column: 'operations',
    metric: gauge('operations', 'operations', ['kind'], `Operations of a kind that are under way: ${kinds}.`),
  },
];

const labels = ['kind', 'pid', 'datname', 'relname'] as const;

const perOperation: readonly ColumnMetric[] = [
  {
    column: 'one',
    metric: gauge(
      'info',
      'info',
      [...labels, 'command', 'phase'],
      `Always 1, for the ${mostShown} operations that have been running longest; the labels tell what is done to which table and in which phase it is.`,
    ),
  },
  {
    column: 'seconds',
    metric: gauge('seconds', 'seconds', labels, 'Seconds since the operation began.'),
  },
  {
    column: 'ratio',
    metric: gauge(
      'ratio',
      'ratio',
      labels,
      'Share of the present phase that is done, 0 to 1; absent where the phase has no measure.',
    ),
  },
  {
    column: 'done',
    metric: gauge(
      'done',
      'as the label unit says',
      [...labels, 'unit'],
      'What is done of the present phase, in the unit of the label (blocks, indexes, lockers, bytes); falls to 0 with each new phase.',
    ),
  },
  {
    column: 'goal',
    metric: gauge(
      'goal',
      'as the label unit says',
      [...labels, 'unit'],
      'What there is to do in the present phase, in the unit of the label; absent where that is not known.',
    ),
  },
];

/** In which case what is the measure of the present phase: SQL over `p`, the row of the view. */
interface Measure {
  readonly when: string;
  readonly unit: string;
  readonly done: string;
  readonly goal: string;
  readonly since?: number;
}

interface ProgressView {
  readonly kind: string;
  readonly since: number;
  readonly name: string;
  /** SQL over `p`; NULL where the role may not see it. */
  readonly command: string;
  readonly phase: string;
  readonly relation: boolean;
  /** The first that applies counts. */
  readonly measures: readonly Measure[];
}

const views: readonly ProgressView[] = [
  {
    kind: 'vacuum',
    since: 120_000,
    name: 'pg_stat_progress_vacuum',
    command: "'VACUUM'",
    phase: 'p.phase',
    relation: true,
    measures: [
      { when: "p.phase = 'scanning heap'", unit: 'blocks', done: 'p.heap_blks_scanned', goal: 'p.heap_blks_total' },
      { when: "p.phase = 'vacuuming heap'", unit: 'blocks', done: 'p.heap_blks_vacuumed', goal: 'p.heap_blks_total' },
      {
        when: "p.phase IN ('vacuuming indexes', 'cleaning up indexes')",
        unit: 'indexes',
        done: 'p.indexes_processed',
        goal: 'p.indexes_total',
        since: 170_000,
      },
    ],
  },
  {
    kind: 'analyze',
    since: 130_000,
    name: 'pg_stat_progress_analyze',
    command: "'ANALYZE'",
    phase: 'p.phase',
    relation: true,
    measures: [
      { when: "p.phase LIKE 'acquiring%'", unit: 'blocks', done: 'p.sample_blks_scanned', goal: 'p.sample_blks_total' },
    ],
  },
  {
    kind: 'create_index',
    since: 120_000,
    name: 'pg_stat_progress_create_index',
    command: 'p.command',
    phase: 'p.phase',
    relation: true,
    measures: [
      { when: "p.phase LIKE 'waiting%'", unit: 'lockers', done: 'p.lockers_done', goal: 'p.lockers_total' },
      { when: "p.phase LIKE '%tuples%'", unit: 'rows', done: 'p.tuples_done', goal: 'nullif(p.tuples_total, 0)' },
      { when: 'p.blocks_total > 0', unit: 'blocks', done: 'p.blocks_done', goal: 'p.blocks_total' },
    ],
  },
  {
    kind: 'cluster',
    since: 120_000,
    name: 'pg_stat_progress_cluster',
    command: 'p.command',
    phase: 'p.phase',
    relation: true,
    measures: [
      { when: "p.phase LIKE '%scanning heap'", unit: 'blocks', done: 'p.heap_blks_scanned', goal: 'p.heap_blks_total' },
    ],
  },
  {
    kind: 'base_backup',
    since: 130_000,
    name: 'pg_stat_progress_basebackup',
    command: "'BASE_BACKUP'",
    phase: 'p.phase',
    relation: false,
    measures: [{ when: 'true', unit: 'bytes', done: 'p.backup_streamed', goal: 'p.backup_total' }],
  },
  {
    kind: 'copy',
    since: 140_000,
    name: 'pg_stat_progress_copy',
    command: 'p.command',
    phase: 'lower(p.type)',
    relation: true,
    measures: [{ when: 'true', unit: 'bytes', done: 'p.bytes_processed', goal: 'nullif(p.bytes_total, 0)' }],
  },
];

function viewSql(view: ProgressView, { version }: PostgresSession): string {
  const measures = view.measures.filter(({ since = 0 }) => version >= since);
  const cases = measures.map(
    ({ when, unit, done, goal }) => `(${when}, '${unit}', (${done})::float8, (${goal})::float8)`,
  );
  const relation = view.relation ? 'p.datname, p.relid' : 'NULL::name, NULL::oid';
  return `
SELECT '${view.kind}' AS kind, p.pid, ${relation}, ${view.command} AS command, ${view.phase} AS phase, m.unit, m.done, m.goal
  FROM ${view.name} p
  LEFT JOIN LATERAL (
    SELECT unit, done, goal FROM (VALUES ${cases.join(', ')}) AS v (applies, unit, done, goal) WHERE applies LIMIT 1
  ) AS m ON true`;
}

function progressSql(session: PostgresSession): string {
  const { name, joins } = relationName('o.datname', 'o.relid');
  const known = views.filter(({ since }) => session.version >= since);
  return `
WITH operations (kind, pid, datname, relid, command, phase, unit, done, goal) AS (
  ${known.map((view) => viewSql(view, session)).join(' UNION ALL ')}
)
SELECT o.kind, o.pid, o.datname, ${name} AS relname, o.command, o.phase, o.unit, o.done, o.goal, 1 AS one,
       o.done / nullif(o.goal, 0) AS ratio,
       ${secondsSinceSql('a.query_start')} AS seconds
  FROM operations o
  LEFT JOIN pg_stat_activity a ON a.pid = o.pid
  ${joins}
 ORDER BY a.query_start`;
}

export const progress: PostgresCollector = {
  name: 'progress',
  about:
    'Commands that take long and how far they are: vacuum, analyze, CREATE INDEX and REINDEX, CLUSTER and VACUUM FULL, base backups, COPY (those that the version can tell). A table of another database than that of the URL is told by its number.',
  scope: 'server',
  metrics: [...perKind, ...perOperation].map(({ metric }) => metric),
  enabledByDefault: true,
  async collect(source, context) {
    const rows = await readRows(source, progressSql(source.session), context);
    requireFullView(rows, (row) => row['phase'] !== null);
    const known = views.filter(({ since }) => source.session.version >= since);
    const counts = known.map(({ kind }) => ({
      kind,
      operations: String(rows.filter((row) => row['kind'] === kind).length),
    }));
    const shown = rows.slice(0, mostShown);
    return [
      ...columnSamples(counts, perKind),
      ...columnSamples(shown, perOperation),
      sample(rowsDropped, rows.length - shown.length, { collector: 'progress', datname: '' }),
    ];
  },
};
