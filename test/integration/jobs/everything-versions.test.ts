import { expect, test } from 'vitest';
import { measureDatabase } from '../../../src/jobs/backup/measure-database.ts';
import { serverSandbox } from '../../../src/jobs/sandbox/server-postgres.ts';
import { withDatabase } from '../../../src/targets/libpq/access.ts';
import { everythingRolesSql, everythingSql } from '../../support/everything-database.ts';
import { backUp, verify } from '../../support/keeping.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { testContext } from '../../support/test-context.ts';

async function startWithEverything(major: 12 | 13 | 14 | 16 | 17 | 18) {
  const cluster = await startTestCluster({ major, settings: { wal_level: 'logical', shared_preload_libraries: "''" } });
  await execute(cluster, 'postgres', everythingRolesSql);
  await createDatabase(cluster, 'everything', everythingSql(major * 10_000));
  return cluster;
}

test.each([12, 13, 14] as const)(
  'everything of PostgreSQL %i is proven on a newer one, and what it cannot tell is said',
  async (major) => {
    await using cluster = await startWithEverything(major);
    const store = new MemoryStore();
    const manifest = await backUp(withDatabase(cluster.access, 'everything'), store);

    const proof = await verify(manifest, store);

    expect(proof.reason).toBeUndefined();
    expect(proof.facts.differing).toEqual([]);
    expect(proof.verdict).toBe('proven');
    expect(proof.notes.join()).toMatch(
      new RegExp(`facts were not compared: PostgreSQL \\d+ writes definitions otherwise than ${major}`),
    );
  },
);

test.each([12, 13, 14] as const)(
  'everything of PostgreSQL %i is proven on the same version, by definitions too',
  async (major) => {
    await using cluster = await startWithEverything(major);
    const store = new MemoryStore();
    const manifest = await backUp(withDatabase(cluster.access, 'everything'), store);

    const proof = await verify(manifest, store, { openSandbox: serverSandbox(cluster.access) });

    expect(proof.reason).toBeUndefined();
    expect(proof.facts.differing).toEqual([]);
    expect(proof.verdict).toBe('proven');
    expect(proof.notes.join()).toContain('owners and rights were not restored');
  },
);

test.each([
  [16, '22'],
  [17, '22'],
  [18, '24'],
] as const)('everything of PostgreSQL %i can be measured', async (major, tables) => {
  await using cluster = await startWithEverything(major);
  await execute(cluster, 'postgres', 'CREATE DATABASE copy TEMPLATE everything');
  const measure = (name: string) =>
    measureDatabase(withDatabase(cluster.access, name), { facts: { mode: 'content' } }, testContext());

  const facts = await measure('everything');

  expect(facts).toContainEqual({ name: 'objects tables', value: tables, compare: 'equal' });
  expect(await measure('copy')).toEqual(facts);
});
