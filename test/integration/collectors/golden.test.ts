import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { writeExposition } from '../../../src/collectors/exposition.ts';
import { postgresCollectors } from '../../../src/collectors/postgres/index.ts';
import type { Sample } from '../../../src/core/metric.ts';
import { type PostgresAccess, withDatabase } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession, type PostgresSession } from '../../../src/targets/postgres/session.ts';
import { createDatabase, execute, startTestCluster, startTestStandby } from '../../support/postgres.ts';
import { onlyFamily, samplesOfFamilies, scrapeOne, testScraper, watched } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';

const signal = new AbortController().signal;
const sessions: PostgresSession[] = [];
let primary: Cluster;
let standby: Cluster;

/** A primary with a standby, an application whose sessions are idle, idle in a transaction and busy, and its statements. */
beforeAll(async () => {
  primary = await startTestCluster({ settings: { autovacuum: 'off' } });
  const roles =
    'CREATE ROLE shop LOGIN; CREATE ROLE monitor LOGIN IN ROLE pg_monitor; CREATE EXTENSION pg_stat_statements';
  await execute(primary, 'postgres', roles);
  const orders = await createDatabase(
    primary,
    'orders_db',
    'CREATE TABLE orders (id int); GRANT ALL ON orders TO shop',
  );
  standby = await startTestStandby(primary, 'replica');
  await openShop(orders, 'idle', 'SELECT count(*) FROM orders');
  await openShop(orders, 'transaction', 'BEGIN');
  const busy = await openShop(orders, 'busy', 'SELECT 1');
  busy.query('SELECT pg_sleep(600)', { signal }).catch(() => undefined);
  await untilBusy();
  await untilReplicated();
});

afterAll(async () => {
  for (const session of sessions) session.destroy();
  await standby?.[Symbol.asyncDispose]();
  await primary?.[Symbol.asyncDispose]();
});

async function openShop(access: PostgresAccess, applicationName: string, sql: string): Promise<PostgresSession> {
  const shop = { ...access, connection: { ...access.connection, user: 'shop' } };
  const session = await openSession(shop, { signal, applicationName });
  sessions.push(session);
  await session.query(sql, { signal });
  return session;
}

/** Until the shop's sessions are in the states that are expected. */
async function untilBusy(): Promise<void> {
  const sql = "SELECT pid FROM pg_stat_activity WHERE usename = 'shop' AND wait_event IN ('ClientRead', 'PgSleep')";
  await vi.waitFor(async () => expect(await execute(primary, 'postgres', sql)).toHaveLength(3), { timeout: 10_000 });
}

/** Until each side of the replication has told the other all that it ever tells. */
async function untilReplicated(): Promise<void> {
  await execute(primary, 'postgres', 'CREATE TABLE replicated (id int)');
  const told = 'SELECT 1 FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn() AND flush_lsn IS NOT NULL';
  const heard = 'SELECT 1 FROM pg_stat_wal_receiver WHERE latest_end_lsn IS NOT NULL';
  await vi.waitFor(
    async () => {
      expect(await execute(primary, 'postgres', told)).toHaveLength(1);
      expect(await execute(standby, 'postgres', heard)).toHaveLength(1);
    },
    { timeout: 20_000 },
  );
}

/** These are the same on every machine; all others stand as `N`. */
const literalValues = [
  'pg_up',
  'pg_static',
  'pg_stat_activity_count',
  'pg_replication_is_replica',
  'pg_replication_receiver_up',
  'pg_replication_replay_paused',
  'pg_replication_slots_active',
  'pg_replication_slots_slot_is_active',
  'pg_replication_slots_slot_confirmed_flush_lsn',
  'pg_replication_slots_wal_status',
  'pg_stat_replication_streaming',
  'pg_stat_database_numbackends',
  'pg_slow_running_queries_threshold_seconds',
  'pg_slow_running_queries{',
  'pg_database_connection_limit',
  'pg_roles_connection_limit',
  'pg_archiver_',
  'pg_stat_archiver_archived_count',
  'pg_locks_waiting{',
  'pg_locks_waiting_by_type',
  'pg_blocked_sessions',
  'pg_progress_',
  'pg_sessions_by_transport',
  'pg_configuration_pending_restart_settings',
  'pg_temporary_files_',
  'pg_wal_archive_ready_files',
  'pg_stat_replication_standbys',
  'pg_stat_replication_synchronous',
  'pg_blocking_',
  'watchkeeper_collector_rows_dropped{target="shop",collector="blocking"',
  'pg_prepared_transactions_open',
  'pg_idle_in_transaction_sessions',
  'pg_xmin_horizon_holders',
  'pg_workers_',
  'pg_autovacuum_',
];
/** Not in every version of PostgreSQL. */
const versioned = [
  'pg_replication_slots_inactive',
  'pg_replication_slots_conflicting',
  'pg_stat_database_conflicts_confl_active',
  'pg_stat_bgwriter_c',
  'pg_stat_bgwriter_buffers_checkpoint',
  'pg_stat_bgwriter_buffers_backend',
  'pg_stat_checkpointer_',
  'pg_stat_database_parallel',
];

/** The page, as far as it is about the shop or the server, without help texts, sorted within each metric. */
function goldenText(samples: readonly Sample[]): string {
  const page = writeExposition([{ target: 'shop', samples }], 'text').split('\n');
  const lines = page.filter((line) => line !== '' && !line.startsWith('# HELP')).filter(isAboutTheShop);
  return `${[...new Set(lines.map(masked))].sort(byName).join('\n')}\n`;
}

/** A metric's type stands before its samples. */
function byName(a: string, b: string): number {
  const [first, second] = [a, b].map((line) => line.replace(/^# TYPE (\S+) .*/, '$1'));
  return (first ?? '') < (second ?? '') ? -1 : 1;
}

function isAboutTheShop(line: string): boolean {
  if (versioned.some((name) => line.replace('# TYPE ', '').startsWith(name))) return false;
  return !/(datname="(?!orders_db)|rolname="pg_)/.test(line) && !/,state="(disabled|fastpath)/.test(line);
}

function masked(line: string): string {
  if (line.startsWith('#')) return line;
  const labels = line.replaceAll(/\b(pid|queryid|datid|version|short_version)="[^"]*"/g, '$1="N"');
  const isLiteral = literalValues.some((name) => line.startsWith(name));
  return isLiteral ? labels : labels.replace(/ \S+$/, ' N');
}

async function scrapeFamily(server: Cluster, family: string): Promise<readonly Sample[]> {
  const access = withDatabase(server.access, 'postgres');
  const monitor = { ...access, connection: { ...access.connection, user: 'monitor' } };
  await using scraper = testScraper([watched('shop', monitor, { ...onlyFamily(family), slowQueryThreshold: 1 })]);
  return samplesOfFamilies(await scrapeOne(scraper, 'shop', testSignal()));
}

/** Nothing to measure on a primary; other names or none in some versions, hence tests of their own. */
const notHere = ['wal_receiver', 'settings', 'io', 'buffercache_summary', 'slow_query_texts', 'server_certificate'];
const ofServer = postgresCollectors.filter(({ scope }) => scope === 'server').map(({ name }) => name);
const ofPrimary = ofServer.filter((name) => !notHere.includes(name));

test.each(ofPrimary)('the family %s of a primary gives the page that is written down', async (family) => {
  const samples = await scrapeFamily(primary, family);

  await expect(goldenText(samples)).toMatchFileSnapshot(join(import.meta.dirname, 'golden', `${family}.txt`));
});

test.each(['replication', 'wal_receiver'])(
  'the family %s of a standby gives the page that is written down',
  async (family) => {
    const samples = await scrapeFamily(standby, family);

    await expect(goldenText(samples)).toMatchFileSnapshot(join(import.meta.dirname, 'golden', `${family}-standby.txt`));
  },
);
