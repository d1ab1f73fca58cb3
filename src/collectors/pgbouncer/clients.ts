import { metric, type Sample, sample } from '../../core/metric.ts';
import type { Row } from '../../targets/libpq/client-session.ts';
import { groupBy, limitPools, poolOf, summed, tlsVersionOf } from './groups.ts';
import { type PgbouncerCollector, readView } from './source.ts';

const byApplication = metric({
  name: 'pgbouncer_client_connections',
  type: 'gauge',
  help: 'Clients by database, user, application name and state. Names beyond watch.applicationNameLimit are counted together as "(others)".',
  labels: ['database', 'user', 'application_name', 'state'],
  source: 'SHOW CLIENTS',
  unit: 'clients',
});

const byTls = metric({
  name: 'pgbouncer_clients',
  type: 'gauge',
  help: 'Clients by database, user, state and version of TLS, which is empty where the connection is not encrypted. Which states there are depends on the version: before PgBouncer 1.25 idle clients count as active.',
  labels: ['database', 'user', 'state', 'tls'],
  source: 'SHOW CLIENTS, state and tls',
  unit: 'clients',
});

const applicationNames = metric({
  name: 'pgbouncer_client_application_names',
  type: 'gauge',
  help: 'Different application names of clients, shown or not.',
  labels: [],
  source: 'SHOW CLIENTS, application_name',
  unit: 'names',
});

const preparedStatements = metric({
  name: 'pgbouncer_client_prepared_statements',
  type: 'gauge',
  help: 'Prepared statements that the clients of a database and user have; from PgBouncer 1.21 on.',
  labels: ['database', 'user'],
  source: 'SHOW CLIENTS, prepared_statements',
  unit: 'statements',
});

const others = '(others)';

export const clients: PgbouncerCollector = {
  name: 'clients',
  about:
    'Clients by state, application and TLS. PgBouncer lists them all for it: with tens of thousands of clients switch the family off, pools has the counts.',
  scope: 'server',
  metrics: [byApplication, byTls, applicationNames, preparedStatements],
  enabledByDefault: true,
  async collect(source, context) {
    const all = await readView(source, 'CLIENTS', context);
    const names = groupBy(all, (row) => [text(row, 'application_name')]);
    const shownNames = namesShown(names, source.settings.applicationNameLimit);
    const nameOf = (row: Row) =>
      shownNames.has(text(row, 'application_name')) ? text(row, 'application_name') : others;
    const { shown: pools, dropped } = limitPools('clients', all, source.settings.rowLimit);
    const rows = pools.flatMap((pool) => pool.rows);
    return [
      ...counted(
        byApplication,
        groupBy(rows, (row) => [...poolOf(row), nameOf(row), text(row, 'state')]),
      ),
      ...counted(
        byTls,
        groupBy(rows, (row) => [...poolOf(row), text(row, 'state'), tlsVersionOf(row)]),
      ),
      sample(applicationNames, names.length, {}),
      ...pools.flatMap((pool) => summed(preparedStatements, pool, 'prepared_statements')),
      dropped,
    ];
  },
};

function text(row: Row, column: string): string {
  return row[column] ?? '';
}

/** Those with the most clients; of equal ones the first by name, so that they do not take turns. */
function namesShown(names: ReturnType<typeof groupBy>, limit: number): ReadonlySet<string> {
  const ranked = names.map(({ labelValues: [name = ''], rows }) => ({ name, clients: rows.length }));
  ranked.sort((a, b) => b.clients - a.clients || (a.name < b.name ? -1 : 1));
  return new Set(ranked.slice(0, limit).map(({ name }) => name));
}

function counted(of: Sample['metric'], groups: ReturnType<typeof groupBy>): Sample[] {
  return groups.map(({ labelValues, rows }) => ({ metric: of, labelValues, value: rows.length }));
}
