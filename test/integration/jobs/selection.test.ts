import { afterAll, beforeAll, expect, test } from 'vitest';
import { errorMessage } from '../../../src/core/errors.ts';
import type { SelectSettings } from '../../../src/jobs/settings.ts';
import { selectSettings } from '../../../src/jobs/settings.ts';
import { type PostgresAccess, withDatabase } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { everythingRolesSql, everythingSql } from '../../support/everything-database.ts';
import { backUp, dumpMethod, verify } from '../../support/keeping.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';

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

/** Backs up what is selected, and proves it; tells which tables' rows and which sequences are in it. */
async function roundTrip(select: Partial<SelectSettings>, access = withDatabase(cluster.access, 'shop')) {
  const store = new MemoryStore();
  const method = await dumpMethod({ select: selectSettings.parse(select) });
  const manifest = await backUp(access, store, method);
  const proof = await verify(manifest, store, { method });
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

test('tables that refer to others which were not chosen do not restore, and the proof says so', async () => {
  const store = new MemoryStore();
  const method = await dumpMethod({ select: selectSettings.parse({ tables: ['public.orders'] }) });
  const manifest = await backUp(withDatabase(cluster.access, 'shop'), store, method);

  const proof = await verify(manifest, store, { method });

  expect(proof.verdict).toBe('failed');
  expect(proof.reason).toContain('relation "public.customers" does not exist');
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
