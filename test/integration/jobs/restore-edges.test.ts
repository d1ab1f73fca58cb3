import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BackupMethod } from '../../../src/jobs/backup/method.ts';
import { restoreBackup } from '../../../src/jobs/restore-backup.ts';
import { localSandbox } from '../../../src/jobs/sandbox/local-postgres.ts';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import type { ProgramInstallation } from '../../../src/targets/postgres/programs.ts';
import { backUp, dumpMethod, openingTools, verify } from '../../support/keeping.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { wholeInstallation } from '../../support/postgres-majors.ts';
import { testContext } from '../../support/test-context.ts';

let cluster: Cluster;
let installations: readonly ProgramInstallation[];
let method: BackupMethod;
beforeAll(async () => {
  cluster = await startTestCluster({ major: 18, settings: { wal_level: 'logical', shared_preload_libraries: "''" } });
  installations = [await wholeInstallation(18)];
  method = await dumpMethod({ installations });
}, 120_000);
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function kept(access: PostgresAccess) {
  const store = new MemoryStore();
  const manifest = await backUp(access, store, method);
  const request = { manifest, store, method, server: cluster.access, onConflict: 'refuse', ...openingTools } as const;
  return {
    manifest,
    restore: (database: string) => restoreBackup({ ...request, database }, testContext()),
    prove: () => verify(manifest, store, { method, openSandbox: localSandbox({ installations, user: 'postgres' }) }),
  };
}

test('a restore says which subscriptions it did not make', async () => {
  const access = await createDatabase(
    cluster,
    'subscriber',
    "CREATE TABLE t (a int); CREATE SUBSCRIPTION moved CONNECTION 'host=nowhere.invalid dbname=x' PUBLICATION p WITH (connect = false, slot_name = NONE)",
  );
  const { restore, prove } = await kept(access);

  const { notes } = await restore('restored');

  expect(notes).toEqual([
    'subscription moved postgres of the source was not made: it would draw changes from the publisher a second time',
  ]);
  expect(await prove()).toMatchObject({ verdict: 'proven', notes: [] });
});

test('a database sorts by the rules of its source', async () => {
  await execute(
    cluster,
    'postgres',
    "CREATE DATABASE ruled TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'und' ICU_RULES '&a < g'",
  );
  const access = { connection: { ...cluster.access.connection, database: 'ruled' } };
  await execute(access, 'ruled', "CREATE TABLE words AS SELECT unnest('{b,g,a}'::text[]) AS word");
  const { restore, prove, manifest } = await kept(access);

  await restore('ruled_restored');

  const sorted = 'SELECT string_agg(word, NULL ORDER BY word) AS words FROM words';
  expect(manifest.source.icuRules).toBe('&a < g');
  expect(await execute(cluster, 'ruled_restored', sorted)).toEqual([{ words: 'agb' }]);
  expect(await prove()).toMatchObject({ verdict: 'proven', notes: [] });
});

test('labels whose provider is not loaded where the restore is tried say nothing about the backup', async () => {
  const access = await createDatabase(
    cluster,
    'labelled',
    "CREATE TABLE people (name text); INSERT INTO pg_seclabel VALUES ('people'::regclass, 'pg_class'::regclass, 1, 'anon', 'MASKED')",
  );
  const { prove } = await kept(access);

  const proof = await prove();

  expect(proof).toMatchObject({ verdict: 'inconclusive', obstacle: 'extension' });
  expect(proof.reason).toContain('security label provider');
});
