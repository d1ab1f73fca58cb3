import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import type { BackupMethod } from '../../../src/jobs/backup/method.ts';
import { postgresGlobals } from '../../../src/jobs/backup/postgres-globals.ts';
import { backupJob } from '../../../src/jobs/backup-job.ts';
import { restoreBackup } from '../../../src/jobs/restore-backup.ts';
import { serverSandbox } from '../../../src/jobs/sandbox/server-postgres.ts';
import { parseSchedule } from '../../../src/jobs/schedule.ts';
import { StoreCatalog } from '../../../src/jobs/store-catalog.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { backUp, lineageOf, openingTools, verify } from '../../support/keeping.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { execute, startTestCluster, testInstallations } from '../../support/postgres.ts';
import { testContext } from '../../support/test-context.ts';

let cluster: Cluster;
let method: BackupMethod;
beforeAll(async () => {
  cluster = await startTestCluster();
  method = postgresGlobals({ installations: await testInstallations(), ...openingTools, compressionLevel: 3 });
  await execute(
    cluster,
    'postgres',
    `CREATE ROLE owner NOLOGIN CREATEDB; CREATE ROLE "Odd ""Role" LOGIN PASSWORD 'secret' CONNECTION LIMIT 5 VALID UNTIL '2030-01-01';
     CREATE ROLE dba SUPERUSER LOGIN; CREATE ROLE plain LOGIN NOINHERIT; ALTER ROLE plain SET work_mem = '7MB'; ALTER ROLE plain SET search_path = a, b;
     GRANT owner TO plain WITH ADMIN OPTION; SET ROLE plain; GRANT owner TO "Odd ""Role"; RESET ROLE; GRANT pg_monitor TO owner; COMMENT ON ROLE dba IS 'us';
     CREATE ROLE backup LOGIN`,
  );
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const factOf = (facts: readonly { name: string; value: string }[], name: string) =>
  facts.find((fact) => fact.name === name)?.value;

test('roles with their attributes, memberships, settings and passwords are proven on a throw-away server', async () => {
  const store = new MemoryStore();

  const manifest = await backUp(cluster.access, store, method);
  const proof = await verify(manifest, store, { method });

  expect(proof.reason).toBeUndefined();
  expect(proof).toMatchObject({ verdict: 'proven', facts: { differing: [] } });
  expect(factOf(manifest.facts.items, 'password Odd "Role')).toBe('scram-sha-256');
  expect(manifest.parts.map(({ name }) => name)).toEqual(['roles.sql.zst', 'tablespaces.sql.zst', 'settings.sql.zst']);
  expect(JSON.stringify(manifest)).not.toContain('SCRAM-SHA-256$');
});

test('settings of every role, which pg_dumpall leaves out, and rights to parameters are kept and proven', async () => {
  await using source = await startTestCluster();
  await execute(
    source,
    'postgres',
    `CREATE ROLE analyst; ALTER ROLE ALL SET search_path = "$user", 'Odd "x', public; ALTER ROLE ALL SET application_name = 'it''s, us';
     ALTER ROLE ALL SET session_preload_libraries = 'auto_explain'; GRANT SET, ALTER SYSTEM ON PARAMETER work_mem TO analyst WITH GRANT OPTION`,
  );
  const store = new MemoryStore();
  const forgetful: BackupMethod = {
    ...method,
    async restore(request, context) {
      await method.restore(request, context);
      await execute(
        request.into,
        'postgres',
        'ALTER ROLE ALL RESET search_path; REVOKE GRANT OPTION FOR SET ON PARAMETER work_mem FROM analyst',
      );
    },
  };

  const manifest = await backUp(source.access, store, method);
  const proof = await verify(manifest, store, { method });
  const lost = await verify(manifest, store, { method: forgetful });

  expect(proof.reason).toBeUndefined();
  expect(proof).toMatchObject({ verdict: 'proven', facts: { differing: [] } });
  const sql = execFileSync('zstd', ['-dc'], {
    input: store.objects.get(`shop/${manifest.id}/settings.sql.zst`)!.bytes,
  });
  expect(sql.toString()).toContain(`ALTER ROLE ALL SET search_path TO "$user", "Odd ""x", public;`);
  expect(sql.toString()).toContain(`ALTER ROLE ALL SET application_name TO 'it''s, us';`);
  expect(lost.facts.differing.map(({ name }) => name)).toEqual(['everybody settings', 'parameter work_mem']);
});

test('a source whose first superuser has another name, and where "postgres" is no superuser, is proven too', async () => {
  await using managed = await startTestCluster();
  await execute(managed, 'postgres', 'CREATE ROLE helper SUPERUSER LOGIN');
  const helper = { connection: { ...managed.access.connection, user: 'helper' } };
  await execute(helper, 'postgres', 'ALTER ROLE postgres RENAME TO "rds-admin"');
  await execute(helper, 'postgres', 'CREATE ROLE postgres LOGIN CREATEROLE');
  const store = new MemoryStore();

  const manifest = await backUp(helper, store, method);
  const proof = await verify(manifest, store, { method });

  expect(proof.reason).toBeUndefined();
  expect(proof.verdict).toBe('proven');
});

test('where passwords may not be read the roles are kept without them', async () => {
  const store = new MemoryStore();
  const weak = { connection: { ...cluster.access.connection, user: 'backup' } };

  const manifest = await backUp(weak, store, method);
  const proof = await verify(manifest, store, { method });

  expect(proof.verdict).toBe('proven');
  expect(manifest.facts.items.filter(({ name }) => name.startsWith('password '))).toEqual([]);
  const sql = execFileSync('zstd', ['-dc'], { input: store.objects.get(`shop/${manifest.id}/roles.sql.zst`)!.bytes });
  expect(sql.toString()).toContain('CREATE ROLE plain;');
  expect(sql.toString()).not.toContain('SCRAM');
});

test('a role that the restore does not have, or with other rights, fails the proof', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(cluster.access, store, method);
  const damaging: BackupMethod = {
    ...method,
    async restore(request, context) {
      await method.restore(request, context);
      const dba = { connection: { ...request.into.connection, user: 'dba' } };
      await execute(dba, 'postgres', 'REVOKE owner FROM "Odd ""Role" GRANTED BY plain; ALTER ROLE plain SUPERUSER');
    },
  };

  const proof = await verify(manifest, store, { method: damaging });

  expect(proof.verdict).toBe('failed');
  expect(proof.facts.differing.map(({ name }) => name)).toEqual(['role plain', 'member Odd "Role of owner']);
});

test('roles are not tried on a server that is used for other things', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(cluster.access, store, method);

  const proof = await verify(manifest, store, { method, openSandbox: serverSandbox(cluster.access) });

  expect(proof.verdict).toBe('inconclusive');
  expect(proof.reason).toContain('load roles.sql with psql by hand');
});

test('roles are not restored as if they were a database, also where nobody would hinder it', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(cluster.access, store, method);
  await using empty = await startTestCluster();
  const request = {
    manifest,
    store,
    method,
    server: empty.access,
    database: 'x',
    onConflict: 'refuse',
    ...openingTools,
  } as const;

  await expect(restoreBackup(request, testContext())).rejects.toThrow('holds roles and tablespaces of a server');
  const loading = {
    manifest,
    contentPath: () => '/nonexistent',
    into: cluster.access,
    ownership: 'restore',
    parallel: 1,
  } as const;
  await expect(method.restore(loading, testContext())).rejects.toThrow('throw-away one only');

  const roles = await execute(empty, 'postgres', "SELECT rolname FROM pg_roles WHERE rolname NOT LIKE 'pg\\_%'");
  expect(roles).toEqual([{ rolname: 'postgres' }]);
});

test('what a run tells of sizes is the sum of all that it stored', async () => {
  const store = new MemoryStore();
  const schedule = parseSchedule('0 2 * * *', 'UTC');
  const catalog = new StoreCatalog('test', store, systemClock);
  const lineage = lineageOf(cluster.access);
  const destinations = [{ name: 'test', store, catalog }];
  const job = backupJob({ lineage, access: cluster.access, method, destinations, schedule, deadlineMs: 60_000 });

  const { fields } = await job.run(testContext());

  const stored = [...store.objects].filter(([key]) => key.endsWith('.zst')).map(([, { bytes }]) => bytes.length);
  expect(stored).toHaveLength(3);
  expect(fields['bytes']).toBe(stored.reduce((sum, bytes) => sum + bytes, 0));
});
