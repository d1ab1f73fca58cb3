import { expect, test } from 'vitest';
import { localSandbox } from '../../../src/jobs/sandbox/local-postgres.ts';
import { everythingRolesSql, everythingSql } from '../../support/everything-database.ts';
import { backUp, dumpMethod, verify } from '../../support/keeping.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { wholeInstallation } from '../../support/postgres-majors.ts';

test.each([
  [15, 16],
  [15, 17],
  [15, 18],
  [17, 18],
] as const)(
  'everything of PostgreSQL %i is proven where PostgreSQL %i alone is installed',
  { timeout: 240_000 },
  async (source, newer) => {
    const installations = [await wholeInstallation(newer)];
    const settings = { wal_level: 'logical', shared_preload_libraries: "''" };
    await using cluster = await startTestCluster({ major: source, settings });
    await execute(cluster, 'postgres', everythingRolesSql);
    const access = await createDatabase(cluster, 'everything', everythingSql(source * 10_000));
    const method = await dumpMethod({ installations });
    const store = new MemoryStore();
    const manifest = await backUp(access, store, method);

    const openSandbox = localSandbox({ installations, user: 'postgres' });
    const proof = await verify(manifest, store, { method, openSandbox });

    expect(proof.reason).toBeUndefined();
    expect(proof.facts.differing).toEqual([]);
    expect(proof.verdict).toBe('proven');
  },
);
