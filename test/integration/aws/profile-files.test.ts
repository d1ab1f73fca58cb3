import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { readAwsSecret } from '../../../src/config/aws-secret.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { openS3Store } from '../../../src/storage/s3.ts';
import { AwsCalls } from '../../../src/targets/aws/calls.ts';
import { RdsApi } from '../../../src/targets/rds/api.ts';
import { startAwsFront } from '../../support/aws-front.ts';
import { type Moto, startMoto } from '../../support/moto.ts';
import { testSignal } from '../../support/test-context.ts';

let moto: Moto;
let folder: string;
beforeAll(async () => {
  moto = await startMoto();
  folder = await mkdtemp(join(tmpdir(), 'watchkeeper-profiles-'));
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
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

async function writeKey(key: string): Promise<void> {
  const profile = (name: string) => `[${name}]\naws_access_key_id = ${key}\naws_secret_access_key = secret\n`;
  await writeFile(join(folder, 'credentials'), profile('default') + profile('watching'));
}

/** A minute and a half passes for the SDK, which looks at the clock alone. */
function passTime(): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 90_000 });
}

/** What signed the requests before the file was changed, right after that, and a minute later. */
async function keysUsed(use: (endpoint: string) => Promise<() => Promise<unknown>>) {
  let used: string | undefined;
  await using front = await startAwsFront(moto.endpoint, ({ authorization }) => {
    const [, key] = /Credential=([^/]+)/.exec(authorization) ?? [];
    if (key !== undefined) used = key;
    return undefined;
  });
  await writeKey('first');
  const ask = await use(front.endpoint);
  await ask();
  const before = used;
  await writeKey('second');
  await ask();
  const after = used;
  passTime();
  await ask();
  return [before, after, used];
}

test('a profile that is changed is used within a minute, without a restart', async () => {
  const keys = await keysUsed(async (endpoint) => {
    const nothing = { cloudwatchEndpoint: undefined, timeoutMs: 30_000 };
    const api = new RdsApi({ region: 'eu-central-1', profile: 'watching', endpoint, ...nothing }, new AwsCalls());
    return () => api.prove(testSignal());
  });

  expect(keys).toEqual(['first', 'first', 'second']);
});

test('a store without a key of its own follows the shared files too', async () => {
  const bucket = await moto.makeBucket();
  const keys = await keysUsed(async (endpoint) => {
    const { accessKeyId: _own, ...settings } = moto.settings(bucket, endpoint);
    const store = await openS3Store(settings, { secretAccessKey: undefined, clock: systemClock });
    return () => store.head('a/b', testSignal());
  });

  expect(keys).toEqual(['first', 'first', 'second']);
});

test('a secret is read with the credentials that are there now', async () => {
  const keys = await keysUsed(async (endpoint) => {
    const settings = { region: 'eu-central-1', endpoint };
    return () => readAwsSecret({ id: 'none' }, settings).catch(() => undefined);
  });

  expect(keys).toEqual(['first', 'second', 'second']);
});
