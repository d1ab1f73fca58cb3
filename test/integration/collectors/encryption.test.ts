import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Sample } from '../../../src/core/metric.ts';
import { parseConnection } from '../../../src/targets/libpq/parse-connection.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { type Authority, makeAuthority } from '../../support/certificates.ts';
import { startTestCluster } from '../../support/postgres.ts';
import { scrapeOne, singleValue, testScraper, valuesOf, watched } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';

let cluster: Cluster;
let authority: Authority;

beforeAll(async () => {
  authority = await makeAuthority('ours');
  const { certificate, key } = await authority.issue('db', { names: 'IP:127.0.0.1', forServer: true });
  cluster = await startTestCluster({
    settings: { ssl: 'on', ssl_cert_file: `'${certificate}'`, ssl_key_file: `'${key}'` },
  });
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await authority?.[Symbol.asyncDispose]();
});

function accessBy(sslMode: string) {
  const { port } = cluster.access.connection;
  const { connection } = parseConnection(`postgres://postgres@127.0.0.1:${port}/postgres?sslmode=${sslMode}`);
  return { connection, password: undefined };
}

async function scrape(sslMode: string): Promise<readonly Sample[]> {
  await using scraper = testScraper([watched('server', accessBy(sslMode), { connections: 1 })]);
  return await scrapeOne(scraper, 'server', testSignal());
}

/** `transport` or `transport version` to sessions. */
function transports(samples: readonly Sample[]): Record<string, number> {
  const found = samples.filter(({ metric }) => metric.name === 'pg_sessions_by_transport');
  return Object.fromEntries(
    found.map(({ labelValues: [transport, version], value }) => [`${transport} ${version}`.trim(), value]),
  );
}

test('sessions are counted by how they come, with the version of TLS', async () => {
  const plain = await openSession(accessBy('disable'), { signal: testSignal() });
  onTestFinished(() => plain.destroy());

  const samples = await scrape('require');

  expect(transports(samples)).toEqual({ unix: 0, plain: 1, 'tls TLSv1.3': 1 });
});

test('the certificate that the server showed tells until when it is good', async () => {
  const samples = await scrape('require');

  const expiresAt = singleValue(samples, 'pg_server_certificate_expiry_timestamp_seconds');
  expect(expiresAt).toBe(Date.UTC(2099, 11, 31) / 1_000);
});

test('without TLS there is no certificate to tell of, which is no failure', async () => {
  const samples = await scrape('disable');

  expect(singleValue(samples, 'pg_server_certificate_expiry_timestamp_seconds')).toBeUndefined();
  expect(valuesOf(samples, 'watchkeeper_collector_applicable')).toMatchObject({ server_certificate: 0 });
  expect(valuesOf(samples, 'watchkeeper_collector_success')).toMatchObject({ server_certificate: 1 });
});
