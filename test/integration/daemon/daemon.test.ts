import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { runCommand, writeConfig } from '../../support/command-line.ts';
import { startDaemon, type TestDaemon } from '../../support/daemon.ts';
import { createDatabase, startTestCluster } from '../../support/postgres.ts';

let cluster: Cluster;
let folder: WorkDirectory;
beforeAll(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-daemon-' });
  cluster = await startTestCluster({ password: 'pg-secret-1' });
  await createDatabase(cluster, 'shop', 'CREATE TABLE orders AS SELECT generate_series(1, 100000) AS id');
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

let cases = 0;
/** A configuration of its own for each test; the password comes from a file. */
async function configure(
  more = '',
  schedule = '0 2 * * *',
): Promise<{ config: readonly string[]; own: string; yaml: string }> {
  const own = join(folder.path, `case-${++cases}`);
  await import('node:fs/promises').then(({ mkdir }) => mkdir(own));
  await writeFile(join(own, 'password'), 'pg-secret-1\n', { mode: 0o600 });
  const { port } = cluster.access.connection;
  const yaml = `
listen: 127.0.0.1:0
stores: { local: { type: filesystem, path: ./store } }
targets:
  shop:
    engine: postgres
    url: postgres://postgres@127.0.0.1:${port}/shop?sslmode=disable
    password: file:./password
    backups: { nightly: { schedule: '${schedule}', keep: { last: 2 } } }
${more}`;
  return { config: await writeConfig(own, yaml), own, yaml };
}

const backups = async (own: string) => (await readdir(join(own, 'store', 'shop')).catch(() => [])).sort();
const proofLogged = (daemon: TestDaemon) =>
  daemon.untilLogged('a proof', ({ job, verdict }) => job === 'verify' && verdict === 'proven');

test('a new target is backed up and proven at once, and the daemon tells so on every page', async () => {
  const { config } = await configure();
  await using daemon = await startDaemon(config);

  await proofLogged(daemon);
  const told =
    'watchkeeper_proof_last_verdict{target="shop",schedule="nightly",database="shop",store="local",verdict="proven"} 1';
  await expect.poll(async () => (await daemon.get('/metrics')).text).toContain(told);
  const metrics = await daemon.get('/metrics');
  const probe = await daemon.get('/probe?target=shop');
  const ready = await daemon.get('/health/ready');
  const landing = await daemon.get('/');

  expect(metrics.status).toBe(200);
  expect(metrics.text).toContain('pg_up{target="shop"} 1');
  const labels = 'target="shop",schedule="nightly",database="shop",store="local"';
  expect(metrics.text).toMatch(new RegExp(`watchkeeper_proof_last_success_timestamp_seconds\\{${labels}\\} 1\\d{9}`));
  expect(probe.text).toContain('pg_stat_database_xact_commit');
  expect(probe.text).not.toContain('watchkeeper_build_info');
  expect(ready.status).toBe(200);
  expect(JSON.parse(ready.text)).toMatchObject({ status: 'UP' });
  expect(landing.text).toContain('shop');
  const everything = [metrics.text, probe.text, ready.text, landing.text, daemon.command.err(), daemon.command.out()];
  for (const text of everything) expect(text).not.toContain('pg-secret-1');
});

test('killed after a backup and started again, it knows that nothing is due', async () => {
  const { config, own } = await configure();
  const first = await startDaemon(config);
  await proofLogged(first);
  first.command.child.kill('SIGKILL');
  await first.command.exited;
  const before = await backups(own);

  await using second = await startDaemon(config);
  // Read from the store, in the background: a slow store must not hold up the start.
  await vi.waitFor(
    async () => {
      const page = await second.get('/metrics');
      const stored = /watchkeeper_backup_last_success_timestamp_seconds\{[^}]*\} 1\d{9}/;
      if (!stored.test(page.text)) throw new Error('the stored backup is not on the page');
    },
    { timeout: 20_000, interval: 100 },
  );
  const after = await backups(own);

  expect(before).toHaveLength(1);
  expect(after).toEqual(before);
  expect(second.log().some(({ job }) => job !== undefined)).toBe(false);
});

test('killed in mid-proof, it leaves nothing running, and proves after the restart', async () => {
  const { config } = await configure();
  const first = await startDaemon(config);
  await first.untilLogged('a backup', ({ job }) => job === 'backup');
  first.command.child.kill('SIGKILL');
  await first.command.exited;

  await using second = await startDaemon(config);
  await proofLogged(second);

  const left = (await readdir(tmpdir())).filter((name) => name.includes(`-${first.command.child.pid}-`));
  expect(left).toEqual([]);
});

test('a database that is down is a check in the body, not a reason to restart the daemon', async () => {
  const { config } = await configure(
    `  gone: { engine: postgres, url: 'postgres://x@127.0.0.1:1/x?sslmode=disable' }\n`,
  );
  await using daemon = await startDaemon(config);

  const page = await daemon.get('/metrics');
  const ready = await daemon.get('/health/ready');
  const live = await daemon.get('/health/live');

  expect(page.text).toContain('pg_up{target="gone"} 0');
  expect(page.text).toContain('pg_up{target="shop"} 1');
  expect(page.text).toContain('watchkeeper_target_login_failures_total{target="gone",reason="refused"} 1');
  expect([ready.status, live.status]).toEqual([200, 200]);
  const checks = JSON.parse(ready.text).checks as { name: string; status: string }[];
  expect(checks.find(({ name }) => name === 'target gone')).toMatchObject({ status: 'DOWN' });
});

test('a target that accepts and never answers hides nothing of the others, within the scrape deadline', async () => {
  const server = createServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const { config } = await configure(
    `  hung: { engine: postgres, url: 'postgres://x@127.0.0.1:${port}/x?sslmode=disable' }\n`,
  );
  await using daemon = await startDaemon(config);

  const startMs = performance.now();
  const page = await daemon.get('/metrics', { 'X-Prometheus-Scrape-Timeout-Seconds': '3' });

  expect(performance.now() - startMs).toBeLessThan(3_000);
  expect(page.status).toBe(200);
  expect(page.text).toContain('pg_up{target="hung"} 0');
  expect(page.text).toContain('pg_up{target="shop"} 1');
  expect(page.text).toContain('pg_stat_database_xact_commit{target="shop"');
  server.close();
});

test('a reload takes a good configuration over and refuses a bad one, naming the line', async () => {
  const { config, yaml } = await configure();
  const [, file = ''] = config;
  await using daemon = await startDaemon(config);
  const reload = () => fetch(`${daemon.url}/-/reload`, { method: 'POST' });

  await writeFile(file, `${yaml}  later: { engine: postgres, url: 'postgres://x@127.0.0.1:1/x?sslmode=disable' }\n`);
  const taken = await reload();
  const page = await daemon.get('/metrics');
  await writeFile(file, `${yaml}  broken: { engin: postgres }\n`);
  const refused = await reload();
  const problems = await refused.text();
  const still = await daemon.get('/metrics');
  await writeFile(file, yaml);
  daemon.command.child.kill('SIGHUP');
  await daemon.untilLogged('a reload', ({ msg }) => msg === 'configuration read again');
  const back = await daemon.get('/metrics');

  expect(taken.status).toBe(200);
  expect(page.text).toContain('pg_up{target="later"} 0');
  expect(refused.status).toBe(500);
  expect(problems).toMatch(/watchkeeper\.yaml:\d+:\d+: targets\.broken/);
  expect(still.text).toContain('pg_up{target="later"} 0');
  expect(still.text).toContain('watchkeeper_config_last_reload_successful 0');
  expect(back.text).not.toContain('target="later"');
  expect(back.text).toContain('watchkeeper_config_last_reload_successful 1');
});

test('a rotated password needs no restart', async () => {
  const { config, own } = await configure();
  await writeFile(join(own, 'password'), 'wrong\n');
  await using daemon = await startDaemon(config);
  const before = await daemon.get('/metrics');

  await writeFile(join(own, 'password'), 'pg-secret-1\n');

  await expect
    .poll(async () => (await daemon.get('/metrics')).text, { timeout: 30_000, interval: 500 })
    .toContain('pg_up{target="shop"} 1');
  expect(before.text).toContain('pg_up{target="shop"} 0');
  expect(before.text).toContain('login_failures_total{target="shop",reason="authentication"} 1');
});

test('SIGTERM ends it in order with exit code 0', async () => {
  const { config } = await configure();
  const daemon = await startDaemon(config);
  await daemon.untilLogged('a backup', ({ job }) => job === 'backup');

  daemon.command.child.kill('SIGTERM');

  expect(await daemon.command.exited).toBe(0);
  expect(daemon.log().map(({ msg }) => msg)).toContain('watchkeeper is stopping');
});

test('a port in use and a file that is not there are told in one line', async () => {
  const { config, yaml } = await configure();
  await using daemon = await startDaemon(config);
  const [, file = ''] = config;
  await writeFile(file, yaml.replace('127.0.0.1:0', new URL(daemon.url).host));

  const taken = await runCommand([...config, 'run']);
  const missing = await runCommand(['-c', '/nonexistent/watchkeeper.yaml', 'run']);

  expect(taken.code).toBe(1);
  expect(taken.err).toContain('EADDRINUSE');
  expect(missing).toMatchObject({ code: 2 });
  expect(missing.err).toContain('there is no file /nonexistent/watchkeeper.yaml');
  expect(await readFile(file, 'utf8')).toContain('listen');
});
