import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type Moto, startMoto } from '../../support/moto.ts';
import { watchedDynamodb } from '../../support/moto-dynamodb.ts';
import { scrapeOne, testScraper, valuesOf } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';

let moto: Moto;
let folder: string;

beforeAll(async () => {
  moto = await startMoto();
  folder = await mkdtemp(join(tmpdir(), 'watchkeeper-credentials-'));
  // The SDK reads it once.
  await writeFile(join(folder, 'credentials'), '[watching]\naws_access_key_id = a\naws_secret_access_key = b\n');
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await moto?.[Symbol.asyncDispose]();
});

/** Nothing of this machine's own settings counts. */
beforeEach(() => {
  for (const name of Object.keys(process.env).filter((one) => one.startsWith('AWS_'))) vi.stubEnv(name, undefined);
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'credentials'));
  vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'config'));
});
afterEach(() => vi.unstubAllEnvs());

async function scrape(profile?: string) {
  const access = { endpoint: moto.endpoint, ...(profile === undefined ? {} : { profile }) };
  await using scraper = testScraper([watchedDynamodb(access, { cloudwatch: { enabled: false } })]);
  const samples = await scrapeOne(scraper, 'ledger', testSignal());
  return { up: valuesOf(samples, 'dynamodb_up')[''], reason: scraper.states()[0]?.reason };
}

test('credentials of the environment are used', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'testing');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'testing');

  expect(await scrape()).toEqual({ up: 1, reason: undefined });
});

test('credentials of the profile that is named are used', async () => {
  expect((await scrape('watching')).up).toBe(1);
  expect(await scrape('other')).toEqual({ up: 0, reason: expect.stringContaining('no AWS credentials were found') });
});

test('credentials of the container are used', async () => {
  const given = { AccessKeyId: 'a', SecretAccessKey: 'b', Token: 'c', Expiration: '2100-01-01T00:00:00Z' };
  await using server = createServer((_request, response) => void response.end(JSON.stringify(given)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', `http://127.0.0.1:${port}/credentials`);

  expect(await scrape()).toEqual({ up: 1, reason: undefined });
  server.closeAllConnections();
});

test('credentials for a web identity are used', async () => {
  const token = join(folder, 'token');
  await writeFile(token, 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJ3YXRjaGtlZXBlciJ9.x');
  vi.stubEnv('AWS_WEB_IDENTITY_TOKEN_FILE', token);
  vi.stubEnv('AWS_ROLE_ARN', 'arn:aws:iam::123456789012:role/watchkeeper');
  vi.stubEnv('AWS_ENDPOINT_URL_STS', moto.endpoint);
  vi.stubEnv('AWS_REGION', 'eu-central-1');

  expect(await scrape()).toEqual({ up: 1, reason: undefined });
});
