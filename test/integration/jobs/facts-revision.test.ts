import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Manifest } from '../../../src/jobs/manifest.ts';
import { selectSettings } from '../../../src/jobs/settings.ts';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { backUp, dumpMethod, verify } from '../../support/keeping.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { createDatabase, startTestCluster } from '../../support/postgres.ts';

let cluster: Cluster;
let shop: PostgresAccess;
const store = new MemoryStore();

beforeAll(async () => {
  cluster = await startTestCluster();
  shop = await createDatabase(
    cluster,
    'shop',
    'CREATE TABLE orders AS SELECT generate_series(1, 10) AS id; CREATE TABLE unknown (id int)',
  );
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

/** As a version would have taken it that knew neither views nor a kind of table, nor how we write the definition of one. */
function byAnotherVersion(manifest: Manifest): Manifest {
  const items = manifest.facts.items
    .filter(({ name }) => !name.endsWith(' views') && !name.endsWith('.unknown'))
    .map((fact) => (fact.name === 'definition public.orders' ? { ...fact, value: 'ab'.repeat(16) } : fact));
  return { ...manifest, facts: { ...manifest.facts, revision: 99, items } };
}

test('a backup that another version measured otherwise is proven by its rows, and the report says so', async () => {
  const manifest = byAnotherVersion(await backUp(shop, store));

  const proof = await verify(manifest, store);

  expect(proof).toMatchObject({ verdict: 'proven', facts: { compared: 3, differing: [] } });
  const [note] = proof.notes;
  expect(note).toMatch(/^\d+ facts were not compared: the version of Watchkeeper that took the backup told/);
});

test('rows that are missing are noticed whichever version counted them', async () => {
  const manifest = byAnotherVersion(await backUp(shop, store));
  const items = manifest.facts.items.map((fact) => (fact.name.startsWith('rows ') ? { ...fact, value: '11' } : fact));

  const proof = await verify({ ...manifest, facts: { ...manifest.facts, items } }, store);

  expect(proof).toMatchObject({ verdict: 'failed', cause: 'different' });
  expect(proof.reason).toContain('rows public.orders: expected 11, found 10');
});

test('a backup of definitions alone cannot be judged by another version', async () => {
  const schemaOnly = await dumpMethod({ select: selectSettings.parse({ content: 'schema' }) });
  const manifest = byAnotherVersion(await backUp(shop, store, schemaOnly));

  const proof = await verify(manifest, store);

  expect(proof).toMatchObject({ verdict: 'inconclusive', obstacle: 'version' });
});
