import { readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { errorMessage } from '../../../src/core/errors.ts';
import { literalSecret } from '../../../src/core/secret.ts';
import { serverSandbox } from '../../../src/jobs/sandbox/server-postgres.ts';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import { parseConnection } from '../../../src/targets/libpq/parse-connection.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { type Authority, type CertificateFiles, makeAuthority } from '../../support/certificates.ts';
import { backUp, verify } from '../../support/keeping.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { createDatabase, execute, startTestCluster, startTestStandby } from '../../support/postgres.ts';

const keyPassword = "key 'pass\\word";

let primary: Cluster;
let standby: Cluster;
let authority: Authority;
let client: CertificateFiles;

beforeAll(async () => {
  primary = await startTestCluster();
  authority = await makeAuthority('shop');
  const server = await authority.issue('db', { names: 'DNS:localhost', forServer: true });
  client = await authority.issue('keeper', { password: keyPassword });
  await createDatabase(primary, 'shop', 'CREATE TABLE orders AS SELECT generate_series(1, 1000) AS id');
  for (const sql of [
    "CREATE ROLE keeper LOGIN SUPERUSER PASSWORD 'keeper-secret'",
    `ALTER SYSTEM SET ssl_cert_file = '${server.certificate}'`,
    `ALTER SYSTEM SET ssl_key_file = '${server.key}'`,
    `ALTER SYSTEM SET ssl_ca_file = '${authority.certificate}'`,
    'ALTER SYSTEM SET ssl = on',
  ]) {
    await execute(primary, 'postgres', sql);
  }
  const hba = [
    'local all all trust',
    'host all postgres 127.0.0.1/32 trust',
    'host replication all 127.0.0.1/32 trust',
    'hostssl all keeper 127.0.0.1/32 scram-sha-256 clientcert=verify-full',
  ];
  await writeFile(join(primary.dataDirectory, 'pg_hba.conf'), `${hba.join('\n')}\n`);
  await execute(primary, 'postgres', 'SELECT pg_reload_conf()');
  while ((await execute(primary, 'postgres', 'SHOW ssl'))[0]?.['ssl'] !== 'on') await delay(20);
  standby = await startTestStandby(primary);
  await vi.waitFor(() => execute(standby, 'shop', 'SELECT FROM orders'), 20_000);
});

afterAll(async () => {
  await standby?.[Symbol.asyncDispose]();
  await primary?.[Symbol.asyncDispose]();
  await authority?.[Symbol.asyncDispose]();
});

/** The standby stands first: whoever does not look comes out there. */
function guarded(sslPassword = keyPassword, rest = ''): PostgresAccess {
  const [first, second] = [standby, primary].map(({ access }) => `localhost:${access.connection.port}`);
  const files = `sslrootcert=${authority.certificate}&sslcert=${client.certificate}&sslkey=${client.key}`;
  const { connection } = parseConnection(
    `postgres://keeper@${first},${second}/shop?sslmode=verify-full&${files}&channel_binding=require${rest}`,
  );
  return { connection, password: literalSecret('keeper-secret'), sslPassword: literalSecret(sslPassword) };
}

const leftKeys = async () => (await readdir(tmpdir())).filter((name) => name.includes(`watchkeeper-login-`));

test('a backup over client certificates and several hosts is proven; snapshot and dump are of the same server', async () => {
  const store = new MemoryStore();

  const ofPrimary = await backUp(guarded(keyPassword, '&target_session_attrs=primary'), store);
  const proof = await verify(ofPrimary, store);

  expect(proof).toMatchObject({ verdict: 'proven' });
  expect(ofPrimary.facts.items).toContainEqual({ name: 'rows public.orders', value: '1000', compare: 'equal' });
  expect(await leftKeys()).toEqual([]);
});

test('a restore goes to the one server that it began with', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(guarded(keyPassword, '&target_session_attrs=primary'), store);
  const openSandbox = serverSandbox(guarded(keyPassword, '&target_session_attrs=read-write'));

  const proof = await verify(manifest, store, { openSandbox });

  expect(proof).toMatchObject({ verdict: 'proven' });
  expect(await leftKeys()).toEqual([]);
});

test('a wrong password of the key is told, and nothing of it is shown or left', async () => {
  const failure = await backUp(guarded('hunter2'), new MemoryStore()).catch(errorMessage);

  expect(failure).toContain(`the password from literal does not open the private key ${client.key}`);
  expect(failure).not.toContain('hunter2');
  expect(await leftKeys()).toEqual([]);
});
