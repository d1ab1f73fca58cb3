import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startDaemon } from '../../support/daemon.ts';
import { startMoto } from '../../support/moto.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';

const deploy = join(import.meta.dirname, '../../../deploy');
const databases = ['auth_db', 'payments_db', 'admin_db', 'profile_db'];

/** Lineages whose last proof is told with a real time. */
function provenOn(page: string): number {
  return page.match(/^watchkeeper_proof_last_success_timestamp_seconds\{.*\} 1\d{9}/gm)?.length ?? 0;
}

test('the set-up of four services runs as shipped: four databases on S3, proven, watched, nothing of it in clear', async () => {
  await using cluster = await startTestCluster({ password: 'superuser' });
  for (const name of databases) {
    await createDatabase(cluster, name, 'CREATE TABLE things AS SELECT generate_series(1, 1000) AS id');
  }
  const roles = await readFile(join(deploy, 'sql/roles.sql'), 'utf8');
  for (const name of ['postgres', ...databases]) await execute(cluster, name, roles);
  await execute(
    cluster,
    'postgres',
    "ALTER ROLE watchkeeper_monitor PASSWORD 'mon-pw'; ALTER ROLE watchkeeper_backup PASSWORD 'bak-pw'",
  );
  await using moto = await startMoto();
  const bucket = await moto.makeBucket();
  const { port } = cluster.access.connection;

  await using daemon = await startDaemon(['-c', join(deploy, 'examples/poc3.yaml')], {
    POC3_LISTEN: '127.0.0.1:0',
    POC3_URL: `postgres://watchkeeper_monitor@127.0.0.1:${port}/auth_db?sslmode=disable`,
    POC3_MONITOR_PASSWORD: 'mon-pw',
    POC3_BACKUP_PASSWORD: 'bak-pw',
    POC3_BUCKET: bucket,
    POC3_S3_ENDPOINT: moto.endpoint,
    POC3_S3_PATH_STYLE: 'true',
    AWS_ACCESS_KEY_ID: 'testing',
    AWS_SECRET_ACCESS_KEY: 's3-secret',
  });
  for (const name of databases) {
    await daemon.untilLogged(
      `the proof of ${name}`,
      ({ job, database, verdict }) => job === 'verify' && database === name && verdict === 'proven',
    );
  }
  // The stores are read again in the background after each run.
  await expect.poll(async () => provenOn((await daemon.get('/metrics')).text), { timeout: 20_000 }).toBe(4);
  const page = await daemon.get('/metrics');

  for (const name of databases) {
    expect(page.text).toMatch(
      new RegExp(`watchkeeper_proof_last_success_timestamp_seconds\\{[^}]*database="${name}"[^}]*\\} 1\\d{9}`),
    );
    expect(page.text).toMatch(
      new RegExp(`pg_stat_database_xact_commit\\{target="poc3",datid="\\d+",datname="${name}"\\}`),
    );
  }
  await using store = await moto.openStore({ bucket, prefix: 'prod' });
  const keys: string[] = [];
  for await (const { key } of store.list('poc3/', AbortSignal.timeout(10_000))) keys.push(key.split('/')[2] ?? '');
  expect(keys.filter((name) => name === 'manifest.json')).toHaveLength(4);
  expect(keys.filter((name) => name.startsWith('verified-'))).toHaveLength(4);
  for (const secret of ['mon-pw', 'bak-pw', 's3-secret'])
    expect(daemon.command.err() + page.text).not.toContain(secret);
});
