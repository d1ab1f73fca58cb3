import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { alertGroups } from '../../../scripts/alerts/index.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { makeWorkDirectory } from '../../../src/core/work-directory.ts';
import { Leases } from '../../../src/jobs/lease.ts';
import { ownIdentity } from '../../../src/jobs/process-identity.ts';
import { openFilesystemStore } from '../../../src/storage/filesystem.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { writeConfig } from '../../support/command-line.ts';
import { startDaemon } from '../../support/daemon.ts';
import { createDatabase, execute, startTestCluster, startTestStandby } from '../../support/postgres.ts';
import {
  type Notification,
  startAlertmanager,
  startPrometheus,
  startWebhookReceiver,
} from '../../support/prometheus.ts';
import { startTestRedis } from '../../support/redis.ts';
import { shortenAlertmanager, shortenRules } from '../../support/shorten-alerts.ts';

const root = join(import.meta.dirname, '../../..');
const never = new AbortController().signal;

/** An hour of the shipped rules is a minute here. */
const factor = 60;

/**
 * Ages that would have to grow: two minutes, and an hour. Costly families keep their pace, and tell of the time when their
 * target was down for as long as ever.
 */
const limits = {
  '_up[60000ms]': '_up[1h]',
  'pg_replication_standby_lag_seconds > 120': 'pg_replication_standby_lag_seconds > 2',
  'watchkeeper_job_overdue_seconds > 3600': 'watchkeeper_job_overdue_seconds > 20',
};

interface Servers {
  readonly shop: Cluster;
  readonly standby: Cluster;
  readonly busy: Cluster;
  readonly cachePort: number;
}

/** The configuration of the daemon; `slot` is when the archive is to be backed up. */
function configuration({ shop, standby, busy, cachePort }: Servers, slot: string): string {
  const url = ({ access }: Cluster, database: string) =>
    `postgres://postgres@127.0.0.1:${access.connection.port}/${database}?sslmode=disable`;
  const yearly = '0 0 1 1 *';
  const postgres = (server: Cluster, database: string, backups: string) =>
    `{ engine: postgres, url: '${url(server, database)}'${backups === '' ? '' : `, backups: { yearly: { ${backups}, keep: { last: 3 } } }`} }`;
  return `
listen: 127.0.0.1:0
stores: { local: { type: filesystem, path: ./store } }
targets:
  ledger: ${postgres(shop, 'ledger', `schedule: '${yearly}', verify: { schedule: '* * * * *' }`)}
  archive: ${postgres(shop, 'archive', `schedule: '${slot}'`)}
  standby: ${postgres(standby, 'postgres', '')}
  busy: ${postgres(busy, 'postgres', `schedule: '${yearly}'`)}
  cache: { engine: redis, url: 'redis://127.0.0.1:${cachePort}' }
`;
}

/** The shipped rules and the shipped configuration of Alertmanager, faster; gives the configuration for Prometheus. */
async function writeMonitoring(folder: string, daemonUrl: string, receivers: string) {
  const alertmanager = join(folder, 'alertmanager.yaml');
  const shipped = await readFile(join(root, 'deploy/alertmanager.yaml'), 'utf8');
  await writeFile(alertmanager, shortenAlertmanager(shipped, factor, receivers));
  const all = await Promise.all(
    alertGroups.map(({ name }) => readFile(join(root, `alerts/${name}.rules.yaml`), 'utf8')),
  );
  // One document for all, so that a limit that is not there is noticed.
  const rules = shortenRules(all.join('\n---\n'), factor, limits).split('\n---\n');
  for (const [at, text] of rules.entries()) await writeFile(join(folder, `${at}.rules.yaml`), text);
  const prometheus = (alertmanagerUrl: string) => `
global: { scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 1s }
rule_files: ['${folder}/*.rules.yaml']
alerting: { alertmanagers: [{ static_configs: [{ targets: ['${new URL(alertmanagerUrl).host}'] }] }] }
scrape_configs: [{ job_name: watchkeeper, static_configs: [{ targets: ['${new URL(daemonUrl).host}'] }] }]
`;
  return { alertmanager, prometheus };
}

/** Opens sessions until `wanted` of them are there, our own and the daemon's; ends with the scope. */
async function fillConnections(server: Cluster, wanted: number): Promise<AsyncDisposable> {
  const sessions = new AsyncDisposableStack();
  const count = async () => {
    const [row] = await execute(
      server,
      'postgres',
      'SELECT count(*) AS n FROM pg_stat_activity WHERE datid IS NOT NULL',
    );
    return Number(row?.['n']) - 1;
  };
  for (let open = await count(); open < wanted; open++) {
    sessions.use(await openSession(server.access, { signal: never, applicationName: 'crowd' }));
  }
  return sessions;
}

/** Cuts a standby off; gives what connects it again. */
async function cut(standby: Cluster): Promise<() => Promise<void>> {
  const connectTo = async (conninfo: string) => {
    await execute(standby, 'postgres', `ALTER SYSTEM SET primary_conninfo = '${conninfo.replaceAll("'", "''")}'`);
    await execute(standby, 'postgres', 'SELECT pg_reload_conf()');
  };
  const [row] = await execute(standby, 'postgres', 'SHOW primary_conninfo');
  await connectTo('');
  return () => connectTo(String(row?.['primary_conninfo']));
}

/** Changes one byte of the only stored backup of a target; gives what mends it. */
async function corrupt(store: string, target: string): Promise<() => Promise<void>> {
  const [id = ''] = await readdir(join(store, target));
  const file = join(store, target, id, 'database.dump.zst');
  const good = await readFile(file);
  const bad = Buffer.from(good);
  const middle = Math.floor(bad.length / 2);
  bad.writeUInt8((bad.readUInt8(middle) + 1) % 256, middle);
  await writeFile(file, bad);
  return () => writeFile(file, good);
}

/** The next full minute, as a schedule that returns an hour later. */
const nextMinute = () => `${(new Date().getMinutes() + 1) % 60} * * * *`;

test('what goes wrong is told, resolves after the cure, and nothing else is told', async () => {
  await using scope = new AsyncDisposableStack();
  const folder = scope.use(await makeWorkDirectory({ prefix: 'watchkeeper-test-live-' }));
  const shop = scope.use(await startTestCluster());
  await createDatabase(shop, 'ledger', 'CREATE TABLE entries AS SELECT generate_series(1, 50000) AS id');
  await createDatabase(shop, 'archive', 'CREATE TABLE entries AS SELECT generate_series(1, 1000) AS id');
  const standby = scope.use(await startTestStandby(shop));
  const busy = scope.use(await startTestCluster({ settings: { max_connections: '43' } }));
  const cache = scope.use(await startTestRedis());
  const servers = { shop, standby, busy, cachePort: cache.port };
  const own = join(folder.path, 'daemon');
  await mkdir(own);
  const store = join(own, 'store');

  const daemon = scope.use(await startDaemon(await writeConfig(own, configuration(servers, '0 0 1 1 *'))));
  for (const name of ['ledger', 'archive', 'busy']) {
    await daemon.untilLogged(
      `a proof of ${name}`,
      ({ job, verdict, target }) => job === 'verify' && verdict === 'proven' && target === name,
    );
  }
  // Its look at what would hinder a restore comes before anything does, and again in hours.
  await vi.waitFor(
    async () => expect((await daemon.get('/metrics')).text).toContain('\nwatchkeeper_doctor_ready 1\n'),
    {
      timeout: 60_000,
      interval: 500,
    },
  );
  const receiver = scope.use(await startWebhookReceiver());
  const files = await writeMonitoring(folder.path, daemon.url, receiver.url);
  const alertmanager = scope.use(await startAlertmanager(files.alertmanager, join(folder.path, 'am')));
  const prometheusFile = join(folder.path, 'prometheus.yml');
  await writeFile(prometheusFile, files.prometheus(alertmanager.url));
  scope.use(await startPrometheus(prometheusFile, join(folder.path, 'data')));
  const untilTold = (alerts: readonly string[]) =>
    vi.waitFor(() => expect(receiver.firing()).toEqual(alerts), { timeout: 110_000, interval: 200 });

  const crowd = await fillConnections(busy, 32);
  cache.freeze();
  const connect = await cut(standby);
  const mend = await corrupt(store, 'ledger');
  const leases = new Leases({
    store: await openFilesystemStore(store, systemClock),
    clock: systemClock,
    holder: await ownIdentity(),
    ttlMs: 60_000,
  });
  const lease = await leases.acquire('backup/archive', never);
  expect(lease).toBeDefined();
  await writeConfig(own, configuration(servers, nextMinute()));
  daemon.command.child.kill('SIGHUP');
  await untilTold([
    'PostgresConnectionsHigh busy',
    'PostgresSlotInactive archive',
    'PostgresSlotInactive ledger',
    'PostgresStandbyCut standby',
    'RedisDown cache',
    'ScheduleMissed archive',
    'VerificationFailed ledger',
  ]);

  await crowd[Symbol.asyncDispose]();
  cache.thaw();
  await connect();
  await mend();
  await lease?.[Symbol.asyncDispose]();
  await vi.waitFor(() => expect(receiver.firing()).not.toContain('PostgresConnectionsHigh busy'), 60_000);
  await busy.stop('fast');
  await vi.waitFor(() => expect(receiver.firing()).toContain('PostgresDown busy'), 60_000);
  await busy.start(never);
  await untilTold([]);

  const told = receiver.notifications;
  const expected = new Set([
    'PostgresConnectionsHigh busy /office',
    'PostgresDown busy /on-call',
    'PostgresSlotInactive archive /office',
    'PostgresSlotInactive ledger /office',
    'PostgresStandbyCut standby /on-call',
    'RedisDown cache /on-call',
    'ScheduleMissed archive /office',
    'VerificationFailed ledger /on-call',
  ]);
  const nameOf = ({ alert, target, receiver: to }: Notification) => `${alert} ${target} ${to}`;
  expect(told.filter((one) => !expected.has(nameOf(one)))).toEqual([]);
  expect(new Set(told.map(nameOf))).toEqual(expected);
  for (const { alert, annotations } of told) {
    expect(annotations['runbook_url']).toMatch(new RegExp(`/docs/runbooks/${alert}\\.md$`));
    expect(`${annotations['summary']} ${annotations['description']}`).not.toMatch(/error|no value|\{\{/i);
  }
}, 290_000);
