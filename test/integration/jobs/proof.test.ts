import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BackupMethod } from '../../../src/jobs/backup/method.ts';
import { serverSandbox } from '../../../src/jobs/sandbox/server-postgres.ts';
import { structureCheck } from '../../../src/jobs/structure-check.ts';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { backUp, dumpMethod, verify } from '../../support/keeping.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import {
  createDatabase,
  execute,
  startTestCluster,
  startTestStandby,
  testInstallations,
} from '../../support/postgres.ts';

let cluster: Cluster;
let shop: PostgresAccess;

/** A bit of everything that a dump must carry, and that a proof must not stumble over. */
const shopSql = `
  CREATE ROLE shop_owner; CREATE ROLE "Odd ""Role"; CREATE SCHEMA "Odd.Schema" AUTHORIZATION "Odd ""Role";
  CREATE EXTENSION pg_trgm; CREATE TYPE mood AS ENUM ('calm', 'busy'); CREATE DOMAIN positive AS int CHECK (VALUE > 0);
  CREATE SEQUENCE counter; SELECT nextval('counter'), nextval('counter');
  CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, t text, amount numeric(12,2) NOT NULL,
    at timestamptz DEFAULT now(), mood mood, tags text[], extra jsonb, twice numeric GENERATED ALWAYS AS (amount * 2) STORED,
    f float8, b bytea, iv interval);
  INSERT INTO orders (t, amount, mood, tags, extra, f, b, iv)
    SELECT 'order ' || n, n / 7.0, 'busy', ARRAY['a', NULL], '{"a": [1, null]}', n / 3.0, '\\xdeadbeef', '1 month 2 days'
      FROM generate_series(1, 2000) n;
  CREATE INDEX orders_t ON orders USING gin (t gin_trgm_ops);
  CREATE TABLE "Odd.Schema"."Odd ""Table" (t text, "watchkeeper_row" int); INSERT INTO "Odd.Schema"."Odd ""Table" VALUES ('x', 1);
  CREATE TABLE events (at date NOT NULL, what text) PARTITION BY RANGE (at);
  CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
  CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
  INSERT INTO events SELECT date '2025-06-01' + n, 'event' FROM generate_series(0, 400) n;
  CREATE TABLE parent (a int); CREATE TABLE child (b int) INHERITS (parent); INSERT INTO child VALUES (1, 2); INSERT INTO parent VALUES (3);
  CREATE UNLOGGED TABLE fleeting (a int); INSERT INTO fleeting VALUES (1); CREATE TABLE nothing ();
  CREATE VIEW busy AS SELECT * FROM orders WHERE mood = 'busy'; CREATE MATERIALIZED VIEW totals AS SELECT sum(amount) FROM orders;
  CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
  CREATE TRIGGER noop BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION noop();
  ALTER TABLE orders ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON orders TO shop_owner USING (true);
  ALTER TABLE orders OWNER TO shop_owner; GRANT SELECT ON orders TO "Odd ""Role";
  CREATE PUBLICATION everything FOR ALL TABLES; SELECT lo_from_bytea(0, 'large'); COMMENT ON TABLE orders IS 'all of them';
`;

beforeAll(async () => {
  cluster = await startTestCluster();
  shop = await createDatabase(cluster, 'shop', shopSql);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

test('a database with a bit of everything is proven in a throw-away server, every fact equal', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(shop, store);

  const proof = await verify(manifest, store);

  expect(proof).toMatchObject({ verdict: 'proven', facts: { differing: [] } });
  expect(manifest.facts.items).toContainEqual({ name: 'rows public.orders', value: '2000', compare: 'equal' });
  expect(manifest.facts.items).toContainEqual({ name: 'rows public.parent', value: '1', compare: 'equal' });
  expect(manifest.facts.items).toContainEqual({ name: 'sequence public.counter', value: '2', compare: 'at_least' });
  expect(proof.facts.compared).toBe(manifest.facts.items.length);
  expect(proof.sandbox).toMatch(/^throw-away PostgreSQL \d+\.\d+$/);
});

test('a scratch database on a given server proves as well, by a role that may only create databases', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(await createDatabase(cluster, 'plain', 'CREATE TABLE t AS SELECT 1 AS a'), store);
  await execute(cluster.access, 'postgres', 'CREATE ROLE scratch LOGIN CREATEDB');
  const scratch = { connection: { ...cluster.access.connection, user: 'scratch' } };

  const proof = await verify(manifest, store, { openSandbox: serverSandbox(scratch) });

  expect(proof).toMatchObject({ verdict: 'proven' });
  const left = await execute(cluster.access, 'postgres', "SELECT FROM pg_database WHERE datname ~ 'watchkeeper'");
  expect(left).toEqual([]);
});

test('what a killed proof left on the scratch server is dropped by the next one, what is under way is not', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(await createDatabase(cluster, 'again', 'CREATE TABLE t AS SELECT 1 AS a'), store);
  const name = (end: string) => `watchkeeper_proof_${Date.now() - 10 * 60_000}_${end}`;
  const [left, alive] = [name('0000dead'), name('00a11fe0')];
  for (const one of [left, alive]) await createDatabase(cluster, one);
  await using _guard = await openSession(cluster.access, {
    signal: AbortSignal.timeout(60_000),
    applicationName: alive,
  });

  const proof = await verify(manifest, store, { openSandbox: serverSandbox(cluster.access) });

  expect(proof.verdict).toBe('proven');
  const databases = await execute(
    cluster.access,
    'postgres',
    "SELECT datname FROM pg_database WHERE datname ~ '^watchk'",
  );
  expect(databases).toEqual([{ datname: alive }]);
  await execute(cluster.access, 'postgres', `DROP DATABASE "${alive}"`);
});

test('a scratch database is guarded by a session as long as its proof lasts', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(await createDatabase(cluster, 'guarded', 'CREATE TABLE t AS SELECT 1 AS a'), store);
  const method = await dumpMethod();
  const guards = "SELECT count(*) FROM pg_stat_activity WHERE application_name ~ '^watchkeeper_proof_'";
  const seen: unknown[] = [];
  const looking: BackupMethod = {
    ...method,
    async restore(...given) {
      seen.push((await execute(cluster.access, 'postgres', guards))[0]?.['count']);
      await method.restore(...given);
    },
  };

  await verify(manifest, store, { method: looking, openSandbox: serverSandbox(cluster.access) });

  expect(seen).toEqual(['1']);
  await expect.poll(() => execute(cluster.access, 'postgres', guards)).toEqual([{ count: '0' }]);
});

test('the dump opens with zstd and pg_restore alone', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(shop, store);
  const folder = mkdtempSync(join(tmpdir(), 'watchkeeper-test-'));
  const stored = store.objects.get(`shop/${manifest.id}/database.dump.zst`)!.bytes;

  writeFileSync(join(folder, 'database.dump.zst'), stored);
  execFileSync('zstd', ['-dq', join(folder, 'database.dump.zst')]);
  const list = execFileSync(join(cluster.installation.directory, 'pg_restore'), ['-l', join(folder, 'database.dump')]);

  expect(list.toString()).toContain('TABLE DATA public orders');
  rmSync(folder, { recursive: true });
});

test('without the zstd program node does its work, and either reads what the other wrote', async () => {
  const store = new MemoryStore();
  const byNode = await backUp(shop, store, await dumpMethod({ zstdProgram: undefined }));

  const proof = await verify(byNode, store);

  expect(proof.verdict).toBe('proven');
});

test('a row that the restore does not have fails the proof and names the table', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(shop, store);
  const method = await dumpMethod();
  const losing = {
    ...method,
    async restore(...[request, context]: Parameters<typeof method.restore>) {
      await method.restore(request, context);
      await execute(request.into, request.into.connection.database, 'DELETE FROM orders WHERE id = 1000');
    },
  };

  const proof = await verify(manifest, store, { method: losing });

  expect(proof.verdict).toBe('failed');
  expect(proof.reason).toContain('rows public.orders: expected 2000, found 1999');
  expect(proof.facts.differing.map(({ name }) => name)).toEqual(['rows public.orders', 'content public.orders']);
});

test('the fetched dump is for nobody else to read while it lies on the disk', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(shop, store);
  const method = await dumpMethod();
  const modes: number[] = [];
  const looking = {
    ...method,
    async restore(...[request, context]: Parameters<typeof method.restore>) {
      const path = request.contentPath('database.dump.zst');
      modes.push(...[path, dirname(path)].map((one) => statSync(one).mode & 0o777));
      await method.restore(request, context);
    },
  };

  const proof = await verify(manifest, store, { method: looking });

  expect(proof.verdict).toBe('proven');
  expect(modes).toEqual([0o600, 0o700]);
});

test.each([
  ['a changed value', "UPDATE orders SET t = 'order X' WHERE id = 7", ['content public.orders']],
  ['a lost index', 'DROP INDEX orders_t', ['objects indexes', 'definitions indexes', 'definition public.orders']],
  ['a sequence that is behind', "SELECT setval('counter', 1)", ['sequence public.counter']],
  [
    'a table that was added',
    'CREATE TABLE extra ()',
    [
      'objects tables',
      'definitions tables',
      'objects owners',
      'definitions owners',
      'definition public.extra',
      'rows public.extra',
      'content public.extra',
    ],
  ],
  [
    'a lost policy',
    'DROP POLICY own ON orders',
    ['objects policies', 'definitions policies', 'definition public.orders'],
  ],
])('%s in the restore fails the proof', async (_name, damage, differing) => {
  const store = new MemoryStore();
  const manifest = await backUp(shop, store);
  const method = await dumpMethod();
  const damaging = {
    ...method,
    async restore(...[request, context]: Parameters<typeof method.restore>) {
      await method.restore(request, context);
      await execute(request.into, request.into.connection.database, damage);
    },
  };

  const proof = await verify(manifest, store, { method: damaging });

  expect(proof.verdict).toBe('failed');
  expect(proof.facts.differing.map(({ name }) => name)).toEqual(differing);
});

test.each([
  [
    'columns that a parent got after its child',
    'CREATE TABLE p (a int); CREATE TABLE c (b text) INHERITS (p); ALTER TABLE p ADD COLUMN z int; INSERT INTO c VALUES (1, $$x$$, 2)',
  ],
  [
    'names with dots that read alike',
    'CREATE SCHEMA a; CREATE SCHEMA "a.b"; CREATE TABLE a."b.c" AS SELECT 1 AS x; CREATE TABLE "a.b".c AS SELECT 2 AS x FROM generate_series(1, 2)',
  ],
  ['plpgsql gone', 'DROP EXTENSION plpgsql'],
  [
    'partitions with a trigger, a foreign key, a range type',
    `CREATE TABLE r (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE r1 PARTITION OF r FOR VALUES FROM (0) TO (9);
     CREATE TABLE q (id int REFERENCES r) PARTITION BY RANGE (id); CREATE TABLE q1 PARTITION OF q FOR VALUES FROM (0) TO (9);
     CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TYPE span AS RANGE (subtype = int);
     CREATE TRIGGER t AFTER INSERT ON q FOR EACH ROW EXECUTE FUNCTION f(); CREATE INDEX ON ONLY q (id)`,
  ],
])('a database with %s is proven', async (name, sql) => {
  const store = new MemoryStore();
  const manifest = await backUp(await createDatabase(cluster, name, sql), store);

  const proof = await verify(manifest, store);

  expect(proof).toMatchObject({ verdict: 'proven', facts: { differing: [] } });
});

test('an index whose concurrent build failed is in no dump and spoils no proof', async () => {
  const broken = await createDatabase(cluster, 'broken', 'CREATE TABLE t AS SELECT 1 AS a FROM generate_series(1, 2)');
  await expect(execute(broken, 'broken', 'CREATE UNIQUE INDEX CONCURRENTLY ON t (a)')).rejects.toThrow('unique index');
  const store = new MemoryStore();
  const manifest = await backUp(broken, store);

  const proof = await verify(manifest, store);

  expect(proof).toMatchObject({ verdict: 'proven' });
});

test('rows written after the snapshot are in neither the dump nor the facts', async () => {
  const busy = await createDatabase(cluster, 'busy', 'CREATE TABLE t (a int)');
  const store = new MemoryStore();
  const method = await dumpMethod();
  const writing = setInterval(() => void execute(busy, 'busy', 'INSERT INTO t SELECT generate_series(1, 500)'), 5);
  const manifest = await backUp(busy, store, method);
  clearInterval(writing);

  const proof = await verify(manifest, store);

  expect(proof.verdict).toBe('proven');
});

test('assertions of the user are part of the proof, by name', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(shop, store);

  const proof = await verify(manifest, store, {
    assertions: [
      { name: 'there are orders', sql: 'SELECT count(*) > 0 FROM orders' },
      { name: 'orders of tomorrow', sql: "SELECT count(*) > 0 FROM orders WHERE at > now() + interval '1 day'" },
      { name: 'misspelt', sql: 'SELECT count(*) > 0 FROM ordres' },
      { name: 'harmful', sql: 'DELETE FROM orders RETURNING true' },
    ],
  });

  expect(proof.verdict).toBe('failed');
  expect(proof.assertions.map(({ name, passed }) => [name, passed])).toEqual([
    ['there are orders', true],
    ['orders of tomorrow', false],
    ['misspelt', false],
    ['harmful', false],
  ]);
  expect(proof.reason).toContain('misspelt (relation "ordres" does not exist)');
});

test('an assertion may name a value or limits, and nothing of the data is quoted unless it is asked for', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(shop, store);
  const secret = 'SELECT t FROM orders WHERE id = 7';

  const proof = await verify(manifest, store, {
    assertions: [
      { name: 'all orders', sql: 'SELECT count(*) FROM orders', equals: 2_000 },
      { name: 'one third', sql: 'SELECT 1500.50', equals: 1500.5 },
      { name: 'a name', sql: secret, equals: 'order 7' },
      { name: 'in between', sql: 'SELECT count(*) FROM orders', atLeast: 1_999, atMost: 2_001 },
      { name: 'too few', sql: 'SELECT count(*) FROM orders', atLeast: 2_001 },
      { name: 'too many', sql: 'SELECT count(*) FROM orders', atMost: 5, detail: true },
      { name: 'no number', sql: secret, atLeast: 5 },
      { name: 'not true', sql: secret },
      { name: 'cast', sql: 'SELECT t::int FROM orders WHERE id = 7' },
      { name: 'cast, told', sql: 'SELECT t::int FROM orders WHERE id = 7', detail: true },
      { name: 'nothing', sql: 'SELECT t FROM orders WHERE id < 0' },
      { name: 'two statements', sql: 'SELECT true; SELECT false' },
    ],
  });

  expect(proof).toMatchObject({ verdict: 'failed', cause: 'asserted' });
  expect(proof.assertions.map(({ name, passed, detail }) => (passed ? name : `${name}: ${detail}`))).toEqual([
    'all orders',
    'one third',
    'a name',
    'in between',
    'too few: the result is less than 2001',
    'too many: the result is more than 5, it is 2000',
    'no number: the result is not a number',
    'not true: the result is not true',
    'cast: the statement failed with SQLSTATE 22P02',
    'cast, told: invalid input syntax for type integer: "order 7"',
    'nothing: there is no row',
    'two statements: cannot insert multiple commands into a prepared statement',
  ]);
});

test('an assertion that takes too long says nothing about the backup, one that is not met does', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(await createDatabase(cluster, 'slow'), store);
  const slow = { name: 'slow', sql: 'SELECT true FROM pg_sleep(60)', timeout: 100 };

  const untold = await verify(manifest, store, { assertions: [slow, { name: 'true', sql: 'SELECT true' }] });
  const told = await verify(manifest, store, { assertions: [slow, { name: 'false', sql: 'SELECT false' }] });

  expect(untold).toMatchObject({ verdict: 'inconclusive', obstacle: 'time' });
  expect(untold.reason).toContain('assertion "slow" took longer than 100ms');
  expect(told).toMatchObject({ verdict: 'failed', cause: 'asserted' });
  expect(told.reason).toBe('assertions not met: false (the result is not true)');
});

/** Its comparison can be turned round without anybody noticing, as a changed collation of the system does. */
const fickleSql = `
  CREATE FUNCTION fickle_cmp(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT CASE WHEN $1 = $2 THEN 0 WHEN $1 > $2 THEN 1 ELSE -1 END';
  CREATE OPERATOR CLASS fickle FOR TYPE int USING btree AS OPERATOR 1 < (int, int), OPERATOR 2 <= (int, int),
    OPERATOR 3 = (int, int), OPERATOR 4 >= (int, int), OPERATOR 5 > (int, int), FUNCTION 1 fickle_cmp(int, int);
  CREATE TABLE t AS SELECT n FROM generate_series(1, 1000) n; CREATE INDEX t_fickle ON t (n fickle);`;

test('pg_amcheck goes through the restored tables and indexes where it is wanted; damage fails the proof', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(await createDatabase(cluster, 'fickle', fickleSql), store);
  const checkStructures = structureCheck(await testInstallations());
  const method = await dumpMethod();
  const damaging: BackupMethod = {
    ...method,
    async measure(access, ...rest) {
      const facts = await method.measure(access, ...rest);
      const turned = 'SELECT CASE WHEN $1 = $2 THEN 0 WHEN $1 > $2 THEN -1 ELSE 1 END';
      const sql = `CREATE OR REPLACE FUNCTION fickle_cmp(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS '${turned}'`;
      await execute(access, access.connection.database, sql);
      return facts;
    },
  };

  const unwanted = await verify(manifest, store, { method: damaging });
  const clean = await verify(manifest, store, { checkStructures });
  const damaged = await verify(manifest, store, { checkStructures, method: damaging });

  expect(unwanted.verdict).toBe('proven');
  expect(unwanted.amcheck).toBeUndefined();
  expect(clean).toMatchObject({ verdict: 'proven', amcheck: 'clean', notes: [] });
  expect(clean.seconds.amcheck).toBeGreaterThan(0);
  expect(damaged).toMatchObject({ verdict: 'failed', amcheck: 'damaged' });
  expect(damaged.reason).toMatch(/^pg_amcheck found damage: .*t_fickle.*item order invariant violated/);
});

test('where pg_amcheck cannot run the report says so, and the proof stands', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(await createDatabase(cluster, 'unchecked', 'CREATE TABLE t AS SELECT 1 AS a'), store);
  await execute(cluster.access, 'postgres', 'CREATE ROLE scratch_only LOGIN CREATEDB');
  const openSandbox = serverSandbox({ connection: { ...cluster.access.connection, user: 'scratch_only' } });

  const unprivileged = await verify(manifest, store, {
    openSandbox,
    checkStructures: structureCheck(await testInstallations()),
  });
  const missing = await verify(manifest, store, { checkStructures: structureCheck([]) });

  expect(unprivileged).toMatchObject({ verdict: 'proven', amcheck: 'not_run' });
  expect(unprivileged.notes.join()).toMatch(/pg_amcheck was not run: permission denied to create extension "amcheck"/);
  expect(missing).toMatchObject({ verdict: 'proven', amcheck: 'not_run' });
  expect(missing.notes.join()).toContain('no pg_amcheck was found');
});

test('an extension that the sandbox lacks makes the proof inconclusive and says what to install', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(shop, store);
  const extensions = [...manifest.source.extensions, { name: 'postgis', version: '3.3.2' }];

  const proof = await verify({ ...manifest, source: { ...manifest.source, extensions } }, store);

  expect(proof.verdict).toBe('inconclusive');
  expect(proof.reason).toContain('postgis 3.3.2; install them for PostgreSQL');
});

test('a source newer than every PostgreSQL here makes the proof inconclusive, with both versions', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(shop, store);

  const proof = await verify({ ...manifest, source: { ...manifest.source, versionNumber: 990_000 } }, store);

  expect(proof.verdict).toBe('inconclusive');
  expect(proof.reason).toMatch(/PostgreSQL 99 or newer is needed.*the newest found is \d+\.\d+ in /);
});

test('a dump taken from a standby is proven too, unlogged tables and all', async () => {
  await using primary = await startTestCluster();
  await createDatabase(primary, 'shop', shopSql);
  await using standby = await startTestStandby(primary);
  const replica = { connection: { ...standby.access.connection, database: 'shop' } };
  const caughtUp = () => execute(replica, 'shop', 'SELECT count(*) FROM orders');
  await expect.poll(() => caughtUp().catch(() => []), { timeout: 20_000 }).toEqual([{ count: '2000' }]);
  const store = new MemoryStore();

  const manifest = await backUp(replica, store);
  const proof = await verify(manifest, store);

  expect(manifest.facts.items).toContainEqual({ name: 'rows public.fleeting', value: '0', compare: 'equal' });
  expect(proof).toMatchObject({ verdict: 'proven' });
});
