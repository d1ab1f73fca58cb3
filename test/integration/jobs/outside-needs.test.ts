import { afterAll, beforeAll, expect, test } from 'vitest';
import { outsideNeeds } from '../../../src/jobs/backup/outside-needs.ts';
import { resolveSelection, Scope } from '../../../src/jobs/backup/selection.ts';
import { serverSandbox } from '../../../src/jobs/sandbox/server-postgres.ts';
import { type SelectSettings, selectSettings } from '../../../src/jobs/settings.ts';
import type { VerifyRequest } from '../../../src/jobs/verify-backup.ts';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { everythingRolesSql, everythingSql } from '../../support/everything-database.ts';
import { backUp, dumpMethod, verify } from '../../support/keeping.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { testSignal } from '../../support/test-context.ts';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startTestCluster({ settings: { wal_level: 'logical' } });
  await execute(cluster, 'postgres', everythingRolesSql);
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

/** What is told to be needed, and what comes of it. */
async function tried(access: PostgresAccess, select: Partial<SelectSettings>, given: Partial<VerifyRequest> = {}) {
  const settings = selectSettings.parse(select);
  const store = new MemoryStore();
  const method = await dumpMethod({ select: settings, facts: 'rows' });
  const proof = await verify(await backUp(access, store, method), store, { method, ...given });
  const signal = testSignal();
  await using session = await openSession(access, { signal, settings: { search_path: 'pg_catalog' } });
  const scope = new Scope(await resolveSelection(session, settings, signal));
  const needs = await outsideNeeds(session, scope, signal);
  return {
    verdict: proof.verdict,
    reason: proof.reason,
    needs: needs.map(({ needing, needed }) => `${needing} needs ${needed}`),
  };
}

test('what leads out of chosen tables is told, and it alone', async () => {
  const access = await createDatabase(
    cluster,
    'leading',
    `CREATE EXTENSION citext; CREATE SCHEMA shared;
     CREATE TYPE shared.state AS ENUM ('new'); CREATE DOMAIN shared.cents AS int CHECK (VALUE > 0);
     CREATE FUNCTION shared.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
     CREATE FUNCTION shared.one() RETURNS int IMMUTABLE LANGUAGE sql RETURN 1;
     CREATE SEQUENCE shared.numbers; CREATE TABLE parent (a int); CREATE COLLATION shared.own (LOCALE = 'C');
     CREATE TABLE plain (a serial PRIMARY KEY, b citext, c int REFERENCES plain, CHECK (a > 0)); CREATE INDEX ON plain (lower(b));
     CREATE TABLE typed (a shared.state); CREATE TABLE priced (a shared.cents[]); CREATE TABLE numbered (a int DEFAULT nextval('shared.numbers'));
     CREATE TABLE stamped (a int); CREATE TRIGGER stamp BEFORE INSERT ON stamped FOR EACH ROW EXECUTE FUNCTION shared.stamp();
     CREATE TABLE heir () INHERITS (parent); CREATE TABLE sorted (a text COLLATE shared.own); CREATE TABLE rows_of (a plain, b plain[]);
     CREATE TABLE counted (a int); CREATE INDEX counted_index ON counted ((a + shared.one()));
     CREATE TABLE policed (a int); CREATE POLICY own ON policed USING (a = shared.one()); CREATE VIEW seen AS SELECT * FROM plain;
     CREATE TABLE parts (a int) PARTITION BY LIST (a); CREATE TABLE part PARTITION OF parts FOR VALUES IN (1);
     CREATE TABLE referring (a int REFERENCES plain)`,
  );
  // Roles are the same there, and a server for each would take most of the time.
  const openSandbox = serverSandbox(cluster.access);
  const told = async (...tables: string[]) => {
    const { verdict, reason, needs } = await tried(
      access,
      { tables: tables.map((name) => `public.${name}`) },
      { openSandbox },
    );
    expect(verdict, `${tables} ${reason} ${needs.join()}`).toBe(needs.length === 0 ? 'proven' : 'failed');
    return needs;
  };

  for (const table of ['plain', 'parts', 'referring', 'parent']) expect(await told(table)).toEqual([]);
  expect(await told('part')).toEqual(['table public.part needs table public.parts']);
  expect(await told('typed')).toEqual(['table public.typed needs type shared.state']);
  expect(await told('priced')).toEqual(['table public.priced needs type shared.cents[]']);
  expect(await told('numbered')).toEqual(['default value for public.numbered.a needs sequence shared.numbers']);
  expect(await told('stamped')).toEqual(['trigger stamp on public.stamped needs function shared.stamp()']);
  expect(await told('heir')).toEqual(['table public.heir needs table public.parent']);
  expect(await told('sorted')).toEqual(['table public.sorted needs collation shared.own']);
  expect(await told('counted')).toEqual(['index public.counted_index needs function shared.one()']);
  expect(await told('policed')).toEqual(['policy own on public.policed needs function shared.one()']);
  expect(await told('seen', 'plain')).toEqual([]);
  expect((await told('seen')).join()).toContain('needs table public.plain');
  expect(await told('rows_of', 'plain')).toEqual([]);
  expect((await told('rows_of')).join()).toContain('table public.rows_of needs');
});

test('of a database that has everything just those schemas restore by themselves that are told to', async () => {
  const access = await createDatabase(cluster, 'everything', everythingSql(cluster.installation.major * 10_000));
  const schemas = await execute(
    cluster,
    'everything',
    "SELECT nspname AS name FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema' ORDER BY 1",
  );

  for (const { name } of schemas) {
    const { verdict, reason, needs } = await tried(access, { schemas: [name ?? ''] });
    expect(verdict, `${name} ${reason} ${needs}`).toBe(name === 'app' ? 'failed' : 'proven');
    expect(needs.length > 0, `${name} ${needs}`).toBe(name === 'app');
  }
});

test('a chosen schema public keeps its owner, its rights and what is said about it', async () => {
  const sql = `CREATE ROLE shopkeeper; ALTER SCHEMA public OWNER TO shopkeeper; COMMENT ON SCHEMA public IS 'the shop''s';
    REVOKE ALL ON SCHEMA public FROM PUBLIC; CREATE TABLE goods AS SELECT 1 AS a`;
  const access = await createDatabase(cluster, 'owned', sql);

  for (const content of ['all', 'schema', 'data'] as const) {
    const { verdict, reason } = await tried(access, { content, schemas: ['public'] });
    expect([verdict, reason]).toEqual(['proven', undefined]);
  }
});
