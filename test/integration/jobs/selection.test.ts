import { afterAll, beforeAll, expect, test } from 'vitest';
import { errorMessage } from '../../../src/core/errors.ts';
import { resolveDumpedSelection } from '../../../src/jobs/backup/selection.ts';
import { restoreBackup } from '../../../src/jobs/restore-backup.ts';
import { serverSandbox } from '../../../src/jobs/sandbox/server-postgres.ts';
import type { SelectSettings } from '../../../src/jobs/settings.ts';
import { selectSettings } from '../../../src/jobs/settings.ts';
import type { VerifyRequest } from '../../../src/jobs/verify-backup.ts';
import { type PostgresAccess, withDatabase } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { everythingRolesSql, everythingSql } from '../../support/everything-database.ts';
import { backUp, dumpMethod, openingTools, verify } from '../../support/keeping.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { testContext, testSignal } from '../../support/test-context.ts';

let cluster: Cluster;
let everything: PostgresAccess;

const shopSql = `
  CREATE EXTENSION citext; CREATE SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext; COMMENT ON SCHEMA public IS 'ours';
  CREATE SCHEMA logs; CREATE SCHEMA archive; COMMENT ON SCHEMA archive IS 'old';
  CREATE TABLE customers (id serial PRIMARY KEY, name citext, extra ext.hstore); INSERT INTO customers (name) SELECT 'c' || n FROM generate_series(1, 10) n;
  CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer int REFERENCES customers);
  INSERT INTO orders (customer) SELECT n FROM generate_series(1, 10) n; COMMENT ON INDEX orders_pkey IS 'key';
  CREATE TABLE logs.lines (at date, line text) PARTITION BY RANGE (at);
  CREATE TABLE logs.old PARTITION OF logs.lines FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
  CREATE TABLE logs.new PARTITION OF logs.lines FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
  INSERT INTO logs.lines SELECT date '2025-12-01' + n, 'line' FROM generate_series(0, 60) n;
  CREATE TABLE archive."Odd ""Name" (a serial, "b.c" int); CREATE MATERIALIZED VIEW archive.totals AS SELECT count(*) FROM orders;
  CREATE PUBLICATION some_of_them FOR TABLE orders, logs.new; SELECT lo_from_bytea(1, 'large');
`;

beforeAll(async () => {
  cluster = await startTestCluster({ settings: { wal_level: 'logical' } });
  await execute(cluster, 'postgres', everythingRolesSql);
  everything = await createDatabase(cluster, 'everything', everythingSql(cluster.installation.major * 10_000));
  await createDatabase(cluster, 'shop', shopSql);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

/** A server for each proof takes most of the time; where neither owners nor notes matter the source's does. */
const onSource = (): Partial<VerifyRequest> => ({ openSandbox: serverSandbox(cluster.access) });

/** Backs up what is selected, and proves it; tells which tables' rows and which sequences are in it. */
async function roundTrip(
  select: Partial<SelectSettings>,
  access = withDatabase(cluster.access, 'shop'),
  given: Partial<VerifyRequest> = {},
) {
  const store = new MemoryStore();
  const method = await dumpMethod({ select: selectSettings.parse(select) });
  const manifest = await backUp(access, store, method);
  const proof = await verify(manifest, store, { method, ...given });
  expect(proof.reason).toBeUndefined();
  expect(proof.verdict).toBe('proven');
  const named = (kind: string) =>
    manifest.facts.items.flatMap(({ name }) => (name.startsWith(`${kind} `) ? [name.slice(kind.length + 1)] : []));
  return { manifest, proof, store, rows: named('rows'), sequences: named('sequence'), defined: named('definition') };
}

test('definitions alone: everything is there, and empty', async () => {
  const { manifest, rows, sequences } = await roundTrip({ content: 'schema' }, everything);

  expect([rows, sequences]).toEqual([[], []]);
  expect(manifest.parts.map(({ name }) => name)).toEqual(['database.dump.zst']);
  expect(manifest.facts.items.map(({ name }) => name)).toContain('definitions policies');
});

test('data alone is proven with the definitions beside it', async () => {
  const { manifest, rows } = await roundTrip({ content: 'data' }, everything);

  expect(rows).toContain('app.orders');
  expect(manifest.parts.map(({ name }) => name)).toEqual(['database.dump.zst', 'schema.dump.zst']);
});

test('chosen schemas bring their extensions and nothing else', async () => {
  const { rows, sequences, manifest } = await roundTrip({ schemas: ['pub*'] });

  expect(rows).toEqual(['public.customers', 'public.orders']);
  expect(sequences).toEqual(['public.customers_id_seq', 'public.orders_id_seq']);
  expect(manifest.selection).toEqual({ content: 'all', schemas: ['public'] });
});

test('a chosen schema without some of its tables', async () => {
  const { rows } = await roundTrip({ schemas: ['public'], excludeTables: ['public.orders'] });

  expect(rows).toEqual(['public.customers']);
});

test('chosen tables bring their partitions and own sequences, in schemas that the restore makes', async () => {
  const chosen = await roundTrip({ tables: ['logs.line?', 'archive.Odd*'] });

  expect(chosen.rows).toEqual(
    ['archive.Odd "Name', 'logs.new', 'logs.old'].map((name) =>
      name.replace('archive.Odd "Name', 'archive."Odd ""Name"'),
    ),
  );
  expect(chosen.sequences).toHaveLength(1);
  expect(chosen.defined).toContain('logs.lines');
});

test('schemas and tables that are left out take their sequences, comments and publications with them', async () => {
  const { rows, manifest } = await roundTrip({ excludeSchemas: ['arch*'], excludeTables: ['logs.lines'] });

  expect(rows).toEqual(['public.customers', 'public.orders']);
  expect(manifest.facts.items).toContainEqual({ name: 'objects published tables', value: '1', compare: 'equal' });
  expect(manifest.facts.items).toContainEqual({ name: 'objects large objects', value: '1', compare: 'equal' });
});

test('tables whose rows are left out are restored empty', async () => {
  const { rows, defined } = await roundTrip({ excludeTableData: ['logs.*'] });

  expect(rows).not.toContain('logs.old');
  expect(rows).toContain('public.orders');
  expect(defined).toContain('logs.old');
});

test('chosen data alone, in a schema that every database has', async () => {
  const { rows } = await roundTrip({ content: 'data', schemas: ['public'] });

  expect(rows).toEqual(['public.customers', 'public.orders']);
});

test('a selection that fits nothing fails, instead of backing up nothing', async () => {
  await expect(roundTrip({ tables: ['public.ordres'] })).rejects.toThrow(
    'the database has no table public.ordres to back up',
  );
});

const toCustomers = { schema: 'public', table: 'orders', name: 'orders_customer_fkey' };

test.for<[string, Partial<SelectSettings>]>([
  ['a table that was not chosen', { tables: ['public.orders'] }],
  ['a table that was not chosen, of definitions alone', { content: 'schema', tables: ['public.orders'] }],
  ['a table that was not chosen, of data alone', { content: 'data', tables: ['public.orders'] }],
  ['a table that was left out', { excludeTables: ['public.customers'] }],
  ['rows that were left out', { excludeTableData: ['public.customers'] }],
])('a foreign key to %s is not made, and told', async ([, select]) => {
  const { manifest, proof } = await roundTrip(select);

  expect(manifest.selection?.withoutForeignKeys).toEqual([toCustomers]);
  expect(proof.notes).toEqual([
    'not made are foreign keys to what the backup does not hold: orders_customer_fkey of public.orders',
  ]);
});

test('a foreign key between tables that were both chosen, or both without rows, is made', async () => {
  for (const select of [
    { tables: ['public.orders', 'public.customers'] },
    { excludeTableData: ['public.*'] },
    { excludeTableData: ['public.orders'] },
    { content: 'schema', schemas: ['public'] },
  ] as const) {
    const { manifest, proof } = await roundTrip(selectSettings.parse(select), undefined, onSource());
    expect(manifest.selection?.withoutForeignKeys).toBeUndefined();
    expect(proof.notes.join()).not.toContain('foreign keys');
  }
});

/** Owners, tables and keys with names that need quotes, comments on all of them, partitions on both sides. */
const linkedSql = `
  CREATE ROLE "Web Shop"; CREATE SCHEMA "Old Shop"; GRANT ALL ON SCHEMA "Old Shop" TO "Web Shop";
  CREATE TABLE kinds (id int PRIMARY KEY); INSERT INTO kinds VALUES (1), (2);
  CREATE TABLE regions (id int PRIMARY KEY) PARTITION BY RANGE (id);
  CREATE TABLE regions_low PARTITION OF regions FOR VALUES FROM (0) TO (10);
  CREATE TABLE regions_high PARTITION OF regions FOR VALUES FROM (10) TO (20);
  INSERT INTO regions VALUES (1), (11);
  CREATE TABLE "Old Shop"."Order Items" (id int PRIMARY KEY, kind int CONSTRAINT "Its kind" REFERENCES kinds,
    region int CONSTRAINT region REFERENCES regions, parent int CONSTRAINT parent REFERENCES "Old Shop"."Order Items") PARTITION BY RANGE (id);
  CREATE TABLE "Old Shop"."Order Items 1" PARTITION OF "Old Shop"."Order Items" FOR VALUES FROM (0) TO (100);
  INSERT INTO "Old Shop"."Order Items" VALUES (1, 1, 1, 1), (2, 2, 11, 1);
  COMMENT ON CONSTRAINT "Its kind" ON "Old Shop"."Order Items" IS 'kind'; COMMENT ON CONSTRAINT region ON "Old Shop"."Order Items" IS 'where';
  COMMENT ON CONSTRAINT parent ON "Old Shop"."Order Items" IS 'stays';
  ALTER TABLE "Old Shop"."Order Items" OWNER TO "Web Shop"; ALTER TABLE "Old Shop"."Order Items 1" OWNER TO "Web Shop";
`;

test('names that need quotes, comments on what is left out, and partitions of both tables', async () => {
  const linked = await createDatabase(cluster, 'linked', linkedSql);
  const leftOut = async (select: Partial<SelectSettings>) => {
    const { manifest } = await roundTrip(select, linked);
    return manifest.selection?.withoutForeignKeys?.map(({ table, name }) => `${table}: ${name}`);
  };

  expect(await leftOut({ schemas: ['Old Shop'] })).toEqual(['Order Items: Its kind', 'Order Items: region']);
  expect(await leftOut({ excludeTableData: ['public.regions_high'] })).toEqual(['Order Items: region']);
  expect(await leftOut({ excludeTables: ['public.regions', 'public.kinds'] })).toEqual([
    'Order Items: Its kind',
    'Order Items: region',
  ]);
});

test('what is left out of a backup hinders no restore of it, whole or of one table, and is told', async () => {
  const select = selectSettings.parse({ tables: ['public.orders', 'logs.*'] });
  const store = new MemoryStore();
  const method = await dumpMethod({ select });
  const manifest = await backUp(withDatabase(cluster.access, 'shop'), store, method);
  const request = { manifest, store, method, server: cluster.access, onConflict: 'refuse', ...openingTools } as const;

  const whole = await restoreBackup({ ...request, database: 'shop_whole' }, testContext());
  const selection = { tables: ['logs.new'], schemas: [] };
  const one = await restoreBackup({ ...request, database: 'shop_one', selection }, testContext());

  for (const { notes, differing } of [whole, one]) {
    expect(notes.join('; ')).toContain('orders_customer_fkey of public.orders');
    expect(differing).toEqual([]);
  }
});

test('a chosen table whose type was not chosen does not restore, and the proof says why', async () => {
  const typed = await createDatabase(
    cluster,
    'typed',
    "CREATE SCHEMA shared; CREATE TYPE shared.state AS ENUM ('new'); CREATE TABLE orders (state shared.state)",
  );
  const store = new MemoryStore();
  const method = await dumpMethod({ select: selectSettings.parse({ tables: ['public.orders'] }) });
  const manifest = await backUp(typed, store, method);

  const proof = await verify(manifest, store, { method });

  expect(proof.verdict).toBe('failed');
  expect(proof.reason).toContain('schema "shared" does not exist');
  expect(proof.reason).toContain('"watchkeeper check" names it');
});

test('a table that the role may not read hinders nothing when it is left out', async () => {
  const guarded = await createDatabase(
    cluster,
    'guarded',
    'CREATE ROLE weak LOGIN; CREATE TABLE open AS SELECT 1 AS a; CREATE TABLE secret AS SELECT 2 AS b; GRANT SELECT ON open TO weak',
  );
  const weak = { connection: { ...guarded.connection, user: 'weak' } };

  expect(await roundTrip({}, weak).catch(errorMessage)).toContain('permission denied for table secret');
  const { rows } = await roundTrip({ excludeTables: ['public.secret'] }, weak);

  expect(rows).toEqual(['public.open']);
});

test('schemas and tables together are refused, and a table pattern without schema', () => {
  expect(selectSettings.safeParse({ schemas: ['a'], tables: ['a.b'] }).success).toBe(false);
  expect(selectSettings.safeParse({ tables: ['orders'] }).success).toBe(false);
});

test('a foreign key that nobody checks needs the table, but not its rows', async () => {
  const access = await createDatabase(
    cluster,
    'unchecked',
    `CREATE TABLE users (id int PRIMARY KEY); CREATE TABLE orders (by int); INSERT INTO orders VALUES (1);
     ALTER TABLE orders ADD CONSTRAINT "by whom" FOREIGN KEY (by) REFERENCES users NOT VALID`,
  );

  const withoutRows = await roundTrip({ excludeTableData: ['public.users'] }, access, onSource());
  const without = await roundTrip({ excludeTables: ['public.users'] }, access, onSource());

  expect(withoutRows.manifest.selection?.withoutForeignKeys).toBeUndefined();
  expect(without.manifest.selection?.withoutForeignKeys).toHaveLength(1);
});

test('foreign keys to partitions: of the tree all must be chosen, and what is not is not locked', async () => {
  const access = await createDatabase(
    cluster,
    'tree',
    `CREATE TABLE days (at int PRIMARY KEY) PARTITION BY RANGE (at);
     CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (at);
     CREATE TABLE "Days 1.1" PARTITION OF days_1 FOR VALUES FROM (0) TO (10); INSERT INTO days VALUES (1);
     CREATE TABLE notes (at int REFERENCES days, one int REFERENCES "Days 1.1"); INSERT INTO notes VALUES (1, 1)`,
  );
  const left = async (select: Partial<SelectSettings>) => {
    const { manifest } = await roundTrip(select, access, onSource());
    return manifest.selection?.withoutForeignKeys?.map(({ name }) => name) ?? [];
  };

  expect(await left({ schemas: ['public'] })).toEqual([]);
  expect(await left({ excludeTableData: ['public.Days 1.1'] })).toEqual(['notes_at_fkey', 'notes_one_fkey']);
  const signal = testSignal();
  await using other = await openSession(access, { signal });
  await other.query('BEGIN; LOCK TABLE "Days 1.1" IN ACCESS EXCLUSIVE MODE', { signal });
  await using session = await openSession(access, {
    signal,
    settings: { search_path: 'pg_catalog', lock_timeout: '1s' },
  });
  const selection = await resolveDumpedSelection(session, selectSettings.parse({ tables: ['public.notes'] }), signal);
  expect(selection?.withoutForeignKeys?.map(({ name }) => name)).toEqual(['notes_at_fkey', 'notes_one_fkey']);
});
