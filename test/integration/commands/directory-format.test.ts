import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { formatConnectionUrl } from '../../../src/targets/libpq/connection.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { runCommand, startCommand, writeConfig } from '../../support/command-line.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';

const shopSql = `CREATE TABLE orders AS SELECT n AS id, md5(n::text) AS t FROM generate_series(1, 5000) n;
  CREATE TABLE customers (id int PRIMARY KEY, name text); INSERT INTO customers SELECT n, 'c' || n FROM generate_series(1, 100) n`;

let cluster: Cluster;
let folder: WorkDirectory;
beforeAll(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-folder-' });
  cluster = await startTestCluster();
  await createDatabase(cluster, 'shop', shopSql);
});
afterAll(async () => {
  for (const one of [cluster, folder]) await one[Symbol.asyncDispose]();
});

/** A schedule that keeps in two stores; the spool is given as people write it, beside the file. */
async function configured(database: string) {
  const own = await mkdtemp(join(folder.path, 'case-'));
  const spool = join(own, 'spool');
  await mkdir(spool);
  const url = formatConnectionUrl(cluster.access.connection).replace(/[^/]*$/, database);
  const config = await writeConfig(
    own,
    `
stores:
  near: { type: filesystem, path: ${own}/near }
  far: { type: filesystem, path: ${own}/far }
targets:
  shop:
    engine: postgres
    url: ${url}?sslmode=disable
    backups:
      nightly: { schedule: '0 2 * * *', keep: { last: 1 }, stores: [near, far], format: directory, parallelJobs: 3, spoolDirectory: ./spool }
`,
  );
  return { own, spool, config };
}

test('back up into two stores, prove, look, restore all and a part of it', async () => {
  const { own, spool, config } = await configured('shop');
  const run = (...args: string[]) => runCommand([...config, ...args]);

  const taken = await run('backup', 'shop');
  const proven = await run('verify', 'shop', '--json');
  const planned = await run('restore', 'shop/shop', '--into', 'copy', '--dry-run');
  const dryRun = [...config, 'restore', 'shop/shop', '--into', 'copy', '--dry-run'];
  const withoutTar = await runCommand(dryRun, { PATH: join(own, 'spool') });
  const restored = await run('restore', 'shop/shop', '--into', 'copy', '--json');
  const part = await run('restore', 'shop/shop', '--into', 'part', '--table', 'public.customers', '--json');

  expect(taken).toMatchObject({ code: 0 });
  const [id = ''] = await readdir(join(own, 'near', 'shop'));
  const kept = await readdir(join(own, 'far', 'shop', id));
  expect(kept).toEqual(expect.arrayContaining(['database.tar.zst', 'manifest.json', 'started.json']));
  expect(JSON.parse(proven.out)).toEqual(
    expect.arrayContaining([expect.objectContaining({ backup: id, verdict: 'proven', differing: 0 })]),
  );
  expect(planned).toMatchObject({ code: 0 });
  expect(planned.out).toContain(`nothing hinders restoring ${id} into "copy"`);
  expect(planned.out).toMatch(/✓ tar is \//);
  expect(withoutTar).toMatchObject({ code: 1 });
  expect(withoutTar.out).toMatch(
    /✗ tar is not installed: the dump is in directory format\n\s+→ install the package tar/,
  );
  expect(JSON.parse(restored.out)).toMatchObject({ backup: id, equal: true });
  expect(JSON.parse(part.out)).toMatchObject({ backup: id, equal: true });
  expect(await execute(cluster, 'part', 'SELECT count(*) FROM customers')).toEqual([{ count: '100' }]);
  expect(await execute(cluster, 'part', 'SELECT count(*) FROM orders')).toEqual([{ count: '0' }]);
  expect(await readdir(spool)).toEqual([]);
});

test('retention removes a backup of this format whole, from every store', async () => {
  const { own, config } = await configured('shop');
  await runCommand([...config, 'backup', 'shop']);
  await runCommand([...config, 'backup', 'shop']);
  const [older = '', newer = ''] = (await readdir(join(own, 'near', 'shop'))).sort();

  const { code } = await runCommand([...config, 'prune', '--apply', '--confirm-large', '--skip-grace']);

  expect(code).toBe(0);
  for (const store of ['near', 'far']) {
    const left = await readdir(join(own, store, 'shop'), { recursive: true });
    expect(left.filter((name) => name.startsWith(older))).toEqual([]);
    expect(left).toContain(`${newer}/database.tar.zst`);
  }
});

test('a check tells whether the spool is there, and what is free', async () => {
  const { spool, config } = await configured('shop');
  const there = await runCommand([...config, 'check']);
  await rm(spool, { recursive: true });

  const gone = await runCommand([...config, 'check']);

  expect(there.code).toBe(0);
  expect(there.out).toMatch(new RegExp(`B are free in ${spool}`));
  expect(gone.code).toBe(1);
  expect(gone.out).toContain(`the spool directory ${spool} cannot be used`);
});

test('what a process that was killed in mid-dump left in the spool is swept by the next one, and nobody dumps on', async () => {
  await createDatabase(cluster, 'held', shopSql.replace('5000', '300000'));
  const { spool, config } = await configured('held');
  await writeFile(join(spool, 'not-ours'), '');
  const killed = startCommand([...config, 'backup', 'shop']);
  const growing = async () => (await readdir(spool, { recursive: true })).filter((name) => name.endsWith('/database'));
  await expect.poll(growing, { timeout: 20_000, interval: 5 }).toHaveLength(1);
  killed.child.kill('SIGKILL');
  await killed.exited;

  const dumping = "SELECT FROM pg_stat_activity WHERE datname = 'held'";
  await expect.poll(() => execute(cluster, 'postgres', dumping), { timeout: 20_000 }).toEqual([]);
  const taken = await runCommand([...config, 'backup', 'shop']);

  expect(taken).toMatchObject({ code: 0 });
  expect(await readdir(spool)).toEqual(['not-ours']);
});

test('the format without a spool, and for what has no database, is refused with the setting', async () => {
  const own = await mkdtemp(join(folder.path, 'case-'));
  const config = await writeConfig(
    own,
    `
targets:
  shop:
    engine: postgres
    url: postgres://127.0.0.1/shop
    backups:
      nightly: { schedule: '0 2 * * *', format: directory }
      roles: { schedule: '0 3 * * *', method: globals, format: directory, spoolDirectory: /tmp }
`,
  );

  const checked = await runCommand([...config, 'list']);

  expect(checked.code).toBe(2);
  expect(checked.err).toContain('format: directory needs spoolDirectory: a folder with room for a whole dump');
  expect(checked.err).toContain('format: has no meaning with method globals');
});
