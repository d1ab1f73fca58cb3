import { readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeWorkDirectory } from '../../../src/core/work-directory.ts';
import { formatConnectionUrl } from '../../../src/targets/libpq/connection.ts';
import { runCommand, writeConfig } from '../../support/command-line.ts';
import { startDaemon } from '../../support/daemon.ts';
import { createDatabase, startTestCluster } from '../../support/postgres.ts';

test('a pin holds every copy in every store, and says where it could not', async () => {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-pin-' });
  await using cluster = await startTestCluster();
  await createDatabase(cluster, 'shop', 'CREATE TABLE orders AS SELECT 1 AS id');
  const [near, far] = ['near', 'far'].map((name) => join(folder.path, name)) as [string, string];
  const config = await writeConfig(
    folder.path,
    `
stores: { near: { type: filesystem, path: ${near} }, far: { type: filesystem, path: ${far} } }
jobs: { deleteGrace: 0s }
targets:
  shop:
    engine: postgres
    url: ${formatConnectionUrl(cluster.access.connection).replace(/[^/]*$/, 'shop')}?sslmode=disable
    backups: { nightly: { schedule: '0 2 * * *', stores: [near, far], keep: { last: 1 }, verify: false } }
`,
  );
  const run = (...args: string[]) => runCommand([...config, ...args]);
  const idsIn = async (store: string) => (await readdir(join(store, 'shop'))).sort();
  const prune = () => run('prune', '--apply', '--confirm-large');
  for (let more = 0; more < 2; more++) await run('backup', 'shop');
  const [oldest = '', newest = ''] = await idsIn(near);

  const pinned = await run('pin', oldest, '--json');
  await prune();
  const kept = [await idsIn(near), await idsIn(far)];
  // A folder that leads nowhere: nobody can tell what is in it.
  await rename(far, `${far}-aside`);
  await symlink(far, far);
  const partly = await run('unpin', oldest);
  await rm(far);
  await rename(`${far}-aside`, far);
  const unpinned = await run('unpin', oldest);
  await prune();

  expect(pinned.code).toBe(0);
  expect(JSON.parse(pinned.out)).toMatchObject({
    backup: oldest,
    pinned: true,
    stores: ['near', 'far'],
    unreadable: [],
  });
  expect(kept).toEqual([
    [oldest, newest],
    [oldest, newest],
  ]);
  expect(partly.code).toBe(1);
  expect(partly.out).toContain('is no longer pinned: the policy decides (in near)');
  expect(partly.err).toContain('nothing was changed in far');
  expect(unpinned).toMatchObject({ code: 0, out: expect.stringContaining('(in near, far)') });
  expect([await idsIn(near), await idsIn(far)]).toEqual([[newest], [newest]]);
});

test('a copy that is made after the pin has it, and unpin takes both away', async () => {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-late-pin-' });
  await using cluster = await startTestCluster();
  await createDatabase(cluster, 'shop', 'CREATE TABLE orders AS SELECT 1 AS id');
  const [near, far] = ['near', 'far'].map((name) => join(folder.path, name)) as [string, string];
  const config = await writeConfig(
    folder.path,
    `
listen: 127.0.0.1:0
stores: { near: { type: filesystem, path: ${near} }, far: { type: filesystem, path: ${far} } }
targets:
  shop:
    engine: postgres
    url: ${formatConnectionUrl(cluster.access.connection).replace(/[^/]*$/, 'shop')}?sslmode=disable
    backups: { yearly: { schedule: '0 2 1 1 *', stores: [near, far], keep: { last: 1 }, verify: false } }
`,
  );
  const run = (...args: string[]) => runCommand([...config, ...args]);
  const pinsIn = async (store: string, id: string) => readdir(join(store, '.retention/shop', id)).catch(() => []);
  await run('backup', 'shop');
  await rm(far, { recursive: true });
  const [id = ''] = await readdir(join(near, 'shop'));

  const pinned = await run('pin', id, '--until', '90d', '--reason', 'before the migration', '--json');
  await using daemon = await startDaemon(config);
  await daemon.untilLogged('a copy', ({ job, msg }) => job === 'copy' && msg === 'job succeeded');
  const pins = await Promise.all(
    [near, far].map(async (store) =>
      JSON.parse(await readFile(join(store, '.retention/shop', id, 'pinned.json'), 'utf8')),
    ),
  );
  const unpinned = await run('unpin', id, '--json');

  expect(JSON.parse(pinned.out)).toMatchObject({ stores: ['near'] });
  expect(pins[1]).toEqual(pins[0]);
  expect(pins[1]).toMatchObject({
    reason: 'before the migration',
    until: JSON.parse(pinned.out).until,
  });
  expect(JSON.parse(unpinned.out)).toMatchObject({ stores: ['near', 'far'], unreadable: [] });
  expect([await pinsIn(near, id), await pinsIn(far, id)]).toEqual([[], []]);
}, 120_000);
