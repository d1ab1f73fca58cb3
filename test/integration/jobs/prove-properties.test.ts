import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DatabaseProperties } from '../../../src/jobs/backup/database-properties.ts';
import type { OpenSandbox } from '../../../src/jobs/sandbox/sandbox.ts';
import { serverSandbox } from '../../../src/jobs/sandbox/server-postgres.ts';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { backUp, throwAwaySandbox, verify } from '../../support/keeping.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { testSignal } from '../../support/test-context.ts';

const sql = `
CREATE TABLE t AS SELECT 1 AS a; COMMENT ON DATABASE shop IS 'it''s ours'; ALTER DATABASE shop OWNER TO keeper;
REVOKE ALL ON DATABASE shop FROM PUBLIC; GRANT CONNECT ON DATABASE shop TO reader; GRANT TEMPORARY ON DATABASE shop TO reader WITH GRANT OPTION;
SET ROLE reader; GRANT TEMPORARY ON DATABASE shop TO keeper; RESET ROLE;
ALTER DATABASE shop CONNECTION LIMIT 0; ALTER DATABASE shop SET search_path = app, "$user"; ALTER DATABASE shop SET app.secret = 'hidden';
ALTER DATABASE shop SET default_transaction_read_only = on; ALTER ROLE reader IN DATABASE shop SET statement_timeout = '5s'`;

let cluster: Cluster;
let shop: PostgresAccess;
beforeAll(async () => {
  cluster = await startTestCluster();
  await execute(cluster, 'postgres', 'CREATE ROLE keeper; CREATE ROLE reader');
  shop = await createDatabase(cluster, 'shop', sql);
});
afterAll(() => cluster[Symbol.asyncDispose]());

/** A backup, with other properties where they are given. */
async function backedUp(changes: Partial<DatabaseProperties> = {}) {
  const store = new MemoryStore();
  const taken = await backUp(shop, store);
  const source = { ...taken.source, properties: { ...taken.source.properties!, ...changes } };
  return { store, manifest: { ...taken, source } };
}

test('what belongs to the database itself is given to the restored one, and the catalog says the same', async () => {
  const { manifest, store } = await backedUp();
  expect(manifest.source.properties).toMatchObject({ owner: 'keeper', comment: "it's ours", connectionLimit: 0 });
  expect(manifest.source.properties?.settings).toHaveLength(4);

  const proof = await verify(manifest, store);

  expect(proof).toMatchObject({ verdict: 'proven', notes: [], facts: { differing: [] } });
});

test('what the catalog says otherwise, though nothing refused it, fails the proof without quoting a value', async () => {
  const throwAway = await throwAwaySandbox();
  const openSandbox: OpenSandbox = async (...given) => {
    const sandbox = await throwAway(...given);
    const signal = testSignal();
    await using session = await openSession(sandbox.access, { signal });
    await session.query('ALTER DATABASE watchkeeper_proof SET app.more = 5', { signal });
    return sandbox;
  };
  // The server calls it by another name.
  const rights = [{ grantee: 'reader', privilege: 'TEMP', grantable: false }];

  const { manifest, store } = await backedUp({ rights });
  const proof = await verify(manifest, store, { openSandbox });

  expect(proof).toMatchObject({ verdict: 'failed', cause: 'different' });
  expect(proof.facts.differing.map(({ name }) => name)).toEqual([
    'who may use the database',
    'the setting app.more of the database',
  ]);
  expect(proof.reason).toBe(
    'the restored database has not what the source’s had: who may use the database; the setting app.more of the database',
  );
});

test('settings that the sandbox does not know say nothing about the backup, and are named without values', async () => {
  const settings = [
    { role: null, name: 'gone_by_now', value: 'hidden-1' },
    { role: null, name: 'work_mem', value: 'hidden-2' },
    { role: null, name: 'TimeZone', value: 'UTC' },
  ];

  const { manifest, store } = await backedUp({ settings });
  const proof = await verify(manifest, store);

  expect(proof).toMatchObject({ verdict: 'proven', facts: { differing: [] } });
  expect(proof.notes).toHaveLength(1);
  expect(proof.notes[0]).toMatch(
    /^could not be tried here: the setting gone_by_now of the database was not restored: .*; the setting work_mem of the database was not restored: the server does not take its value$/,
  );
  expect(JSON.stringify(proof)).not.toContain('hidden');
});

test('settings that let nobody in, as of a library that is not installed there, are left out with a note', async () => {
  const settings = [{ role: null, name: 'local_preload_libraries', value: 'no_such_library' }];

  const { manifest, store } = await backedUp({ settings });
  const proof = await verify(manifest, store);

  expect(proof.verdict).toBe('proven');
  expect(proof.notes[0]).toContain('the settings of the database were left out, since no session could be opened');
});

test('a role that may only create databases tries what it may, and the report says what it may not', async () => {
  await execute(cluster, 'postgres', "CREATE ROLE maker LOGIN CREATEDB PASSWORD 'x'");
  const maker: PostgresAccess = { ...cluster.access, connection: { ...cluster.access.connection, user: 'maker' } };
  const { manifest, store } = await backedUp();

  const proof = await verify(manifest, store, { openSandbox: serverSandbox(maker) });

  expect(proof.reason).toBeUndefined();
  expect(proof.verdict).toBe('proven');
  expect(proof.notes.join()).toContain(
    'the setting statement_timeout of the database for role reader was not restored',
  );
  expect(await execute(cluster, 'postgres', "SELECT FROM pg_database WHERE datname LIKE 'watchkeeper_proof%'")).toEqual(
    [],
  );
});
