import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { runCommand, writeConfig } from '../../support/command-line.ts';
import { startDaemon, type TestDaemon } from '../../support/daemon.ts';
import { createDatabase, startTestCluster } from '../../support/postgres.ts';

const orders = `CREATE TABLE orders AS SELECT n AS id, md5(n::text) || md5((n * 7)::text) AS t
  FROM generate_series(1, 400000) n`;

let cluster: Cluster;
let folder: WorkDirectory;
beforeAll(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-daemons-' });
  cluster = await startTestCluster();
  await createDatabase(cluster, 'shop', orders);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function configure(name: string, jobs: string): Promise<{ config: readonly string[]; store: string }> {
  const own = join(folder.path, name);
  await mkdir(own);
  const { port } = cluster.access.connection;
  const config = await writeConfig(
    own,
    `
listen: 127.0.0.1:0
log: { level: debug }
stores: { local: { type: filesystem, path: ./store } }
jobs: ${jobs}
targets:
  shop:
    engine: postgres
    url: postgres://postgres@127.0.0.1:${port}/shop?sslmode=disable
    backups: { nightly: { schedule: '0 2 1 1 *', facts: rows } }
`,
  );
  return { config, store: join(own, 'store') };
}

type Line = Readonly<Record<string, unknown>>;
const runsOf = (daemon: TestDaemon, kind: string, status: string): Line[] =>
  daemon.log().filter(({ job, msg }) => job === kind && msg === `job ${status}`);

async function finishedBackups(config: readonly string[]): Promise<string[]> {
  const { out } = await runCommand([...config, 'list', '--json']);
  return (JSON.parse(out) as { id: string }[]).map(({ id }) => id);
}

test('two daemons that start at once on one configuration back up once and prove once', async () => {
  const { config } = await configure('at-once', '{ concurrency: 2 }');
  const daemons = await Promise.all([startDaemon(config), startDaemon(config)]);
  await using _first = daemons[0];
  await using _second = daemons[1];

  const ended = (kind: string, status: string) => daemons.flatMap((daemon) => runsOf(daemon, kind, status)).length;
  await expect.poll(() => ended('verify', 'succeeded'), { timeout: 60_000 }).toBe(1);
  // The other one looks again after half a minute, and finds nothing to do.
  await expect
    .poll(async () => (await Promise.all(daemons.map(({ get }) => get('/metrics')))).map(({ text }) => overdue(text)), {
      timeout: 60_000,
    })
    .toEqual([0, 0]);

  expect(await finishedBackups(config)).toHaveLength(1);
  expect(ended('backup', 'succeeded')).toBe(1);
  expect(ended('verify', 'succeeded')).toBe(1);
  expect(ended('backup', 'failed') + ended('verify', 'failed')).toBe(0);
});

function overdue(page: string): number {
  const lines = page.split('\n').filter((line) => line.startsWith('watchkeeper_job_overdue_seconds{'));
  if (lines.length === 0) return Number.NaN;
  return lines.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0);
}

test('a daemon that is stopped in mid-backup is replaced by another one, and finishes nothing when it wakes', async () => {
  const { config, store } = await configure('stopped', '{ lease: 3s, retryDelay: 1s }');
  await using stopped = await startDaemon(config);
  const started = async () => (await readdir(join(store, 'shop')).catch(() => [])).length;
  await expect.poll(started, { timeout: 30_000, interval: 5 }).toBe(1);
  stopped.command.child.kill('SIGSTOP');
  // Whatever happens it must wake, or nobody could end it.
  using _awake = { [Symbol.dispose]: () => stopped.command.child.kill('SIGCONT') };
  const before = await finishedBackups(config);
  await using other = await startDaemon(config);

  await expect.poll(() => runsOf(other, 'backup', 'succeeded').length, { timeout: 90_000 }).toBe(1);
  const byOther = await finishedBackups(config);
  stopped.command.child.kill('SIGCONT');
  await expect
    .poll(() => runsOf(stopped, 'backup', 'skipped').length + runsOf(stopped, 'backup', 'failed').length, {
      timeout: 60_000,
    })
    .toBeGreaterThan(0);

  expect(before).toEqual([]);
  expect(byOther).toHaveLength(1);
  expect(await finishedBackups(config)).toEqual(byOther);
  expect(runsOf(stopped, 'backup', 'succeeded')).toEqual([]);
}, 180_000);
