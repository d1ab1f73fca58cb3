import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { errorMessage } from '../../../src/core/errors.ts';
import type { BackupMethod } from '../../../src/jobs/backup/method.ts';
import { keptPrefix } from '../../../src/jobs/kept-folders.ts';
import { type RestoreRequest, restoreBackup } from '../../../src/jobs/restore-backup.ts';
import { spoolShortage } from '../../../src/jobs/spool-space.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { backUp, dumpMethod, openingTools } from '../../support/keeping.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { mountSmallFilesystem } from '../../support/small-filesystem.ts';
import { testContext, testSignal } from '../../support/test-context.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startTestCluster();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

/** A backup of a database that holds one table `t`, and how to restore it under the same name or another one. */
async function backupOf(database: string, given: Partial<RestoreRequest> = {}): Promise<RestoreRequest> {
  const store = new MemoryStore();
  const access = await createDatabase(cluster, database, 'CREATE TABLE t AS SELECT generate_series(1, 10) AS a');
  const manifest = await backUp(access, store);
  const method = await dumpMethod();
  return {
    manifest,
    store,
    method,
    server: cluster.access,
    database,
    onConflict: 'replace',
    ...openingTools,
    ...given,
  };
}

async function databases(like: string): Promise<unknown[]> {
  const sql = `SELECT datname FROM pg_database WHERE datname LIKE '${like}' ORDER BY 1`;
  return (await execute(cluster, 'postgres', sql)).map((row) => row['datname']);
}

test('a database whose clients come back at once is replaced, and kept under another name', async () => {
  const request = await backupOf('busy');
  await execute(cluster, 'busy', 'CREATE TABLE newer (a int)');
  const stop = new AbortController();
  const coming = Promise.all([1, 2, 3].map(() => comeAgain(stop.signal)));

  const result = await restoreBackup(request, testContext());
  stop.abort();
  await coming;

  expect(result).toMatchObject({ database: 'busy', differing: [] });
  expect(result.replaced).toMatch(/^busy_before_\d{8}t\d{6}z$/);
  expect(await databases('busy%')).toEqual(['busy', result.replaced]);
  const tables = "SELECT relname FROM pg_class WHERE relname IN ('t', 'newer') ORDER BY 1";
  expect(await execute(cluster, 'busy', tables)).toEqual([{ relname: 't' }]);
  expect(await execute(cluster, result.replaced ?? '', tables)).toEqual([{ relname: 'newer' }, { relname: 't' }]);
});

/** A client as applications have them: it keeps its session, and opens another one when it was ended. */
async function comeAgain(signal: AbortSignal): Promise<void> {
  const busy = { connection: { ...cluster.access.connection, database: 'busy' } };
  while (!signal.aborted) {
    try {
      await using session = await openSession(busy, { signal });
      for (;;) await session.query('SELECT pg_sleep(0.01)', { signal });
    } catch {
      // Ended: once more.
    }
  }
}

test('names that are as long as they may be are replaced too, and told as they are', async () => {
  const name = 'n'.repeat(63);
  const request = await backupOf(name);

  const result = await restoreBackup(request, testContext());

  expect(result.database).toBe(name);
  expect(await databases('nnn%')).toEqual([result.replaced, name].sort());
});

test('a restore that is stopped while its database is being made leaves none behind', async () => {
  const signal = testSignal();
  const request = await backupOf('origin', { database: 'unmade', onConflict: 'refuse' });
  await using holder = await openSession(cluster.access, { signal });
  await holder.query('BEGIN', { signal });
  await holder.query('ALTER DATABASE template0 RENAME TO held', { signal });
  const stop = new AbortController();
  const restoring = restoreBackup(request, testContext({ signal: stop.signal }));
  restoring.catch(() => undefined);
  const making =
    "SELECT FROM pg_stat_activity WHERE query LIKE 'CREATE DATABASE \"unmade_restoring_%' AND state = 'active'";
  await expect.poll(() => execute(cluster, 'postgres', making), { timeout: 10_000 }).toHaveLength(1);

  stop.abort(new Error('stopped'));
  await holder.query('ROLLBACK', { signal });

  await expect(restoring).rejects.toThrow('stopped');
  await expect.poll(() => execute(cluster, 'postgres', making), { timeout: 10_000 }).toEqual([]);
  expect(await databases('unmade%')).toEqual([]);
});

test('a restore that fails tells why, and its database is dropped although somebody is logged in', async () => {
  const signal = testSignal();
  const request = await backupOf('failing', { database: 'unfinished', onConflict: 'refuse' });
  await using _visitors = new AsyncDisposableStack();
  const method = {
    ...request.method,
    async restore({ into }: Parameters<BackupMethod['restore']>[0]) {
      _visitors.use(await openSession(into, { signal }));
      throw new Error('the restore broke');
    },
  };

  const failure = await restoreBackup({ ...request, method }, testContext()).catch(errorMessage);

  expect(failure).toBe('the restore broke');
  expect(await databases('unfinished%')).toEqual([]);
});

test('a complete restore that may not take the place of the old database is kept, and named', async () => {
  const request = await backupOf('foreign');
  await execute(cluster, 'postgres', 'CREATE ROLE maker LOGIN CREATEDB; ALTER DATABASE "foreign" OWNER TO maker');
  const server = { connection: { ...cluster.access.connection, user: 'maker' } };
  const method = meanwhile(request.method, 'ALTER DATABASE "foreign" OWNER TO postgres');

  const failure = await restoreBackup({ ...request, server, method }, testContext()).catch(errorMessage);

  const [kept] = await databases('foreign_restoring%');
  expect(failure).toContain(`complete and right as database "${kept}"`);
  expect(failure).toContain('must be owner of database foreign');
  expect(await databases('foreign%')).toEqual(['foreign', kept]);
});

test('a complete restore whose name was taken meanwhile is kept, and named', async () => {
  const request = await backupOf('slow', { database: 'taken', onConflict: 'refuse' });
  const method = meanwhile(request.method, 'CREATE DATABASE taken');

  const failure = await restoreBackup({ ...request, method }, testContext()).catch(errorMessage);

  const [kept] = await databases('taken_restoring%');
  expect(failure).toContain(`complete as database "${kept}", but did not get the name "taken"`);
  expect(await databases('taken%')).toEqual(['taken', kept]);
});

/** Runs the statement while a restore is under way. */
function meanwhile(method: BackupMethod, sql: string): BackupMethod {
  return {
    ...method,
    async restore(request, context) {
      await method.restore(request, context);
      await execute(cluster, 'postgres', sql);
    },
  };
}

test('a restore for which there is no room says how much is missing, before anything is made', async () => {
  const request = await backupOf('large', { database: 'roomless', onConflict: 'refuse' });
  const [part] = request.manifest.parts;
  if (part === undefined) throw new Error('a backup has a part');
  const huge = { ...part, content: { ...part.content, sizeBytes: 2 ** 52 } };

  const restoring = restoreBackup({ ...request, manifest: { ...request.manifest, parts: [huge] } }, testContext());

  await expect(restoring).rejects.toThrow(
    /not enough space for the fetched dump in .*: 4.* are needed, .* free.*; nothing/,
  );
  expect(await databases('roomless%')).toEqual([]);
});

test('a full spool is given room by what an earlier restore kept and nobody goes on with', async ({ skip }) => {
  using disk = mountSmallFilesystem(2) ?? skip('no small filesystem can be mounted');
  const request = await backupOf('kept', { database: 'roomy', spoolDirectory: disk.path, keepFetched: true });
  const left = join(disk.path, `${keptPrefix}20260301T020000Z-nightly-other-00000a`);
  await mkdir(left, { mode: 0o700 });
  await writeFile(join(left, 'part-0'), Buffer.alloc(2 ** 21)).catch(() => undefined);
  expect(await spoolShortage(request.manifest, request)).toContain(left);

  const result = await restoreBackup(request, testContext());

  expect(result).toMatchObject({ database: 'roomy', differing: [] });
  expect(await readdir(disk.path)).toEqual([]);
});
