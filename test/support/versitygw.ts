import { existsSync } from 'node:fs';
import { access, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CreateBucketCommand,
  ListBucketsCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { startProcess } from '../../src/core/run-process.ts';
import { literalSecret } from '../../src/core/secret.ts';
import type { PartSizes } from '../../src/storage/cut-into-parts.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { openS3Store } from '../../src/storage/s3.ts';
import type { S3StoreSettings } from '../../src/storage/settings.ts';
import { makeAuthority } from './certificates.ts';
import { freePort } from './free-port.ts';

const program = join(import.meta.dirname, '../../.cache/bin/versitygw');
export const isS3ServerInstalled = existsSync(program);
export const credentials = { accessKeyId: 'watchkeeper', secretAccessKey: 'watchkeeper-secret' };

/** What a bucket of the tests has besides objects. */
export type BucketKind = 'plain' | 'versions' | 'lock';

/** A Versity S3 Gateway, a real S3 server on files, behind TLS with a certificate of its own authority unless `tls` is false. */
export interface S3Server extends AsyncDisposable {
  makeBucket(kind?: BucketKind): Promise<string>;
  settings(bucket: string): S3StoreSettings;
  /** On a bucket of its own when none is given. */
  openStore(options?: {
    readonly bucket?: string;
    readonly clock?: Clock;
    readonly settings?: Partial<S3StoreSettings>;
    readonly partSizes?: PartSizes;
  }): Promise<ObjectStore>;
  /** Versions and markers that a bucket holds: `a/b`, `a/b (marker)`. */
  versionsIn(bucket: string): Promise<string[]>;
  readonly client: S3Client;
}

export async function startS3Server({ tls = true } = {}): Promise<S3Server> {
  await access(program).catch(() => {
    throw new Error('versitygw is not installed: run "sh scripts/setup test"');
  });
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'watchkeeper-s3-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const authority = stack.use(await makeAuthority('S3 test authority'));
  const { certificate, key } = await authority.issue('127.0.0.1', { names: 'IP:127.0.0.1' });
  for (const name of ['objects', 'versions']) await mkdir(join(folder, name));
  const port = await freePort();
  const stop = new AbortController();
  const server = startProcess(
    program,
    [
      '--port',
      `127.0.0.1:${port}`,
      ...(tls ? ['--cert', certificate, '--key', key] : []),
      '--quiet',
      '--keep-alive',
      'posix',
      '--versioning-dir',
      join(folder, 'versions'),
      join(folder, 'objects'),
    ],
    {
      signal: stop.signal,
      env: { ROOT_ACCESS_KEY: credentials.accessKeyId, ROOT_SECRET_KEY: credentials.secretAccessKey, HOME: folder },
    },
  );
  server.stdout.resume();
  stack.defer(async () => {
    stop.abort(new Error('the test ended'));
    await server.exited.catch(() => undefined);
  });
  const endpoint = `${tls ? 'https' : 'http'}://127.0.0.1:${port}`;
  const client = stack.adopt(await clientOf(endpoint, authority.certificate), (one) => one.destroy());
  await untilAnswers(client);
  const owned = stack.move();
  let buckets = 0;
  const makeBucket = async (kind: BucketKind = 'plain') => {
    const Bucket = `bucket-${++buckets}`;
    await client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: kind === 'lock' }));
    if (kind === 'versions') {
      const VersioningConfiguration = { Status: 'Enabled' } as const;
      await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
    }
    return Bucket;
  };
  const settingsOf = (bucket: string): S3StoreSettings => ({
    type: 's3',
    bucket,
    prefix: '',
    region: 'us-east-1',
    endpoint,
    forcePathStyle: true,
    accessKeyId: credentials.accessKeyId,
    ...(tls ? { caFile: authority.certificate } : {}),
    maxParts: 10_000,
    conditionalWrites: 'auto',
  });
  return {
    client,
    makeBucket,
    settings: settingsOf,
    async openStore({ bucket, clock = systemClock, settings = {}, partSizes } = {}) {
      const complete = { ...settingsOf(bucket ?? (await makeBucket())), ...settings };
      const secretAccessKey = literalSecret(credentials.secretAccessKey);
      return openS3Store(complete, { secretAccessKey, clock, ...(partSizes && { partSizes }) });
    },
    async versionsIn(bucket) {
      const { Versions, DeleteMarkers } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
      const markers = (DeleteMarkers ?? []).map(({ Key }) => `${Key} (marker)`);
      return [...(Versions ?? []).map(({ Key }) => `${Key}`), ...markers].sort();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function clientOf(endpoint: string, caFile: string): Promise<S3Client> {
  const ca = await readFile(caFile, 'utf8');
  return new S3Client({
    region: 'us-east-1',
    endpoint,
    forcePathStyle: true,
    credentials,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    requestHandler: { httpsAgent: { ca } },
  });
}

async function untilAnswers(client: S3Client): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await client.send(new ListBucketsCommand({}));
      return;
    } catch (error) {
      if (attempt > 100) throw new Error('versitygw did not answer', { cause: error });
      await delay(100);
    }
  }
}
