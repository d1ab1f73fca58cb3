import { expect, test } from 'vitest';
import { makeWorkDirectory } from '../../../src/core/work-directory.ts';
import { localSandbox } from '../../../src/jobs/sandbox/local-postgres.ts';
import { everythingRolesSql, everythingSql } from '../../support/everything-database.ts';
import { backUp, dumpMethod, verify } from '../../support/keeping.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { clientMajors, wholeInstallation } from '../../support/postgres-majors.ts';

test.each(clientMajors)(
  'everything of PostgreSQL %i is proven by the programs of the same version, in either format',
  { timeout: 240_000 },
  async (major) => {
    const installations = [await wholeInstallation(major)];
    const settings = { wal_level: 'logical', shared_preload_libraries: "''" };
    await using cluster = await startTestCluster({ major, settings });
    await execute(cluster, 'postgres', everythingRolesSql);
    const access = await createDatabase(cluster, 'everything', everythingSql(major * 10_000));
    await using spool = await makeWorkDirectory({ prefix: 'watchkeeper-test-spool-' });
    const openSandbox = localSandbox({ installations, user: 'postgres' });

    for (const directory of [undefined, { spoolDirectory: spool.path, parallelJobs: 2 }]) {
      const method = await dumpMethod({ installations, directory });
      const store = new MemoryStore();
      const manifest = await backUp(access, store, method);
      const proof = await verify(manifest, store, { method, openSandbox });

      expect(proof.reason).toBeUndefined();
      expect(proof).toMatchObject({ verdict: 'proven', facts: { differing: [] }, notes: [] });
      expect(manifest.tools['pg_dump']).toMatch(new RegExp(`^${major}\\.`));
      expect(proof.facts.compared).toBe(manifest.facts.items.length);
    }
  },
);
