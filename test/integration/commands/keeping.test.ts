import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { formatConnectionUrl } from '../../../src/targets/libpq/connection.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { runCommand, startCommand, writeConfig } from '../../support/command-line.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';

const ordersSql = `CREATE TABLE orders AS SELECT n AS id, md5(n::text) || md5((n * 7)::text) AS t
  FROM generate_series(1, 150000) n`;

let cluster: Cluster;
let folder: WorkDirectory;
let config: readonly string[];
let store: string;

async function freshStore(jobs = '{ leftoverGrace: 0s, deleteGrace: 0s }'): Promise<void> {
  const own = await mkdtemp(join(folder.path, 'case-'));
  store = join(own, 'store');
  config = await writeConfig(
    own,
    `
stores: { local: { type: filesystem, path: ${store} } }
jobs: ${jobs}
targets:
  shop:
    engine: postgres
    url: ${formatConnectionUrl(cluster.access.connection).replace(/[^/]*$/, 'shop')}?sslmode=disable
    backups:
      nightly: { schedule: '0 2 * * *', keep: { last: 2 } }
`,
  );
}

beforeAll(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-cli-' });
  cluster = await startTestCluster();
  await createDatabase(cluster, 'shop', ordersSql);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const backupIds = async () => (await readdir(join(store, 'shop')).catch(() => [])).sort();

test('back up, verify, list, restore, prune: the whole life of a backup', async () => {
  await freshStore();

  const taken = await runCommand([...config, 'backup', 'shop']);
  const [id = ''] = await backupIds();
  const verified = await runCommand([...config, 'verify', 'shop', '--json']);
  const listed = await runCommand([...config, 'list', '--json']);
  const restored = await runCommand([...config, 'restore', id, '--into', 'shop_copy', '--json']);
  for (let more = 0; more < 3; more++) await runCommand([...config, 'backup', 'shop', 'nightly']);
  const planned = await runCommand([...config, 'prune', 'shop']);
  const applied = await runCommand([...config, 'prune', 'shop', '--apply']);

  expect(taken).toMatchObject({ code: 0 });
  expect(taken.out).toContain(`backup shop/nightly/shop: ${id}, `);
  expect(verified).toMatchObject({ code: 0 });
  expect(JSON.parse(verified.out)).toMatchObject([
    { status: 'succeeded', backup: id, verdict: 'proven', differing: 0 },
  ]);
  expect(JSON.parse(listed.out)).toMatchObject([{ id, proven: true, database: 'shop' }]);
  expect(JSON.parse(restored.out)).toMatchObject({ backup: id, equal: true, database: 'shop_copy' });
  expect(await execute(cluster, 'shop_copy', 'SELECT count(*) FROM orders')).toEqual([{ count: '150000' }]);
  expect(planned.out).toMatch(/keep +\S+ .*newest, last 2/);
  expect(planned.out).toMatch(new RegExp(`keep +${id} .* proven .*newest proven`));
  expect(planned.out.match(/^DELETE/gm)).toHaveLength(1);
  expect(applied.out).toContain('1 backups and 0 leftovers removed');
  expect(await backupIds()).toHaveLength(3);
});

test('backups of a schedule that was renamed do not keep those of the others from being proven', async () => {
  await freshStore();
  await runCommand([...config, 'backup', 'shop']);
  const [old = ''] = await backupIds();
  const file = config.at(-1) ?? '';
  const renamed = (await readFile(file, 'utf8')).replace('nightly:', 'evening:');
  await writeFile(file, renamed);

  const alone = await runCommand([...config, 'verify', 'shop']);
  await runCommand([...config, 'backup', 'shop']);
  const both = await runCommand([...config, 'verify', 'shop']);

  const unknown = `shop/nightly/shop in store local is no longer configured: it is not known how to prove backup ${old}`;
  expect([alone.code, both.code]).toEqual([2, 0]);
  expect(alone.err).toContain(unknown);
  expect(both.err).toContain(unknown);
  expect(both.out).toContain('verify shop/evening/shop: ');
  expect(both.out).toContain(' is PROVEN, ');
});

test('a pinned backup outlives the policy, what is marked can be saved, and a wrong date is told', async () => {
  await freshStore('{ leftoverGrace: 0s }');
  for (let more = 0; more < 3; more++) await runCommand([...config, 'backup', 'shop']);
  const [oldest = '', ...others] = await backupIds();

  const marked = await runCommand([...config, 'prune', '--apply']);
  const listed = await runCommand([...config, 'list']);
  const pinned = await runCommand([...config, 'pin', oldest, '--until', '30d', '--reason', 'the audit']);
  const spared = await runCommand([...config, 'prune', '--apply', '--skip-grace']);
  const shown = await runCommand([...config, 'prune']);
  const kept = await backupIds();
  const unpinned = await runCommand([...config, 'unpin', oldest]);
  const planned = await runCommand([...config, 'prune']);
  const removed = await runCommand([...config, 'prune', '--apply', '--skip-grace']);
  const wrong = await runCommand([...config, 'pin', others[0] ?? '', '--until', 'yesterday']);
  const past = await runCommand([...config, 'pin', others[0] ?? '', '--until', '2020-01-01']);

  expect(marked.out).toContain('0 backups and 0 leftovers removed, 1 marked for deletion');
  expect(listed.out).toMatch(new RegExp(`${oldest} .*marked for deletion`));
  expect(pinned).toMatchObject({ code: 0 });
  expect(spared.out).toContain('1 kept again');
  expect(shown.out).toMatch(new RegExp(`keep +${oldest} .*pinned until .*: the audit`));
  expect(kept).toHaveLength(3);
  expect(unpinned).toMatchObject({ code: 0 });
  expect(planned.out).toMatch(new RegExp(`MARK +${oldest}`));
  expect(removed.out).toContain('1 backups and 0 leftovers removed');
  expect(await backupIds()).toEqual(others);
  expect([wrong.code, past.code]).toEqual([2, 2]);
});

test('a restore never touches an existing database, unless its name is typed twice, and then keeps it', async () => {
  await freshStore();
  await createDatabase(cluster, 'precious', 'CREATE TABLE mine (a int)');
  await runCommand([...config, 'backup', 'shop']);
  const [id = ''] = await backupIds();

  const refused = await runCommand([...config, 'restore', id, '--into', 'precious']);
  const mistyped = await runCommand([...config, 'restore', id, '--into', 'precious', '--replace', 'precous']);
  const still = await execute(cluster, 'precious', 'SELECT count(*) FROM mine');
  const replaced = await runCommand([
    ...config,
    'restore',
    id,
    '--into',
    'precious',
    '--replace',
    'precious',
    '--json',
  ]);

  expect(refused).toMatchObject({ code: 6 });
  expect(refused.err).toContain('database "precious" exists already; nothing was touched');
  expect(mistyped).toMatchObject({ code: 6 });
  expect(still).toEqual([{ count: '0' }]);
  expect(replaced).toMatchObject({ code: 0 });
  const kept = JSON.parse(replaced.out).replaced as string;
  expect(await execute(cluster, kept, 'SELECT count(*) FROM mine')).toEqual([{ count: '0' }]);
  expect(await execute(cluster, 'precious', 'SELECT count(*) FROM orders')).toEqual([{ count: '150000' }]);
});

test('a restore goes to any server that libpq could be told, and takes no password from the arguments', async () => {
  await freshStore();
  await runCommand([...config, 'backup', 'shop']);
  const [id = ''] = await backupIds();
  const { host, port } = cluster.access.connection;
  await execute(cluster, 'postgres', "CREATE ROLE elsewhere LOGIN CREATEDB PASSWORD 'hunter2'");
  const services = join(folder.path, 'services.conf');
  await writeFile(
    services,
    `[away]\nhost=127.0.0.1,${host}\nport=1,${port}\nuser=elsewhere\npassword=hunter2\nsslmode=disable\n`,
  );
  const restore = (into: string, server: string, env: Record<string, string> = {}) =>
    runCommand([...config, 'restore', id, '--into', into, '--server', server], env);

  const byService = await restore('by_service', 'service=away', { PGSERVICEFILE: services });
  const byPairs = await restore('by_pairs', `host=${host} port=${port} user=elsewhere`, {
    WATCHKEEPER_RESTORE_PASSWORD: 'hunter2',
  });
  const shown = [
    await restore('shown', `host=${host} port=${port} user=elsewhere password=hunter2`),
    await restore('shown', `postgres://elsewhere@${host}:${port}/postgres?password=hunter2`),
    await restore('shown', `postgres://elsewhere:hunter2@${host}:${port}/postgres`),
  ];
  const mistake = await restore('mistake', `postgres://elsewhere@${host}:${port}/postgres?sslmod=hunter2`);

  expect([byService, byPairs]).toMatchObject([{ code: 0 }, { code: 0 }]);
  for (const { code, err } of shown) {
    expect(code).toBe(2);
    expect(err).toContain('put it into WATCHKEEPER_RESTORE_PASSWORD');
  }
  expect(mistake.code).toBe(2);
  expect(mistake.err).toContain('--server has a parameter that libpq does not know; did you mean "sslmode"?');
  for (const { out, err } of [byService, byPairs, ...shown, mistake]) expect(out + err).not.toContain('hunter2');
});

test('a damaged backup is not proven: exit code 3, and the list says so', async () => {
  await freshStore();
  await runCommand([...config, 'backup', 'shop']);
  const [id = ''] = await backupIds();
  await using file = await open(join(store, 'shop', id, 'database.dump.zst'), 'r+');
  await file.write(Buffer.from([0xff, 0x00, 0xff]), 0, 3, 1_000_000);

  const verified = await runCommand([...config, 'verify', id]);
  const listed = await runCommand([...config, 'list']);
  const restored = await runCommand([...config, 'restore', id, '--into', 'never']);

  expect(verified).toMatchObject({ code: 3 });
  expect(verified.err).toContain('part database.dump.zst is damaged: bytes 0 to');
  expect(listed.out).toContain('NOT PROVEN');
  expect(restored).toMatchObject({ code: 1 });
  expect(await execute(cluster, 'postgres', "SELECT FROM pg_database WHERE datname = 'never'")).toEqual([]);
});

test('a backup whose part was deleted in the store is told by every command, and the one before it is restored', async () => {
  await freshStore();
  await runCommand([...config, 'backup', 'shop']);
  const [older = ''] = await backupIds();
  await runCommand([...config, 'backup', 'shop']);
  const newer = (await backupIds()).find((id) => id !== older) ?? '';
  for (const id of [older, newer]) await runCommand([...config, 'verify', id]);
  await rm(join(store, 'shop', newer, 'database.dump.zst'));

  const listed = await runCommand([...config, 'list']);
  const json = await runCommand([...config, 'list', '--json']);
  const guided = await runCommand([...config, 'restore']);
  const doctor = await runCommand([...config, 'doctor']);
  const dry = await runCommand([...config, 'restore', 'shop/shop', '--into', 'never', '--dry-run']);
  const pruned = await runCommand([...config, 'prune', 'shop']);
  const verified = await runCommand([...config, 'verify', newer]);
  await writeFile(join(store, 'shop', newer, 'manifest.json'), '{');
  const unreadable = await runCommand([...config, 'list']);

  expect(unreadable.out).not.toContain(newer);
  expect(unreadable.err).toContain(
    `backup ${newer} in store "local" has a manifest that cannot be read: not valid JSON`,
  );
  expect(listed.err).toBe('');
  expect(listed.out).toMatch(new RegExp(`${newer} .*INCOMPLETE: lacks database.dump.zst`));
  expect(listed.out).toMatch(new RegExp(`${older} .* proven`));
  expect(JSON.parse(json.out)).toMatchObject([
    { id: newer, proven: false, missingParts: ['database.dump.zst'] },
    { id: older, proven: true, missingParts: [] },
  ]);
  expect(guided.out).toContain(`newest proven  ${older}`);
  expect(guided.out).not.toContain(newer);
  expect(doctor).toMatchObject({ code: 1 });
  expect(doctor.out).toContain(`backup ${newer} is incomplete, the store lacks database.dump.zst`);
  expect(dry.out).toContain(older);
  expect(pruned.out).toMatch(new RegExp(`keep +${newer} .*a part of it is missing`));
  expect(pruned.out).toMatch(new RegExp(`keep +${older} .*newest, newest proven`));
  expect(verified).toMatchObject({ code: 3 });
});

test('while one process backs up, another one is told so: exit code 5', async () => {
  await freshStore();
  const first = startCommand([...config, 'backup', 'shop']);
  await first.untilErr('dumping');
  first.child.kill('SIGSTOP');

  const second = await runCommand([...config, 'backup', 'shop']);
  first.child.kill('SIGCONT');

  expect(second).toMatchObject({ code: 5 });
  expect(second.err).toContain('another process is at it');
  expect(await first.exited).toBe(0);
});

test('a process killed at any moment of a backup leaves no false success, and the next run is fine', async () => {
  await freshStore();
  const finished = new Set<string>();
  for (let round = 0; round < 8; round++) {
    const command = startCommand([...config, 'backup', 'shop']);
    await delay(250 + Math.random() * 500);
    command.child.kill('SIGKILL');
    await command.exited;
    const listed = JSON.parse((await runCommand([...config, 'list', '--json'])).out) as { id: string }[];
    for (const { id } of listed) {
      expect(await readdir(join(store, 'shop', id))).toEqual(['database.dump.zst', 'manifest.json', 'started.json']);
      finished.add(id);
    }
    // What was finished once stays.
    expect(new Set(listed.map(({ id }) => id))).toEqual(finished);
  }

  const next = await runCommand([...config, 'backup', 'shop']);
  const verified = await runCommand([...config, 'verify', 'shop']);
  await runCommand([...config, 'prune', '--apply', '--confirm-large']);

  expect(next).toMatchObject({ code: 0 });
  expect(verified).toMatchObject({ code: 0 });
  for (const id of await backupIds()) {
    const names = await readdir(join(store, 'shop', id));
    // Killed after the folder was made and before its first object was there: an empty folder holds no object.
    if (names.length > 0) expect(names).toContain('manifest.json');
  }
  expect(await readdir(join(store, '.growing'))).toEqual([]);
});

test.each(['dumping', 'fetching', 'starting a throw-away server', 'restoring', 'comparing'])(
  'SIGTERM while %s ends the work with exit code 130 and leaves nothing running',
  async (phase) => {
    await freshStore();
    if (phase !== 'dumping') await runCommand([...config, 'backup', 'shop']);
    const command = startCommand([...config, phase === 'dumping' ? 'backup' : 'verify', 'shop']);
    await command.untilErr(phase);

    command.child.kill('SIGTERM');

    expect(await command.exited).toBe(130);
    expect(command.err()).toContain('cancelled');
    const left = (await readdir(tmpdir())).filter((name) => name.includes(`-${command.child.pid}-`));
    expect(left).toEqual([]);
    const listed = JSON.parse((await runCommand([...config, 'list', '--json'])).out);
    expect(listed).toHaveLength(phase === 'dumping' ? 0 : 1);
  },
);
