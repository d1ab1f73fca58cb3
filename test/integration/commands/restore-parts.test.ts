import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { formatConnectionUrl } from '../../../src/targets/libpq/connection.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { newIdentity } from '../../support/age.ts';
import { runCommand, writeConfig } from '../../support/command-line.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';

let cluster: Cluster;
let folder: WorkDirectory;
beforeAll(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-parts-' });
  cluster = await startTestCluster();
  await createDatabase(
    cluster,
    'shop',
    'CREATE TABLE orders AS SELECT n FROM generate_series(1, 100) n; CREATE TABLE log AS SELECT 1 AS line; CREATE TABLE shops (id int PRIMARY KEY); CREATE TABLE tills (shop int REFERENCES shops)',
  );
}, 120_000);
afterAll(async () => {
  for (const one of [cluster, folder]) await one[Symbol.asyncDispose]();
});

/** A store of its own, with backups of these schedules, one after the other, all proven. */
async function proven(schedules: Readonly<Record<string, string>>, encryption = '', key = '') {
  const own = await mkdtemp(join(folder.path, 'case-'));
  await writeFile(join(own, 'key.txt'), key, { mode: 0o600 });
  const lines = Object.entries(schedules).map(([name, more]) => `      ${name}: { schedule: '0 2 * * *'${more} }`);
  const config = await writeConfig(
    own,
    `
stores: { local: { type: filesystem, path: store } }
${encryption}
targets:
  shop:
    engine: postgres
    url: ${formatConnectionUrl(cluster.access.connection).replace(/[^/]*$/, 'shop')}?sslmode=disable
    backups:
${lines.join('\n')}
`,
  );
  const ids: Record<string, string> = {};
  for (const schedule of Object.keys(schedules)) {
    const { out, code, err } = await runCommand([...config, 'backup', 'shop', schedule, '--json']);
    expect(code, err).toBe(0);
    ids[schedule] = JSON.parse(out)[0].backup;
  }
  for (const id of Object.values(ids)) expect(await runCommand([...config, 'verify', id])).toMatchObject({ code: 0 });
  return { ids, restore: (...args: string[]) => runCommand([...config, 'restore', ...args]), config };
}

const parts = {
  nightly: '',
  definitions: ', select: { content: schema }',
  orders: ", select: { tables: ['public.orders'] }",
  roles: ', method: globals',
};

test('a database means its newest proven backup of all of it, however new those of a part are', async () => {
  const { ids, restore, config } = await proven(parts);

  const restored = await restore('shop/shop', '--into', 'all', '--json');
  const guide = await restore('shop');
  const list = JSON.parse((await runCommand([...config, 'list', '--json'])).out);

  expect(restored.code, restored.err).toBe(0);
  expect(JSON.parse(restored.out)).toMatchObject({ backup: ids['nightly'], equal: true, notes: [] });
  expect(guide.out).toMatch(new RegExp(`newest proven  ${ids['nightly']}, state of`));
  expect(guide.out).toMatch(new RegExp(`a part of it   ${ids['orders']}, table public.orders, state of`));
  expect(guide.out).toMatch(new RegExp(`a part of it   ${ids['definitions']}, definitions without rows, state of`));
  expect(guide.out).toContain('load its SQL with psql: docs/backup-format.md');
  expect(guide.out).not.toContain(`restore ${ids['roles']}`);
  expect(list.map((one: { holds: string }) => one.holds)).toEqual([
    'roles and tablespaces',
    'table public.orders',
    'definitions without rows',
    'the whole database',
  ]);
}, 240_000);

test('a part never takes the place of a database, and beside it is told for what it is', async () => {
  const { ids, restore } = await proven({ definitions: parts.definitions });

  const unnamed = await restore('shop/shop', '--into', 'definitions');
  const replacing = await restore(ids['definitions']!, '--into', 'shop', '--replace', 'shop');
  const tried = await restore(ids['definitions']!, '--into', 'shop', '--replace', 'shop', '--dry-run');
  const beside = await restore(ids['definitions']!, '--into', 'definitions', '--json');
  const again = await restore(ids['definitions']!, '--into', 'definitions');
  const tables = await restore(ids['definitions']!, '--into', 'definitions', '--table', 'public.log', '--dry-run');

  expect(unnamed.code).toBe(6);
  expect(unnamed.err).toContain(`The newest, ${ids['definitions']}, holds definitions without rows`);
  expect(replacing.code).toBe(6);
  expect(replacing.err).toContain('cannot take the place of a whole database');
  expect(tried.code).toBe(1);
  expect(await execute(cluster, 'shop', 'SELECT count(*) FROM orders')).toEqual([{ count: '100' }]);
  expect(JSON.parse(beside.out).notes).toEqual(['the backup holds definitions without rows']);
  expect(again.err).toMatch(/"definitions" exists already; nothing was touched. Choose another name\n/);
  expect(tables.out).toMatch(/"definitions" exists already\n +→ choose another name\n/);
}, 240_000);

test('where newer backups leave something out that older ones hold, a person says which is meant', async () => {
  const without = ", select: { excludeTableData: ['public.log'] }";
  const both = await proven({ nightly: '', hourly: without });
  const alone = await proven({ hourly: without });

  const refused = await both.restore('shop/shop', '--into', 'unclear');
  const taken = await alone.restore('shop/shop', '--into', 'reduced', '--json');
  const guide = await both.restore('shop/shop');

  expect(refused.code).toBe(6);
  expect(refused.err).toContain(`${both.ids['hourly']} (state of`);
  expect(refused.err).toContain('holds the whole database without rows of table public.log');
  expect(refused.err).toContain(`that leaves nothing out is ${both.ids['nightly']} (state of`);
  expect(guide.out).toMatch(new RegExp(`newest proven  ${both.ids['nightly']}, state of`));
  expect(guide.out).toMatch(
    new RegExp(`a part of it   ${both.ids['hourly']}, the whole database without rows of table`),
  );
  expect(guide.out).toContain(`restore ${both.ids['nightly']} --into shop --replace shop`);
  expect(JSON.parse(taken.out).notes).toEqual(['the backup holds the whole database without rows of table public.log']);
}, 240_000);

test('what an encrypted backup holds is found out with the identity', async () => {
  const { recipient, key } = await newIdentity();
  const encryption = `encryption: { recipients: [${recipient}], identities: ['file:key.txt'] }`;
  const { ids, restore } = await proven(
    { nightly: '', definitions: parts.definitions },
    encryption,
    `${key.reveal()}\n`,
  );

  const { out, err } = await restore('shop/shop', '--into', 'sealed', '--json');

  expect(err).not.toContain('refused');
  expect(JSON.parse(out).backup).toBe(ids['nightly']);
}, 240_000);

test('foreign keys that a backup cannot restore are told before it is restored', async () => {
  const { ids, restore, config } = await proven({ tills: ", select: { tables: ['public.tills'] }" });

  const tried = await restore(ids['tills']!, '--into', 'tills_only', '--dry-run');
  const again = await runCommand([...config, 'verify', 'shop']);

  expect(tried.code).toBe(0);
  expect(again.out).toMatch(
    / \(not made are foreign keys to what the backup does not hold: tills_shop_fkey of public.tills\), in /,
  );
  expect(tried.out).toContain(
    '! not made are foreign keys to what the backup does not hold: tills_shop_fkey of public.tills',
  );
}, 240_000);
