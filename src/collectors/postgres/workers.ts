import type { PostgresSession } from '../../targets/postgres/session.ts';
import { columnSamples } from './columns.ts';
import { type PostgresCollector, readRows, requireFullView } from './source.ts';
import { metricsOf } from './versioned-columns.ts';

const workersOf = metricsOf({ prefix: 'pg_workers', name: 'pg_stat_activity', labels: ['kind'] });

const kinds =
  'autovacuum, parallel, walsender, logical_replication, or background (all that max_worker_processes allows)';

const columns = [
  workersOf('busy', { unit: 'processes', help: `Workers of a kind that run now: ${kinds}.` }),
  workersOf('limit', {
    unit: 'processes',
    source:
      'autovacuum_max_workers, max_parallel_workers, max_wal_senders, max_logical_replication_workers, max_worker_processes',
    help: 'Workers of the kind that may run at the same time.',
  }),
  workersOf('saturation_ratio', {
    column: 'saturation',
    unit: 'ratio',
    source: 'pg_stat_activity and these settings',
    help: 'Share of the limit that is in use; at 1 the next one waits or is refused. Absent where the limit is 0.',
  }),
];

/** What is in none of these is a background worker, whatever the extension that began it calls it. */
const noBackgroundWorkers = [
  'client backend',
  'walsender',
  'walreceiver',
  'walwriter',
  'walsummarizer',
  'slotsync worker',
  'autovacuum launcher',
  'autovacuum worker',
  'background writer',
  'checkpointer',
  'archiver',
  'logger',
  'startup',
  'io worker',
  'standalone backend',
];

function workersSql({ version }: PostgresSession): string {
  const slots = version >= 180_000 ? "current_setting('autovacuum_worker_slots')::int" : 'NULL::int';
  const others = noBackgroundWorkers.map((name) => `'${name}'`).join(', ');
  return `
WITH processes AS (
  SELECT bool_and(backend_type IS NOT NULL) AS sees_all,
         count(*) FILTER (WHERE backend_type = 'autovacuum worker') AS autovacuum,
         count(*) FILTER (WHERE backend_type = 'parallel worker') AS parallel,
         count(*) FILTER (WHERE backend_type = 'walsender') AS walsender,
         count(*) FILTER (WHERE backend_type LIKE 'logical replication %worker') AS logical_replication,
         count(*) FILTER (WHERE backend_type NOT IN (${others})) AS background
    FROM pg_stat_activity
)
SELECT p.sees_all, k.kind, k.busy, k.most AS limit, k.busy::float8 / nullif(k.most, 0) AS saturation
  FROM processes p
 CROSS JOIN LATERAL (VALUES
   ('autovacuum', p.autovacuum, least(current_setting('autovacuum_max_workers')::int, ${slots})),
   ('parallel', p.parallel, current_setting('max_parallel_workers')::int),
   ('walsender', p.walsender, current_setting('max_wal_senders')::int),
   ('logical_replication', p.logical_replication, current_setting('max_logical_replication_workers')::int),
   ('background', p.background, current_setting('max_worker_processes')::int)) AS k (kind, busy, most)`;
}

export const workers: PostgresCollector = {
  name: 'workers',
  about: 'Workers of each kind, against the number that may run.',
  scope: 'server',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: true,
  async collect(source, context) {
    const rows = await readRows(source, workersSql(source.session), context);
    requireFullView(rows, (row) => row['sees_all'] === 't');
    return columnSamples(rows, columns);
  },
};
