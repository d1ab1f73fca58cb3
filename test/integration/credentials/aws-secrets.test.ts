import { createServer } from 'node:http';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { AwsSecrets, type AwsSecretsOptions } from '../../../src/config/aws-secrets.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { errorMessage } from '../../../src/core/errors.ts';
import { Secret, SecretUnavailable } from '../../../src/core/secret.ts';
import { openS3Store } from '../../../src/storage/s3.ts';
import { type FaultyProxy, type ProxyFault, startFaultyProxy } from '../../support/faulty-proxy.ts';
import { freePort } from '../../support/free-port.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { type Moto, startMoto } from '../../support/moto.ts';
import { type MotoSecrets, motoSecrets } from '../../support/moto-secrets.ts';
import { type AccessKey, motoUsers } from '../../support/moto-users.ts';
import { startSilentServer } from '../../support/silent-server.ts';

let moto: Moto;
let stored: MotoSecrets;
let proxy: FaultyProxy;
let fault: ProxyFault;
let arn: string;

beforeAll(async () => {
  moto = await startMoto();
  stored = motoSecrets(moto);
  proxy = await startFaultyProxy(moto.endpoint, () => fault);
  arn = await stored.create(
    'prod/shop',
    JSON.stringify({ username: 'w', password: 'first', port: 5432, empty: '', list: [] }),
  );
  await stored.create('prod/text', 'just a text');
  await stored.create('prod/broken', '{"password": "hunter2"');
  await stored.create('prod/binary', Buffer.from('hunter2'));
});

afterAll(async () => {
  stored?.[Symbol.dispose]();
  await proxy?.[Symbol.asyncDispose]();
  await moto?.[Symbol.asyncDispose]();
});

beforeEach(() => {
  fault = undefined;
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'testing');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'testing');
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('HOME', '/nonexistent');
});

afterEach(() => {
  vi.unstubAllEnvs();
});

function secrets(options: Partial<AwsSecretsOptions> = {}): AwsSecrets {
  return new AwsSecrets({
    region: 'eu-central-1',
    endpoint: proxy.endpoint,
    maxAgeMs: 300_000,
    clock: systemClock,
    ...options,
  });
}

async function read(reference: string, from = secrets()): Promise<string> {
  return (await from.awsSecret(reference).read()).reveal();
}

async function failureOf(reading: Promise<unknown>): Promise<SecretUnavailable> {
  const error = await reading.then(
    (value) => new Error(`it was read: ${value}`),
    (thrown: unknown) => thrown,
  );
  if (error instanceof SecretUnavailable) return error;
  throw error;
}

/** What neither moto nor a broken line gives. */
async function startAnswering(status: number, body: object | string): Promise<AsyncDisposable & { endpoint: string }> {
  const server = createServer((_request, answer) => {
    answer.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
    answer.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('what is read', () => {
  test.each([
    ['aws-secret:prod/shop#password', 'first'],
    ['aws-secret:prod/shop#port', '5432'],
    ['aws-secret:prod/text', 'just a text'],
  ])('%s', async (reference, value) => {
    expect(await read(reference)).toBe(value);
  });

  test('an ARN brings its region along', async () => {
    expect(await read(`aws-secret:${arn}#password`, secrets({ region: 'us-west-2' }))).toBe('first');
  });

  test('the region comes from the environment when nothing else tells it', async () => {
    vi.stubEnv('AWS_REGION', 'eu-central-1');

    expect(await read('aws-secret:prod/shop#password', secrets({ region: undefined }))).toBe('first');
  });

  test.each([
    ['prod/shop', 'the AWS secret prod/shop is JSON: say which key, prod/shop#password'],
    ['prod/shop#pasword', 'the AWS secret prod/shop has no text under the key "pasword"'],
    ['prod/shop#toString', 'the AWS secret prod/shop has no text under the key "toString"'],
    ['prod/shop#list', 'the AWS secret prod/shop has no text under the key "list"'],
    ['prod/shop#empty', 'the key "empty" of the AWS secret prod/shop is empty'],
    ['prod/text#password', 'the AWS secret prod/text is not a JSON object: leave "#password" away'],
    ['prod/broken#password', 'the AWS secret prod/broken is not a JSON object: leave "#password" away'],
    ['prod/binary', 'the AWS secret prod/binary is binary; only text can be used'],
    [
      'prod/gone',
      'reading the AWS secret prod/gone: there is no such secret in this account and region, or it has no value yet',
    ],
  ])('%s: %s', async (name, message) => {
    const failure = await failureOf(read(`aws-secret:${name}`));

    expect(errorMessage(failure)).toMatch(new RegExp(`^${message.replaceAll(/[()?.#]/g, '\\$&')}`));
    expect(errorMessage(failure)).not.toContain('hunter2');
    expect(failure.transient).toBe(false);
  });

  test('a secret that is marked for deletion is told as such', async () => {
    await stored.create('prod/leaving', 'x');
    await stored.markForDeletion('prod/leaving');

    expect((await failureOf(read('aws-secret:prod/leaving'))).message).toContain('it is marked for deletion');
  });
});

describe('how often it is read', () => {
  test('once for all keys and users, and for all who ask at the same time', async () => {
    const from = secrets();
    const before = proxy.requests.length;

    const values = await Promise.all(
      ['password', 'username', 'port'].map((key) => read(`aws-secret:prod/shop#${key}`, from)),
    );
    await read('aws-secret:prod/shop#password', from);

    expect(values).toEqual(['first', 'w', '5432']);
    expect(proxy.requests.length - before).toBe(1);
  });

  test('again when it was found refused, and when it is too old', async () => {
    await stored.create('prod/rotated', 'one');
    const clock = new ManualClock('2026-11-21T00:00:00Z');
    const source = secrets({ clock }).awsSecret('aws-secret:prod/rotated');
    const value = async () => (await source.read()).reveal();
    const first = await value();

    await stored.rotate('prod/rotated', 'two');
    const kept = await value();
    source.forget?.();
    const second = await value();
    await stored.rotate('prod/rotated', 'three');
    await clock.advance(299_999);
    const young = await value();
    await clock.advance(1);

    expect([first, kept, second, young, await value()]).toEqual(['one', 'one', 'two', 'two', 'three']);
  });

  test('a value that works goes on being used while the service is away, not once it was refused', async () => {
    await stored.create('prod/away', 'old');
    const clock = new ManualClock('2026-11-21T00:00:00Z');
    const source = secrets({ clock, maxAgeMs: 1_000 }).awsSecret('aws-secret:prod/away');
    await source.read();
    await stored.rotate('prod/away', 'new');
    await clock.advance(2_000);

    fault = 'reset';
    const during = (await source.read()).reveal();
    fault = undefined;
    const soonAfter = (await source.read()).reveal();
    await clock.advance(30_000);
    const later = (await source.read()).reveal();
    fault = 'reset';
    source.forget?.();

    expect([during, soonAfter, later]).toEqual(['old', 'old', 'new']);
    expect((await failureOf(source.read())).transient).toBe(true);
  });
});

describe('a service that cannot be reached', () => {
  test('nothing listens', async () => {
    const endpoint = `http://127.0.0.1:${await freePort()}`;

    const failure = await failureOf(read('aws-secret:prod/shop#password', secrets({ endpoint })));

    expect(failure.message).toBe(
      'reading the AWS secret prod/shop: AWS Secrets Manager cannot be reached (ECONNREFUSED)',
    );
    expect(failure.transient).toBe(true);
  });

  test('it never answers: given up within seconds', async () => {
    await using silent = await startSilentServer();
    const startedAt = performance.now();

    const failure = await failureOf(
      read('aws-secret:prod/shop#password', secrets({ endpoint: `http://127.0.0.1:${silent.port}` })),
    );

    expect(failure.message).toBe('reading the AWS secret prod/shop: AWS Secrets Manager does not answer');
    expect(failure.transient).toBe(true);
    expect(performance.now() - startedAt).toBeLessThan(6_000);
  });

  test('there are no credentials, or no region', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', '');
    const noCredentials = await failureOf(read('aws-secret:prod/shop#password'));
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'testing');
    vi.stubEnv('AWS_REGION', undefined);
    vi.stubEnv('AWS_DEFAULT_REGION', undefined);
    const noRegion = await failureOf(read('aws-secret:prod/shop#password', secrets({ region: undefined })));

    expect(noCredentials.message).toBe('reading the AWS secret prod/shop: no AWS credentials were found');
    expect(noRegion.message).toBe(
      'reading the AWS secret prod/shop: its region is not known; set "secrets.aws.region"',
    );
  });
});

describe('permissions', () => {
  // Moto checks permissions for the whole server once it was told to: another one, for these tests alone.
  let strict: Moto;
  let keys: {
    readonly reader: AccessKey;
    readonly stranger: AccessKey;
    readonly store: AccessKey;
    readonly rotated: AccessKey;
  };
  let bucket: string;
  beforeAll(async () => {
    strict = await startMoto();
    using there = motoSecrets(strict);
    await there.create('prod/shop', JSON.stringify({ password: 'first' }));
    bucket = await strict.makeBucket();
    const users = motoUsers(strict);
    const onStore = ['s3:PutObject', 's3:GetObject', 's3:ListBucket'];
    keys = {
      reader: await users.create('reader', ['secretsmanager:GetSecretValue']),
      stranger: await users.create('stranger', ['secretsmanager:ListSecrets']),
      store: await users.create('store', onStore),
      rotated: await users.newKey('store'),
    };
    await users.enforce();
  });
  afterAll(() => strict?.[Symbol.asyncDispose]());

  const refused = 'reading the AWS secret prod/shop: AWS refuses it';
  const as = (key: AccessKey) => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', key.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', key.secretAccessKey);
    return secrets({ endpoint: strict.endpoint });
  };

  test('secretsmanager:GetSecretValue is enough', async () => {
    expect(await read('aws-secret:prod/shop#password', as(keys.reader))).toBe('first');
  });

  test('without it the error names it', async () => {
    const failure = await failureOf(read('aws-secret:prod/shop#password', as(keys.stranger)));

    // Moto answers in XML here, which AWS does not: see the next test.
    expect(failure.message).toBe(`${refused} (status 403): the credentials are not valid or lack the permission`);
    expect(failure.transient).toBe(false);
  });

  test.each([
    ['AccessDeniedException', 'the credentials lack secretsmanager:GetSecretValue on it (and kms:Decrypt'],
    ['UnrecognizedClientException', 'the AWS credentials are not valid'],
    ['ExpiredTokenException', 'the AWS credentials have expired'],
    ['DecryptionFailure', 'the credentials lack kms:Decrypt on its key'],
  ])('%s, as AWS itself answers: %s', async (name, words) => {
    await using aws = await startAnswering(400, { __type: name, message: 'not authorized' });

    const failure = await failureOf(read('aws-secret:prod/shop#password', secrets({ endpoint: aws.endpoint })));

    expect(failure.message).toContain(words);
    expect(failure.transient).toBe(false);
  });

  test('an answer that is no answer does not show what it holds', async () => {
    await using broken = await startAnswering(200, '{"SecretString": hunter2}');

    const failure = await failureOf(read('aws-secret:prod/shop#password', secrets({ endpoint: broken.endpoint })));

    expect(errorMessage(failure)).toBe('reading the AWS secret prod/shop: AWS Secrets Manager answers with status 200');
    expect(inspect(failure)).not.toContain('hunter2');
  });

  test('wrong credentials are told, and not shown', async () => {
    const failure = await failureOf(
      read('aws-secret:prod/shop#password', as({ ...keys.reader, secretAccessKey: 'wrong-and-secret' })),
    );

    expect(failure.message).toBe(`${refused} (status 403): the credentials are not valid or lack the permission`);
    expect(errorMessage(failure)).not.toContain('wrong-and-secret');
  });

  test('a store’s key that was rotated since it was read is read again, and the request sent anew', async () => {
    let current = 'outdated';
    let kept: string | undefined;
    const secretAccessKey = {
      origin: 'aws-secret:backups#key',
      read: async () => {
        kept ??= current;
        return new Secret(kept);
      },
      forget: () => {
        kept = undefined;
      },
    };
    const settings = { ...strict.settings(bucket), accessKeyId: keys.rotated.accessKeyId };
    await using store = await openS3Store(settings, { secretAccessKey, clock: systemClock });
    const signal = AbortSignal.timeout(30_000);
    const before = await store.put('a/b', Buffer.from('x'), signal).catch((error) => error.kind);

    current = keys.rotated.secretAccessKey;
    const put = await store.put('a/b', Buffer.from('x'), signal);

    expect(before).toBe('denied');
    expect(put.sizeBytes).toBe(1);
  });
});
