import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { unprivilegedUser } from '../../../src/core/unprivileged-user.ts';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import type { BackupMethod } from '../../../src/jobs/backup/method.ts';
import { serverSandbox } from '../../../src/jobs/sandbox/server-postgres.ts';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { backUp, dumpMethod, verify } from '../../support/keeping.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { wholeInstallation } from '../../support/postgres-majors.ts';

/** As pg_cron keeps its jobs and postgis its systems of coordinates: rows of the extension, and rows of its users. */
const extensionSql = `
CREATE TABLE job (id int PRIMARY KEY, what text, built_in bool DEFAULT false); CREATE SEQUENCE job_number; CREATE TABLE cache (a int);
INSERT INTO job VALUES (1, 'vacuum', true), (2, 'analyze', true); INSERT INTO cache VALUES (1);
SELECT pg_extension_config_dump('job', 'WHERE NOT built_in'); SELECT pg_extension_config_dump('job_number', '');
`;

let folder: WorkDirectory;
let cluster: Cluster;
let access: PostgresAccess;
let method: BackupMethod;
// Only from version 18 on extensions can lie elsewhere than in the folder of all.
beforeAll(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-extension-', owner: await unprivilegedUser() });
  const control = join(folder.path, 'extension');
  await mkdir(control);
  await writeFile(join(control, 'timetable.control'), "default_version = '1'\nrelocatable = true\n");
  await writeFile(join(control, 'timetable--1.sql'), extensionSql);
  const settings = { extension_control_path: `'$system:${folder.path}'`, shared_preload_libraries: "''" };
  cluster = await startTestCluster({ major: 18, settings });
  access = await createDatabase(
    cluster,
    'shop',
    `CREATE SCHEMA cron; CREATE EXTENSION timetable SCHEMA cron; SELECT setval('cron.job_number', 30);
     INSERT INTO cron.job SELECT n, 'nightly' FROM generate_series(10, 30) n; INSERT INTO cron.cache VALUES (2)`,
  );
  method = await dumpMethod({ installations: [await wholeInstallation(18)] });
}, 120_000);
afterAll(async () => {
  for (const one of [cluster, folder]) await one[Symbol.asyncDispose]();
});

test('what users told an extension is counted, and proven to come back', async () => {
  const store = new MemoryStore();

  const manifest = await backUp(access, store, method);
  const proof = await verify(manifest, store, { method, openSandbox: serverSandbox(cluster.access) });

  expect(proof.reason).toBeUndefined();
  expect(proof).toMatchObject({ verdict: 'proven', facts: { differing: [] } });
  const { items } = manifest.facts;
  expect(items).toContainEqual({ name: 'rows cron.job', value: '21', compare: 'equal' });
  expect(items).toContainEqual({ name: 'sequence cron.job_number', value: '30', compare: 'at_least' });
  expect(items.map(({ name }) => name)).not.toContain('rows cron.cache');
});

test('a restore that lost it is noticed', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(access, store, method);
  const forgetful: BackupMethod = {
    ...method,
    async restore(request, context) {
      await method.restore(request, context);
      const { database } = request.into.connection;
      await execute(request.into, database, "DELETE FROM cron.job WHERE id = 30; SELECT setval('cron.job_number', 29)");
    },
  };

  const proof = await verify(manifest, store, { method: forgetful, openSandbox: serverSandbox(cluster.access) });

  expect(proof.verdict).toBe('failed');
  expect(proof.facts.differing).toEqual([
    { name: 'sequence cron.job_number', expected: '30', actual: '29' },
    { name: 'rows cron.job', expected: '21', actual: '20' },
  ]);
});
