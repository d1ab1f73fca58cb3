import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { errorMessage } from '../../../src/core/errors.ts';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { ChunkHasher } from '../../../src/jobs/backup/hashing.ts';
import { copyBackup } from '../../../src/jobs/copy-backup.ts';
import { classifyFailure } from '../../../src/jobs/failure.ts';
import type { OpenedManifest } from '../../../src/jobs/manifest.ts';
import { restoreBackup } from '../../../src/jobs/restore-backup.ts';
import { selectSettings } from '../../../src/jobs/settings.ts';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession, quoteIdentifier } from '../../../src/targets/postgres/session.ts';
import { backUp, dumpMethod, openingTools, verify } from '../../support/keeping.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { testContext, testSignal } from '../../support/test-context.ts';

let cluster: Cluster;
let folder: WorkDirectory;
let spoolDirectory: string;
beforeAll(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-edges-' });
  spoolDirectory = join(folder.path, 'a spool: \'mine\' & "yours" %s $HOME');
  await mkdir(spoolDirectory);
  cluster = await startTestCluster();
});
afterAll(async () => {
  for (const one of [cluster, folder]) await one[Symbol.asyncDispose]();
});

type MethodOptions = NonNullable<Parameters<typeof dumpMethod>[0]>;

async function backedUp(access: PostgresAccess, given: MethodOptions = {}) {
  const store = new MemoryStore();
  const method = await dumpMethod({ directory: { spoolDirectory, parallelJobs: 4 }, ...given });
  return { store, method, manifest: await backUp(access, store, method) };
}

const partKey = ({ id }: OpenedManifest) => `shop/${id}/database.tar.zst`;

const awkwardNames = [
  'with space',
  ' leading and trailing ',
  "it's",
  'say "no"',
  'semi;colon--comment',
  'back\\slash',
  'line\nbreak',
  'tab\there',
  '-dash',
  '--exclude=x',
  '*.?',
  'per%cent',
  '$HOME',
  'ünïcödé таблица 表 🐘',
  'CamelCase',
  'select',
  'TABLE DATA public x',
  'a.b',
  'x'.repeat(63),
  'é'.repeat(31),
];

test('hundreds of tables, with names of every kind, come back from several jobs, and one of them alone', async () => {
  const named = awkwardNames.map((name, n) => {
    const table = quoteIdentifier(name);
    const schema = quoteIdentifier(`schema ${name}`.slice(0, 30));
    const key = quoteIdentifier(`key ${name}`.slice(0, 25));
    return `CREATE TABLE ${table} (${table} int CONSTRAINT ${key} PRIMARY KEY); COMMENT ON CONSTRAINT ${key} ON ${table} IS 'one';
      INSERT INTO ${table} SELECT generate_series(1, ${n + 1});
      CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.${table} AS SELECT * FROM ${table}`;
  });
  const many = `DO $$ BEGIN FOR n IN 1..500 LOOP EXECUTE format('CREATE TABLE small_%s AS SELECT %s AS n', n, n); END LOOP; END $$`;
  const access = await createDatabase(cluster, 'many', [...named, many].join(';\n'));

  const { store, method, manifest } = await backedUp(access);
  const proof = await verify(manifest, store, { method });
  const selection = { tables: ['"schema say ""no"""."say ""no"""', 'public."line\nbreak"'], schemas: [] };
  const request = { manifest, store, method, server: cluster.access, ...openingTools, selection } as const;
  const one = await restoreBackup({ ...request, database: 'one of many', onConflict: 'refuse' }, testContext());

  expect(proof.reason).toBeUndefined();
  expect(proof).toMatchObject({ verdict: 'proven', facts: { differing: [] } });
  expect(manifest.facts.items.filter(({ name }) => name.startsWith('rows '))).toHaveLength(540);
  expect(one).toMatchObject({ differing: [], factsCompared: 4 });
  expect(await execute(cluster, 'one of many', 'SELECT count(*) FROM "line\nbreak"')).toEqual([{ count: '7' }]);
  expect(await readdir(spoolDirectory)).toEqual([]);
});

test('a database without any table is proven', async () => {
  const { store, method, manifest } = await backedUp(await createDatabase(cluster, 'empty'));
  const select = selectSettings.parse({ content: 'data' });
  const onlyData = await backedUp(await createDatabase(cluster, 'emptier'), { select });

  const proofs = [await verify(manifest, store, { method }), await verify(onlyData.manifest, onlyData.store, onlyData)];

  expect(proofs).toMatchObject([{ verdict: 'proven' }, { verdict: 'proven' }]);
});

/** A transaction that waits for an exclusive lock on a table. */
async function waitingDrop(database: string, table: string) {
  const session = await openSession(
    { connection: { ...cluster.access.connection, database } },
    { signal: testSignal() },
  );
  const dropped = session.query(`DROP TABLE ${table}`, { signal: testSignal() });
  dropped.catch(() => undefined);
  return { dropped, [Symbol.asyncDispose]: () => session[Symbol.asyncDispose]() };
}

test('a table that somebody wants to drop while others are dumped ends the dump, for another try', async () => {
  const wide = (name: string) =>
    `CREATE TABLE ${name} AS SELECT n, repeat(md5(n::text), 200) AS t FROM generate_series(1, 20000) n`;
  const access = await createDatabase(cluster, 'changing', `${wide('a')}; ${wide('b')}; CREATE TABLE late (n int)`);
  const directory = { spoolDirectory, parallelJobs: 2 };
  const backup = backedUp(access, { directory, facts: 'rows' }).then(
    () => 'done',
    (thrown: unknown) => thrown,
  );
  const copying =
    "SELECT FROM pg_stat_activity WHERE datname = 'changing' AND query LIKE 'COPY public.%' AND state = 'active'";
  await expect.poll(() => execute(cluster, 'postgres', copying), { timeout: 30_000, interval: 5 }).toHaveLength(2);

  await using drop = await waitingDrop('changing', 'late');
  const failure = await backup;
  await drop.dropped;
  const again = await backedUp(access, { directory, facts: 'rows' });

  expect(classifyFailure(failure)).toMatchObject({ reason: 'source_changed', transient: true });
  expect(errorMessage(failure)).toContain('late');
  expect((await verify(again.manifest, again.store, { method: again.method })).verdict).toBe('proven');
  expect(await readdir(spoolDirectory)).toEqual([]);
});

/** The backup with another tar than the one that was stored, with the hashes of that one: as if it had been written so. */
function withTar(manifest: OpenedManifest, tar: Buffer) {
  const bytes = zstdCompressSync(tar);
  const [part] = manifest.parts;
  if (part === undefined) throw new Error('a backup has a part');
  const hasher = new ChunkHasher(part);
  hasher.update(bytes);
  const parts = [{ ...part, ...hasher.finish(), content: { sizeBytes: tar.length } }];
  const store = new MemoryStore();
  store.objects.set(partKey(manifest), { bytes, modifiedAt: new Date() });
  return { store, manifest: { ...manifest, parts } };
}

test('a tar that ends early is never proven, wherever it ends and whoever cut it', { timeout: 240_000 }, async () => {
  const sql =
    'CREATE TABLE t AS SELECT n, md5(n::text) FROM generate_series(1, 2000) n; CREATE TABLE u AS SELECT 1 AS a';
  const { store, method, manifest } = await backedUp(await createDatabase(cluster, 'cut', sql));
  const stored = store.objects.get(partKey(manifest))!;
  const tar = zstdDecompressSync(stored.bytes);
  const end = tar.findLastIndex((byte) => byte !== 0) + 1;
  const blocks = Math.ceil(end / 512);
  const cuts = [1, 2, 3, Math.floor(blocks / 3), Math.floor(blocks / 2), blocks - 2, blocks - 1].map((n) => n * 512);

  const verdicts: string[] = [];
  for (const length of cuts) {
    const cut = withTar(manifest, tar.subarray(0, length));
    verdicts.push((await verify(cut.manifest, cut.store, { method })).verdict);
  }
  const short = withTar(manifest, tar);
  const object = short.store.objects.get(partKey(manifest))!;
  object.bytes = object.bytes.subarray(0, object.bytes.length - 512);
  const shortened = await verify(short.manifest, short.store, { method });
  const whole = withTar(manifest, tar.subarray(0, blocks * 512));

  expect(verdicts).toEqual(cuts.map(() => 'failed'));
  expect(shortened).toMatchObject({ verdict: 'failed' });
  expect(shortened.reason).toContain('512 are missing');
  // Its last zeros say nothing but that it ends.
  expect((await verify(whole.manifest, whole.store, { method })).verdict).toBe('proven');
});

test('a copy in a second store is the same, byte for byte, and proven by itself; a damaged one is not copied', async () => {
  const sql = 'CREATE TABLE t AS SELECT n, md5(n::text) FROM generate_series(1, 2000) n';
  const { store, method, manifest } = await backedUp(await createDatabase(cluster, 'copied', sql));
  const [copy, none] = [new MemoryStore(), new MemoryStore()];

  await copyBackup({ manifest, source: store, destination: copy }, testContext());
  const proof = await verify(manifest, copy, { method });
  const object = store.objects.get(partKey(manifest))!;
  const original = object.bytes;
  object.bytes = Buffer.from(original);
  object.bytes[object.bytes.length - 100]! ^= 1;
  const refused = copyBackup({ manifest, source: store, destination: none }, testContext());

  await expect(refused).rejects.toMatchObject({ reason: 'damaged' });
  expect(none.objects.has(partKey(manifest))).toBe(false);
  expect(copy.objects.get(partKey(manifest))?.bytes.equals(original)).toBe(true);
  expect(proof).toMatchObject({ verdict: 'proven', facts: { differing: [] } });
});
