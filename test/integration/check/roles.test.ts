import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkConfiguration } from '../../../src/commands/check.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLog } from '../../../src/core/log.ts';
import { runProcess } from '../../../src/core/run-process.ts';
import { openStore } from '../../../src/storage/index.ts';
import { probeStore } from '../../../src/storage/probe.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { libpqEnvironment } from '../../../src/targets/postgres/libpq.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';

const root = new URL('../../../', import.meta.url).pathname;
const searchPath = process.env['PATH'] ?? '';
const signal = new AbortController().signal;
const databases = ['auth_db', 'payments_db', 'admin_db', 'profile_db'];
let cluster: Cluster;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'watchkeeper-roles-'));
  cluster = await startTestCluster({ listen: 'socket' });
  await execute(cluster, 'postgres', 'CREATE ROLE service LOGIN');
  for (const name of databases) {
    await createDatabase(
      cluster,
      name,
      `GRANT CREATE ON DATABASE ${name} TO service; REVOKE CONNECT ON DATABASE ${name} FROM PUBLIC;
       SET ROLE service; CREATE SCHEMA private; CREATE TABLE private.users (id bigserial PRIMARY KEY)`,
    );
  }
  await execute(cluster, 'auth_db', 'CREATE EXTENSION pg_stat_statements');
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function applyRoles(): Promise<void> {
  const psql = join(cluster.installation.directory, 'psql');
  const args = ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', join(root, 'deploy/sql/roles.sql')];
  await runProcess(psql, args, { signal, env: libpqEnvironment(cluster.access, undefined) });
}

async function problemsOfExample(): Promise<string[]> {
  const { host, port } = cluster.access.connection;
  const result = await loadConfig(join(root, 'deploy/examples/poc3.yaml'), {
    POC3_URL: `postgres://watchkeeper_monitor@${encodeURIComponent(host)}:${port}/auth_db`,
    POC3_MONITOR_PASSWORD: 'trusted anyway',
    POC3_BACKUP_PASSWORD: 'trusted anyway',
  });
  if (!result.ok) throw new Error(result.problems.map(({ message }) => message).join('\n'));
  const findings = await checkConfiguration(result.config, {
    signal,
    clock: systemClock,
    log: silentLog,
    searchPath,
    openStore: () =>
      openStore(
        { type: 'filesystem', path: join(folder, 'store') },
        { secretAccessKey: undefined, clock: systemClock },
      ),
    probeStore,
  });
  return findings.filter(({ status }) => status === 'error').map(({ subject, message }) => `${subject}: ${message}`);
}

test('the roles of roles.sql are all that the example of four databases needs, and may be made twice', async () => {
  const before = await problemsOfExample();
  await applyRoles();
  await applyRoles();
  const after = await problemsOfExample();

  expect(before).toEqual([
    'target poc3: there is no role "watchkeeper_monitor"',
    ...databases.map((name) => `target poc3, database ${name}: there is no role "watchkeeper_backup"`),
  ]);
  expect(after).toEqual([]);
});

test('the backup role can change nothing by mistake, and the watching one can read no data', async () => {
  await applyRoles();
  const as = (user: string) => ({
    ...cluster.access,
    connection: { ...cluster.access.connection, user, database: 'auth_db' },
  });
  await using backup = await openSession(as('watchkeeper_backup'), { signal });
  await using monitor = await openSession(as('watchkeeper_monitor'), { signal });

  const read = await backup.query('SELECT count(*) AS rows FROM private.users', { signal });
  const write = await backup.query('CREATE TABLE public.x (id int)', { signal }).catch((error: Error) => error.message);
  const peek = await monitor.query('SELECT FROM private.users', { signal }).catch((error: Error) => error.message);

  expect(read).toEqual([{ rows: '0' }]);
  expect(write).toBe('cannot execute CREATE TABLE in a read-only transaction');
  expect(peek).toBe('permission denied for schema private');
});
