import { chmod, glob, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { alertGroups } from '../../../scripts/alerts/index.ts';
import { makeWorkDirectory } from '../../../src/core/work-directory.ts';
import { runCommand, writeConfig } from '../../support/command-line.ts';
import { startDaemon } from '../../support/daemon.ts';
import { type PageContents, readPages } from '../../support/metrics-page.ts';
import { startTestPgbouncer } from '../../support/pgbouncer.ts';
import { createDatabase, execute, startTestCluster, startTestStandby } from '../../support/postgres.ts';
import { type LabelsOf, type Matcher, problemsOf, selectorsOf } from '../../support/promql.ts';
import { startTestRedis } from '../../support/redis.ts';

const alerts = alertGroups.flatMap((group) => group.alerts);

/** Pages that other tests recorded from real servers: clusters, Sentinels. Compared with a live run by those tests. */
async function recordedPages(): Promise<string[]> {
  const folder = join(import.meta.dirname, '..');
  const names = await Array.fromAsync(glob('*/golden/**/*.txt', { cwd: folder }));
  return Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
}

/** What no healthy server shows, or only newer versions; each is provoked by the tests of its own family. */
const notEverywhere = [
  'pgbouncer_state',
  'pg_stat_database_checksum_last_failure_timestamp_seconds',
  'pg_replication_slots_invalidated',
  'pg_subscription_worker_up',
  'pg_subscription_enabled',
  'pg_subscription_apply_errors_total',
  'pg_subscription_sync_errors_total',
  'pg_server_certificate_expiry_timestamp_seconds',
  'redis_tls_server_cert_expires_in_seconds',
  'dynamodb_replica_active',
  'dynamodb_table_encryption_key_inaccessible_timestamp_seconds',
  'watchkeeper_aws_api_throttles_total',
];

const tables = `CREATE EXTENSION pg_stat_statements;
  CREATE TABLE orders (id int PRIMARY KEY, customer text);
  INSERT INTO orders SELECT n, 'customer ' || n FROM generate_series(1, 20000) n;
  UPDATE orders SET customer = 'somebody';
  CREATE ROLE shop_application LOGIN CONNECTION LIMIT 5`;

/** A page with everything that these servers and a backup tell. */
async function livePage(): Promise<string> {
  await using scope = new AsyncDisposableStack();
  const folder = scope.use(await makeWorkDirectory({ prefix: 'watchkeeper-test-page-' }));
  const own = join(folder.path, 'daemon');
  await mkdir(own);
  await chmod(own, 0o755);
  const primary = scope.use(
    await startTestCluster({ settings: { max_slot_wal_keep_size: "'1GB'", archive_mode: 'on' } }),
  );
  await createDatabase(primary, 'shop', tables);
  await execute(primary, 'shop', 'ANALYZE');
  const standby = scope.use(await startTestStandby(primary));
  const pooler = scope.use(
    await startTestPgbouncer({
      databases: { shop: `host=127.0.0.1 port=${primary.access.connection.port} user=postgres` },
    }),
  );
  const cache = scope.use(await startTestRedis({ settings: ['maxmemory 100mb', 'appendonly yes'] }));
  const replica = scope.use(await startTestRedis({ settings: [`replicaof 127.0.0.1 ${cache.port}`] }));
  await cache.call('NOSUCHCOMMAND').catch(() => undefined);
  const url = (port: number | undefined, database: string) =>
    `postgres://postgres@127.0.0.1:${port}/${database}?sslmode=disable`;
  const config = await writeConfig(
    own,
    `
listen: 127.0.0.1:0
stores: { local: { type: filesystem, path: ./store } }
targets:
  shop:
    engine: postgres
    url: '${url(primary.access.connection.port, 'shop')}'
    watch: { collectors: { bloat: true } }
    objectives: { rpo: 1d, rto: 1h }
    backups: { nightly: { schedule: '0 0 1 1 *', databases: [shop], keep: { last: 2 }, objectives: { rpo: 1d, rto: 1h } } }
  standby: { engine: postgres, url: '${url(standby.access.connection.port, 'shop')}' }
  gone: { engine: postgres, url: '${url(1, 'shop')}' }
  pooler: { engine: pgbouncer, url: 'postgres://stats:stats-secret@127.0.0.1:${pooler.port}/pgbouncer?sslmode=disable' }
  cache: { engine: redis, url: 'redis://127.0.0.1:${cache.port}' }
  tables: { engine: dynamodb, region: eu-central-1, endpoint: 'http://127.0.0.1:1' }
  databases: { engine: rds, region: eu-central-1, endpoint: 'http://127.0.0.1:1' }
  caches: { engine: elasticache, region: eu-central-1, endpoint: 'http://127.0.0.1:1' }
  queues: { engine: sqs, region: eu-central-1, endpoint: 'http://127.0.0.1:1' }
  functions: { engine: lambda, region: eu-central-1, endpoint: 'http://127.0.0.1:1' }
  replica: { engine: redis, url: 'redis://127.0.0.1:${replica.port}' }
`,
  );
  // Two, so that one has a predecessor; the daemon proves the newer one.
  for (let backup = 0; backup < 2; backup++) await runCommand([...config, 'backup', 'shop']);
  const daemon = scope.use(await startDaemon(config, { AWS_ACCESS_KEY_ID: 'none', AWS_SECRET_ACCESS_KEY: 'none' }));
  await daemon.untilLogged('a proof', ({ job, verdict }) => job === 'verify' && verdict === 'proven');
  return await vi.waitFor(
    async () => {
      const { text } = await daemon.get('/metrics');
      // Seen a little later than the servers themselves: what is in the databases, and in the store.
      for (const late of [
        'pg_bloat_table_ratio{',
        'watchkeeper_rto_seconds{',
        'watchkeeper_doctor_ready ',
        'dynamodb_up{',
        'rds_up{',
        'elasticache_up{',
        'sqs_up{',
        'lambda_up{',
      ]) {
        expect(text).toContain(late);
      }
      return text;
    },
    { timeout: 60_000, interval: 500 },
  );
}

/** `up` is made by Prometheus, and so are `job` and `instance`. */
const labelsIn =
  (page: PageContents): LabelsOf =>
  (name) => {
    if (name === 'up') return new Set(['job', 'instance']);
    const labels = page.get(name);
    if (labels === undefined) return undefined;
    // Where Redis is a cluster; a label that is not there is empty, on both sides of a join.
    return new Set(['job', 'instance', ...(name.startsWith('redis_') ? ['node'] : []), ...labels.keys()]);
  };

/** Whether a value that the matcher wants can be on a page. */
function canMatch({ operator, value }: Matcher, values: ReadonlySet<string>): boolean {
  if (operator === '=') return values.has(value);
  return [...values].some((one) => new RegExp(`^(?:${value})$`).test(one));
}

test('every expression reads only names, labels and values that real pages have', async () => {
  const page = readPages([await livePage(), ...(await recordedPages())]);
  const absent = new Set(notEverywhere.filter((name) => !page.has(name)));

  const problems: string[] = [];
  let checked = 0;
  for (const { name, expression } of alerts) {
    const selectors = selectorsOf(expression);
    if (selectors.some(({ metric }) => absent.has(metric))) continue;
    checked += 1;
    problems.push(...problemsOf(expression, labelsIn(page)).map((problem) => `${name}: ${problem}`));
    for (const { metric, matchers } of selectors) {
      for (const matcher of matchers.filter(({ label }) => label !== 'job' && label !== 'err')) {
        const values = page.get(metric)?.get(matcher.label) ?? new Set();
        if (!canMatch(matcher, values)) problems.push(`${name}: no ${metric} has ${matcher.label} "${matcher.value}"`);
      }
    }
  }

  expect(problems).toEqual([]);
  expect(checked).toBeGreaterThanOrEqual(alerts.length - notEverywhere.length);
});
