import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { sealedJson } from '../../../src/jobs/sealed-json.ts';
import { formatConnectionUrl } from '../../../src/targets/libpq/connection.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { runCommand, writeConfig } from '../../support/command-line.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';

let cluster: Cluster;
let folder: WorkDirectory;
let config: readonly string[];
const store = () => join(folder.path, 'store');
const run = (...args: string[]) => runCommand([...config, ...args]);

beforeAll(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-reports-' });
  cluster = await startTestCluster();
  for (const name of ['one', 'two']) await createDatabase(cluster, name, 'CREATE TABLE t AS SELECT 1 AS id');
  config = await writeConfig(
    folder.path,
    `
stores: { local: { type: filesystem, path: ${store()} }, second: { type: filesystem, path: ${join(folder.path, 'second')} } }
jobs: { deleteGrace: 0s }
targets:
  shop:
    engine: postgres
    url: ${formatConnectionUrl(cluster.access.connection).replace(/[^/]*$/, 'one')}?sslmode=disable
    backups:
      nightly: { schedule: '0 2 * * *', databases: [one, two], stores: [local, second], keep: { last: 1 } }
`,
  );
}, 120_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

test('proofs of two databases in two stores make a chain each store, which a prune leaves whole', async () => {
  const none = await run('reports');
  await run('backup', 'shop');
  // At the same time, by two processes: each store has one chain.
  const proofs = await Promise.all([
    run('verify', 'shop', '--store', 'local'),
    run('verify', 'shop', '--store', 'second'),
  ]);
  await run('backup', 'shop');
  await execute(cluster, 'one', 'INSERT INTO t VALUES (2)');
  await run('verify', 'shop', '--store', 'local');
  const pruned = await run('prune', 'shop', '--apply', '--confirm-large');

  const whole = await run('reports', 'shop', '--json');

  expect(none).toMatchObject({ code: 0, out: expect.stringContaining('shop in store local: no reports') });
  expect(proofs.map(({ code }) => code)).toEqual([0, 0]);
  expect(pruned.code).toBe(0);
  expect(await readdir(join(store(), 'shop'))).toHaveLength(2);
  expect(whole.code).toBe(0);
  expect(JSON.parse(whole.out)).toMatchObject([
    { target: 'shop', store: 'local', reports: 4, older: 0, problems: [], head: { number: 4 } },
    { target: 'shop', store: 'second', reports: 2, older: 0, problems: [] },
  ]);
});

test('a report that was changed and sealed anew is named, and a head that was noted is asked for', async () => {
  const [local] = JSON.parse((await run('reports', 'shop', '--store', 'local', '--json')).out);
  const noted = `${local.head.number}:${local.head.sha256}`;
  const kept = await run('reports', 'shop', '--store', 'local', '--head', noted);
  const everywhere = await run('reports', 'shop', '--head', noted);
  const [backup = ''] = await readdir(join(store(), 'shop'));
  const name = (await readdir(join(store(), 'shop', backup))).find((one) => one.startsWith('verified-')) ?? '';
  const file = join(store(), 'shop', backup, name);
  const { sha256: _, ...report } = JSON.parse(await readFile(file, 'utf8'));
  await rm(file);
  await writeFile(file, sealedJson({ ...report, notes: ['all is well'] }));

  const changed = await run('reports', 'shop');

  expect(kept).toMatchObject({ code: 0, out: expect.stringContaining(`head ${noted}`) });
  expect(everywhere).toMatchObject({ code: 2, err: expect.stringContaining('--head is of one chain') });
  expect(changed.code).toBe(1);
  expect(changed.out).toContain(
    `shop in store local: BROKEN, first: report ${report.chain.number}, shop/${backup}/${name}`,
  );
  expect(changed.out).toMatch(/shop in store second: 2 reports, none changed or missing/);
});

test('cutting off the end is found by the noted head; wrong questions are told', async () => {
  const [local] = JSON.parse((await run('reports', 'shop', '--store', 'second', '--json')).out);
  await rm(join(folder.path, 'second/.proofs/shop/000000000002.json'));
  for (const backup of await readdir(join(folder.path, 'second/shop'))) {
    await rm(join(folder.path, 'second/shop', backup), { recursive: true });
  }

  const noted = `${local.head.number}:${local.head.sha256}`;
  const blind = await run('reports', 'shop', '--store', 'second');
  const knowing = await run('reports', 'shop', '--store', 'second', '--head', noted);
  const wrong = [await run('reports', 'nowhere'), await run('reports', 'shop', '--head', 'x')];

  expect(blind.code).toBe(0);
  expect(knowing).toMatchObject({ code: 1, out: expect.stringContaining('report 2 should have the hash') });
  expect(wrong.map(({ code }) => code)).toEqual([2, 2]);
});
