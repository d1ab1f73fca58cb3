import { metric, type Sample, sample } from '../../core/metric.ts';
import type { Row } from '../../targets/postgres/session.ts';
import { rowsDropped } from '../scrape-metrics.ts';
import { labelOf, numberOf } from './columns.ts';
import { type PostgresCollector, readRows, requireFullView } from './source.ts';

/** Upper bounds in seconds, as postgres_exporter has them. */
const buckets = [1, 2, 5, 15, 30, 60, 90, 120, 300];
/** Groups that are shown, those with most sessions first: anybody may choose an application name. */
const mostShown = 50;

const idle = metric({
  name: 'pg_process_idle_seconds',
  type: 'histogram',
  help: `Seconds that the sessions which are idle now have been so; the ${mostShown} largest groups. No true histogram: a session leaves it when it is busy again, so counts fall and rate() means nothing. postgres_exporter shows one group only, and fails when nobody is idle.`,
  labels: ['state', 'application_name'],
  source: 'pg_stat_activity.state_change',
  unit: 'seconds',
});

const counted = buckets.map((le) => `count(*) FILTER (WHERE idle <= ${le}) AS le_${le}`).join(', ');
const listed = buckets.map((le) => `g.le_${le}`).join(', ');

const sql = `
WITH activity AS MATERIALIZED (
  SELECT state, application_name, backend_type, greatest(0, extract(epoch FROM clock_timestamp() - state_change)) AS idle
    FROM pg_stat_activity
), totals AS (
  SELECT bool_and(backend_type IS NOT NULL) AS sees_all,
         count(DISTINCT (state, application_name)) FILTER (WHERE state LIKE 'idle%') AS groups
    FROM activity
), groups AS (
  SELECT state, application_name, count(*) AS sessions, sum(idle) AS sum, ${counted}
    FROM activity WHERE state LIKE 'idle%'
   GROUP BY state, application_name
   ORDER BY sessions DESC, state, application_name
   LIMIT ${mostShown}
)
SELECT t.sees_all, t.groups, g.state, g.application_name, g.sessions, g.sum, ${listed}
  FROM totals t LEFT JOIN groups g ON true`;

function histogram(row: Row): Sample[] {
  const labels = { state: labelOf(row, 'state'), application_name: labelOf(row, 'application_name') };
  const count = numberOf(row, 'sessions') ?? 0;
  const bucket = (le: string, value: number): Sample => ({
    ...sample(idle, value, labels),
    suffix: '_bucket',
    extraLabel: ['le', le],
  });
  return [
    ...buckets.map((le) => bucket(String(le), numberOf(row, `le_${le}`) ?? 0)),
    bucket('+Inf', count),
    { ...sample(idle, numberOf(row, 'sum') ?? 0, labels), suffix: '_sum' },
    { ...sample(idle, count, labels), suffix: '_count' },
  ];
}

export const processIdle: PostgresCollector = {
  name: 'process_idle',
  about: 'How long sessions have been idle, by state and application, as a histogram.',
  scope: 'server',
  metrics: [idle],
  enabledByDefault: false,
  async collect(source, context) {
    const rows = await readRows(source, sql, context);
    requireFullView(rows, (row) => row['sees_all'] === 't');
    const groups = rows.filter((row) => row['state'] !== null);
    const all = Math.max(0, ...rows.map((row) => numberOf(row, 'groups') ?? 0));
    return [
      ...groups.flatMap(histogram),
      sample(rowsDropped, all - groups.length, { collector: 'process_idle', datname: '' }),
    ];
  },
};
