import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorMessage } from '../../../src/core/errors.ts';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { measureDatabase } from '../../../src/jobs/backup/measure-database.ts';
import { compareFacts } from '../../../src/jobs/compare-facts.ts';
import { classifyFailure } from '../../../src/jobs/failure.ts';
import { restoreBackup } from '../../../src/jobs/restore-backup.ts';
import { selectSettings } from '../../../src/jobs/settings.ts';
import { type PostgresAccess, withDatabase } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { libpqEnvironment } from '../../../src/targets/postgres/libpq.ts';
import { newIdentity } from '../../support/age.ts';
import { everythingRolesSql, everythingSql } from '../../support/everything-database.ts';
import { gatedStore } from '../../support/gated-store.ts';
import { backUp, dumpMethod, openingTools, verify } from '../../support/keeping.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { createDatabase, execute, startTestCluster, startTestStandby } from '../../support/postgres.ts';
import { mountSmallFilesystem } from '../../support/small-filesystem.ts';
import { testContext } from '../../support/test-context.ts';

let cluster: Cluster;
let everything: PostgresAccess;
let spool: WorkDirectory;
beforeAll(async () => {
  spool = await makeWorkDirectory({ prefix: 'watchkeeper-test-spool-' });
  cluster = await startTestCluster({ settings: { wal_level: 'logical', max_wal_senders: '4' } });
  await execute(cluster, 'postgres', everythingRolesSql);
  everything = await createDatabase(cluster, 'everything', everythingSql(cluster.installation.major * 10_000));
});
afterAll(async () => {
  for (const one of [cluster, spool]) await one[Symbol.asyncDispose]();
});

type MethodOptions = Parameters<typeof dumpMethod>[0];

function inDirectoryFormat(given: MethodOptions = {}, spoolDirectory = spool.path) {
  return dumpMethod({ directory: { spoolDirectory, parallelJobs: 3 }, ...given });
}

async function backedUp(access: PostgresAccess, given: MethodOptions = {}) {
  const store = new MemoryStore();
  return { store, manifest: await backUp(access, store, await inDirectoryFormat(given)) };
}

async function failureOf(work: Promise<unknown>) {
  const error = await work.then(
    () => Promise.reject(new Error('it did not fail')),
    (thrown: unknown) => thrown,
  );
  return { ...classifyFailure(error), message: errorMessage(error) };
}

test('a database that has one of everything is restored with everything from a folder that three jobs wrote', async () => {
  const { store, manifest } = await backedUp(everything);

  const proof = await verify(manifest, store);

  expect(proof).toMatchObject({ verdict: 'proven', facts: { differing: [], compared: manifest.facts.items.length } });
  expect(proof.reason).toBeUndefined();
  expect(manifest).toMatchObject({
    method: 'postgres-dump/1',
    parts: [{ name: 'database.tar.zst', archive: 'tar', compression: 'zstd' }],
  });
  expect(readdirSync(spool.path)).toEqual([]);
});

test('it is proven without the zstd program as well', async () => {
  const { store, manifest } = await backedUp(everything, { zstdProgram: undefined });

  const proof = await verify(manifest, store, { zstdProgram: undefined });

  expect(proof.reason).toBeUndefined();
  expect(proof).toMatchObject({ verdict: 'proven', facts: { differing: [] } });
});

test.each([
  [{ content: 'data' }, ['database.tar.zst', 'schema.dump.zst']],
  [{ content: 'schema' }, ['database.tar.zst']],
  [{ excludeTableData: ['app.child'] }, ['database.tar.zst']],
] as const)('a selection, %j, is proven too', async (select, parts) => {
  const { store, manifest } = await backedUp(everything, { select: selectSettings.parse(select) });

  const proof = await verify(manifest, store);

  expect(proof.reason).toBeUndefined();
  expect(proof).toMatchObject({ verdict: 'proven', facts: { differing: [] } });
  expect(manifest.parts.map(({ name }) => name)).toEqual(parts);
});

test('everything is dumped by several sessions from a standby as well', async () => {
  await using standby = await startTestStandby(cluster, 'folder');
  await execute(cluster, 'postgres', 'CREATE TABLE written_last ()');
  const [now] = await execute(cluster, 'postgres', 'SELECT pg_current_wal_insert_lsn() AS lsn');
  const replayed = `SELECT pg_last_wal_replay_lsn() >= '${now?.['lsn']}' AS done`;
  await expect.poll(() => execute(standby, 'postgres', replayed), { timeout: 20_000 }).toEqual([{ done: 't' }]);
  const { store, manifest } = await backedUp(withDatabase(standby.access, 'everything'));

  const proof = await verify(manifest, store);

  expect(proof.reason).toBeUndefined();
  expect(proof).toMatchObject({ verdict: 'proven', facts: { differing: [] } });
});

/** The commands of a section of the document, as they stand there. */
function documented(heading: string): string {
  const text = readFileSync(join(import.meta.dirname, '../../../docs/backup-format.md'), 'utf8');
  const section = text.slice(text.indexOf(`### ${heading}`));
  return /```sh\n(.*?)```/s.exec(section)?.[1] ?? '';
}

test('docs/backup-format.md, followed to the letter, restores it with zstd, tar and pg_restore alone', async () => {
  const { store, manifest } = await backedUp(everything);
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-by-hand-' });
  const stored = store.objects.get(`shop/${manifest.id}/database.tar.zst`)!.bytes;
  writeFileSync(join(folder.path, 'database.tar.zst'), stored);
  const programs = `${cluster.installation.directory}:${process.env['PATH']}`;
  const env = { ...libpqEnvironment(cluster.access, undefined), PATH: programs };

  const printed = execFileSync('sh', ['-ec', documented('In directory format')], { cwd: folder.path, env });

  expect(printed.toString()).toContain(createHash('sha256').update(stored).digest('hex'));
  expect(printed.toString()).toContain(manifest.parts[0]!.sha256);
  const measured = await measureDatabase(withDatabase(cluster.access, 'payments_db'), manifest, testContext());
  expect(compareFacts(manifest.facts.items, measured)).toEqual([]);
});

test('encrypted, it is proven with its key, and the key alone opens it', async () => {
  const identity = await newIdentity();
  const { store, manifest } = await backedUp(everything, { encryption: { recipients: [identity.recipient] } });

  const proof = await verify(manifest, store, { identities: [identity.source] });
  const without = await verify(manifest, store);

  expect(manifest.parts).toMatchObject([{ name: 'database.tar.zst.age', archive: 'tar', encryption: 'age' }]);
  expect(proof.reason).toBeUndefined();
  expect(proof).toMatchObject({ verdict: 'proven', facts: { differing: [] } });
  expect(without.verdict).toBe('inconclusive');
});

test('one table comes back out of it', async () => {
  const { store, manifest } = await backedUp(everything);
  const method = await inDirectoryFormat();
  const selection = { tables: ['app.customers'], schemas: [] };
  const request = { manifest, store, method, server: cluster.access, ...openingTools, selection } as const;

  const result = await restoreBackup({ ...request, database: 'one_table', onConflict: 'refuse' }, testContext());

  expect(result).toMatchObject({ differing: [], factsCompared: 2 });
  const rows = 'SELECT count(*) FROM app.customers';
  expect(await execute(cluster, 'one_table', rows)).toEqual(await execute(cluster, 'everything', rows));
});

test('locks and snapshot are given back before the store has it', async () => {
  const slow = await createDatabase(cluster, 'slow', 'CREATE TABLE t AS SELECT generate_series(1, 1000) AS a');
  const store = new MemoryStore();
  const gate = gatedStore(store);
  const backup = backUp(slow, gate.store, await inDirectoryFormat());
  await gate.reached;

  await execute(cluster, 'slow', "SET lock_timeout = '1s'; ALTER TABLE t ALTER a TYPE text; DROP TABLE t");
  gate.open();

  const proof = await verify(await backup, store);
  expect(proof.reason).toBeUndefined();
  expect(proof).toMatchObject({ verdict: 'proven', facts: { differing: [] } });
});

test('a changed byte is found, and told with its place', async () => {
  const { store, manifest } = await backedUp(everything);
  const object = store.objects.get(`shop/${manifest.id}/database.tar.zst`)!;
  object.bytes = Buffer.from(object.bytes);
  object.bytes[1_000]! ^= 1;

  const proof = await verify(manifest, store);

  expect(proof.verdict).toBe('failed');
  expect(proof.reason).toContain('part database.tar.zst is damaged: bytes 0 to');
});

describe('a spool', () => {
  const wideSql = 'CREATE TABLE wide AS SELECT n, repeat(md5(n::text), 100000) AS t FROM generate_series(1, 10) n';

  test('that is not there fails the backup with a reason of its own', async () => {
    const method = await inDirectoryFormat({}, join(spool.path, 'missing'));

    const failure = await failureOf(backUp(everything, new MemoryStore(), method));

    expect(failure).toMatchObject({ reason: 'spool', transient: false });
    expect(failure.message).toContain(`the spool directory ${join(spool.path, 'missing')} cannot be used`);
  });

  test('without room for the tables is refused before anything is dumped', async ({ skip }) => {
    using disk = mountSmallFilesystem(1) ?? skip('no small filesystem can be mounted');
    const large = await createDatabase(
      cluster,
      'large',
      'CREATE TABLE large AS SELECT md5(n::text) FROM generate_series(1, 50000) n; CREATE TABLE small AS SELECT 1 AS a',
    );
    const store = new MemoryStore();

    const failure = await failureOf(backUp(large, store, await inDirectoryFormat({}, disk.path)));
    const select = selectSettings.parse({ tables: ['public.small'] });
    const small = await backUp(large, store, await inDirectoryFormat({ select }, disk.path));

    expect(failure).toMatchObject({ reason: 'spool', transient: false });
    expect(failure.message).toMatch(/not enough space for the dump in .*: about 3\.\d MiB are needed, 1\.0 MiB free/);
    expect(small.parts).toHaveLength(1);
  });

  test('that is full in the middle is told as such, and left as it was', async ({ skip }) => {
    using disk = mountSmallFilesystem(4) ?? skip('no small filesystem can be mounted');
    // The server keeps it compressed: the estimate is far below what is dumped.
    const wide = await createDatabase(cluster, 'wide', wideSql);
    const store = new MemoryStore();

    const failure = await failureOf(backUp(wide, store, await inDirectoryFormat({}, disk.path)));

    expect(failure).toMatchObject({ reason: 'spool', transient: false });
    expect(failure.message).toContain(`no space left in the spool directory ${disk.path}`);
    expect(readdirSync(disk.path)).toEqual([]);
    expect([...store.objects.keys()]).toEqual([]);
  });

  test('without room for the proof makes it inconclusive', async ({ skip }) => {
    using disk = mountSmallFilesystem(4) ?? skip('no small filesystem can be mounted');
    const { store, manifest } = await backedUp(await createDatabase(cluster, 'wider', wideSql));
    // As if the manifest had been right about less: the disk is found full while the folder is unpacked.
    const [part] = manifest.parts;
    const modest = { ...manifest, parts: [{ ...part!, content: { sizeBytes: 1_000_000 } }] };

    const [refused, full] = [
      await verify(manifest, store, { spoolDirectory: disk.path }),
      await verify(modest, store, { spoolDirectory: disk.path }),
    ];

    expect(refused).toMatchObject({ verdict: 'inconclusive' });
    expect(refused.reason).toContain('not enough space for the fetched dump');
    expect(full).toMatchObject({ verdict: 'inconclusive' });
    expect(full.reason).toContain('the fetched dump could not be unpacked in');
    expect(readdirSync(disk.path)).toEqual([]);
  });
});
