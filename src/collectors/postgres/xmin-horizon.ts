import { columnSamples } from './columns.ts';
import { type PostgresCollector, readRows, requireFullView } from './source.ts';
import { metricsOf } from './versioned-columns.ts';

const holders = 'session, prepared_transaction, replication_slot or standby (hot_standby_feedback)';
const horizon = metricsOf({ prefix: 'pg_xmin_horizon', name: 'pg_stat_activity', labels: ['holder'] });

const columns = [
  horizon('age_transactions', {
    column: 'age',
    unit: 'transactions',
    source:
      'pg_stat_activity.backend_xmin, backend_xid; pg_prepared_xacts.transaction; pg_replication_slots.xmin, catalog_xmin; pg_stat_replication.backend_xmin',
    help: `Transactions since the oldest one that a holder of the kind may still see, by which dead rows are kept from vacuum: ${holders}; 0 where there is no such holder.`,
  }),
  horizon('holders', {
    column: 'holders',
    unit: 'holders',
    source: 'the same views',
    help: `Holders of the kind: ${holders}.`,
  }),
];

// A lazy vacuum's own snapshot holds nothing back; a session without snapshot but with a transaction id does.
const sql = `
WITH activity AS MATERIALIZED (
  SELECT pid, backend_type, greatest(age(backend_xmin), age(backend_xid)) AS age FROM pg_stat_activity
), held AS (
  SELECT CASE backend_type WHEN 'walsender' THEN 'standby' ELSE 'session' END AS holder, age
    FROM activity
   WHERE age IS NOT NULL AND pid <> pg_backend_pid() AND pid NOT IN (SELECT pid FROM pg_stat_progress_vacuum)
   UNION ALL
  SELECT 'prepared_transaction', age(transaction) FROM pg_prepared_xacts
   UNION ALL
  SELECT 'replication_slot', greatest(age(xmin), age(catalog_xmin)) FROM pg_replication_slots
   WHERE xmin IS NOT NULL OR catalog_xmin IS NOT NULL
)
SELECT k.holder, (SELECT bool_and(backend_type IS NOT NULL) FROM activity) AS sees_all,
       count(h.age) AS holders, greatest(coalesce(max(h.age), 0), 0) AS age
  FROM (VALUES ('session'), ('prepared_transaction'), ('replication_slot'), ('standby')) AS k (holder)
  LEFT JOIN held h ON h.holder = k.holder
 GROUP BY k.holder`;

export const xminHorizon: PostgresCollector = {
  name: 'xmin_horizon',
  about: 'What keeps vacuum from removing dead rows, by kind of holder.',
  scope: 'server',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: true,
  async collect(source, context) {
    const rows = await readRows(source, sql, context);
    requireFullView(rows, (row) => row['sees_all'] === 't');
    return columnSamples(rows, columns);
  },
};
