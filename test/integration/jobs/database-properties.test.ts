import { afterAll, beforeAll, expect, test } from 'vitest';
import { readDatabaseProperties } from '../../../src/jobs/backup/database-properties.ts';
import { closeManifest, openManifest } from '../../../src/jobs/encryption/manifest-details.ts';
import type { OpenedManifest } from '../../../src/jobs/manifest.ts';
import { type RestoreRequest, restoreBackup } from '../../../src/jobs/restore-backup.ts';
import { withDatabase } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { newIdentity } from '../../support/age.ts';
import { backUp, dumpMethod, openingTools } from '../../support/keeping.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { wholeInstallation } from '../../support/postgres-majors.ts';
import { testContext, testSignal } from '../../support/test-context.ts';

const propertiesSql = `
CREATE TABLE t AS SELECT 1 AS a; COMMENT ON DATABASE shop IS 'it''s ours'; ALTER DATABASE shop OWNER TO keeper;
REVOKE ALL ON DATABASE shop FROM PUBLIC; GRANT CONNECT ON DATABASE shop TO reader; GRANT CREATE, TEMPORARY ON DATABASE shop TO "Odd ""Role" WITH GRANT OPTION;
ALTER DATABASE shop CONNECTION LIMIT 17; ALTER DATABASE shop SET search_path = app, "Odd "" Schema", "$user", public; ALTER DATABASE shop SET work_mem = '7MB';
ALTER DATABASE shop SET timezone = 'Europe/Vienna'; ALTER DATABASE shop SET app.secret = E'it''s a "secret", \\\\ and\\nmore='; ALTER DATABASE shop SET DateStyle = 'SQL, DMY';
ALTER ROLE reader IN DATABASE shop SET statement_timeout = '5s'; ALTER ROLE keeper IN DATABASE shop SET search_path = ''`;

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startTestCluster();
  await execute(cluster, 'postgres', 'CREATE ROLE keeper; CREATE ROLE reader; CREATE ROLE "Odd ""Role"');
  await createDatabase(cluster, 'shop', propertiesSql);
});
afterAll(() => cluster[Symbol.asyncDispose]());

type Backup = Omit<RestoreRequest, 'database' | 'onConflict' | 'manifest'> & { readonly manifest: OpenedManifest };

async function backup(): Promise<Backup> {
  const store = new MemoryStore();
  const manifest = await backUp(withDatabase(cluster.access, 'shop'), store);
  return { manifest, store, method: await dumpMethod(), server: cluster.access, ...openingTools };
}

async function propertiesOf(database: string) {
  const signal = testSignal();
  await using session = await openSession(withDatabase(cluster.access, database), { signal });
  return await readDatabaseProperties(session, signal);
}

test('owner, rights, settings, limit and comment of a database come back, beside it and in its place', async () => {
  const request = await backup();
  const before = await propertiesOf('shop');

  const beside = await restoreBackup({ ...request, database: 'beside', onConflict: 'refuse' }, testContext());
  const restored = await propertiesOf('beside');
  const inPlace = await restoreBackup({ ...request, database: 'shop', onConflict: 'replace' }, testContext());

  expect([beside.notes, inPlace.notes]).toEqual([[], []]);
  expect(inPlace.replaced).toBeDefined();
  expect(restored).toEqual(before);
  expect(await propertiesOf('shop')).toEqual(before);
  expect(before).toMatchObject({ owner: 'keeper', comment: "it's ours", connectionLimit: 17 });
  expect(before.rights).toHaveLength(6);
  expect(before.settings).toContainEqual({ role: null, name: 'app.secret', value: 'it\'s a "secret", \\ and\nmore=' });
  expect(before.settings).toContainEqual({
    role: null,
    name: 'search_path',
    value: 'app, "Odd "" Schema", "$user", public',
  });
  expect(before.settings).toHaveLength(7);
});

test('a database with nothing of its own gets nothing', async () => {
  const store = new MemoryStore();
  const access = await createDatabase(cluster, 'plain', 'CREATE TABLE t ()');
  const manifest = await backUp(access, store);
  const request = { manifest, store, method: await dumpMethod(), server: cluster.access, ...openingTools };

  const { notes } = await restoreBackup({ ...request, database: 'plainer', onConflict: 'refuse' }, testContext());

  expect(notes).toEqual([]);
  expect(await propertiesOf('plainer')).toEqual(await propertiesOf('plain'));
  expect(manifest.source.properties).toMatchObject({ comment: null, rights: null, settings: [], connectionLimit: -1 });
});

test('what cannot be given back is named, without values, and the restore is there all the same', async () => {
  const request = await backup();
  const properties = request.manifest.source.properties!;
  const settings = [
    { role: null, name: 'work_mem', value: 'hidden' },
    { role: null, name: 'gone_by_now', value: '1' },
    { role: 'nobody', name: 'work_mem', value: '8MB' },
    { role: null, name: 'TimeZone', value: 'UTC' },
  ];
  const source = { ...request.manifest.source, properties: { ...properties, settings, rights: null } };
  const manifest = { ...request.manifest, source };

  const result = await restoreBackup({ ...request, manifest, database: 'partly', onConflict: 'refuse' }, testContext());

  expect(result.differing).toEqual([]);
  expect(result.notes).toEqual([
    'the setting work_mem of the database was not restored: the server does not take its value',
    expect.stringContaining('the setting gone_by_now of the database was not restored: unrecognized configuration'),
    expect.stringContaining('the setting work_mem of the database for role nobody was not restored: role "nobody"'),
  ]);
  expect((await propertiesOf('partly')).settings).toEqual([{ role: null, name: 'TimeZone', value: 'UTC' }]);
});

test('settings that would let nobody in are left out', async () => {
  const request = await backup();
  const properties = request.manifest.source.properties!;
  const settings = [{ role: null, name: 'session_preload_libraries', value: 'not_installed_here' }];
  const manifest = {
    ...request.manifest,
    source: { ...request.manifest.source, properties: { ...properties, settings } },
  };

  const result = await restoreBackup({ ...request, manifest, database: 'open', onConflict: 'refuse' }, testContext());

  expect(result.notes).toEqual([expect.stringMatching(/settings of the database were left out.*not_installed_here/)]);
  expect((await propertiesOf('open')).settings).toEqual([]);
});

test('settings of a role that would not let it in are left out as well', async () => {
  const request = await backup();
  const properties = request.manifest.source.properties!;
  const settings = [{ role: 'postgres', name: 'session_preload_libraries', value: 'not_installed_here' }];
  const source = { ...request.manifest.source, properties: { ...properties, settings } };
  const manifest = { ...request.manifest, source };

  const result = await restoreBackup({ ...request, manifest, database: 'roles', onConflict: 'refuse' }, testContext());

  expect(result.notes).toEqual([expect.stringMatching(/settings of the database were left out/)]);
  expect((await propertiesOf('roles')).settings).toEqual([]);
});

test('settings stay where it is the limit of connections that lets nobody in', async () => {
  await execute(cluster, 'postgres', 'CREATE ROLE maker LOGIN CREATEDB');
  const request = await backup();
  const properties = request.manifest.source.properties!;
  const settings = [{ role: null, name: 'work_mem', value: '7MB' }];
  const source = { ...request.manifest.source, properties: { ...properties, settings, connectionLimit: 0 } };
  const { connection } = cluster.access;
  const server = { ...cluster.access, connection: { ...connection, user: 'maker' } };
  const asMaker = { ...request, server, manifest: { ...request.manifest, source } };

  const result = await restoreBackup({ ...asMaker, database: 'closed', onConflict: 'refuse' }, testContext());

  expect(result.notes).toEqual([expect.stringContaining('owners and grants were not restored')]);
  expect(await propertiesOf('closed')).toMatchObject({ settings, connectionLimit: 0 });
});

test('what a role may not say of the schema public is a note, not the end of the restore', async () => {
  const installations = [await wholeInstallation(13)];
  await using old = await startTestCluster({ major: 13 });
  const access = await createDatabase(old, 'shop', "CREATE TABLE t (); COMMENT ON SCHEMA public IS 'ours'");
  await execute(old, 'postgres', 'CREATE ROLE maker LOGIN CREATEDB');
  const store = new MemoryStore();
  const method = await dumpMethod({ installations });
  const manifest = await backUp(access, store, method);
  const server = { ...old.access, connection: { ...old.access.connection, user: 'maker' } };
  const request = { manifest, store, method, server, ...openingTools };

  const result = await restoreBackup({ ...request, database: 'back', onConflict: 'refuse' }, testContext());

  expect(result.notes.join()).toMatch(/the comment on the schema public was not restored: .*must be owner/);
  expect(result.database).toBe('back');
});

test('in the manifest of an encrypted backup nobody reads them without a key', async () => {
  const { manifest } = await backup();
  const identity = await newIdentity();
  const encrypted = {
    ...manifest,
    encryption: { recipients: [identity.recipient] },
    parts: manifest.parts.map((part) => ({ ...part, encryption: 'age' as const })),
  };

  const closed = await closeManifest(encrypted);

  expect(JSON.stringify(closed)).not.toMatch(/app\.secret|"keeper"/);
  expect((await openManifest(closed, [identity])).source.properties).toEqual(manifest.source.properties);
});
