import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CreateBucketCommand, ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { startProcess } from '../../src/core/run-process.ts';
import { literalSecret } from '../../src/core/secret.ts';
import type { PartSizes } from '../../src/storage/cut-into-parts.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { openS3Store } from '../../src/storage/s3.ts';
import type { S3Limits } from '../../src/storage/s3-client.ts';
import type { S3StoreSettings } from '../../src/storage/settings.ts';
import { freePort } from './free-port.ts';

const program = join(import.meta.dirname, '../../.cache/moto-venv/bin/moto_server');
export const credentials = { accessKeyId: 'testing', secretAccessKey: 'testing' };

/** A moto server (answers as AWS does) on a free port of this machine. */
export interface Moto extends AsyncDisposable {
  readonly endpoint: string;
  /** Makes a bucket that nobody else uses and opens a store on it, by way of `endpoint` when given. */
  openStore(options?: {
    readonly endpoint?: string;
    readonly prefix?: string;
    readonly bucket?: string;
    readonly limits?: S3Limits;
    readonly clock?: Clock;
    readonly storageClass?: string;
    readonly objectLock?: S3StoreSettings['objectLock'];
    readonly conditionalWrites?: S3StoreSettings['conditionalWrites'];
    readonly spoolDirectory?: string;
    readonly partSizes?: PartSizes;
  }): Promise<ObjectStore>;
  /** Direct access, to see and to damage what a store keeps. */
  readonly client: S3Client;
  makeBucket(options?: { readonly lock?: boolean }): Promise<string>;
  /** Multipart uploads of a bucket that were neither completed nor aborted. */
  unfinishedUploads(bucket: string): Promise<number>;
  settings(bucket: string, endpoint?: string): S3StoreSettings;
}

export async function startMoto(): Promise<Moto> {
  await access(program).catch(() => {
    throw new Error('moto is not installed: run "sh scripts/setup test"');
  });
  const port = await freePort();
  const stop = new AbortController();
  const server = startProcess(program, ['-H', '127.0.0.1', '-p', String(port)], { signal: stop.signal });
  server.stdout.resume();
  const endpoint = `http://127.0.0.1:${port}`;
  await untilAnswers(endpoint);
  const client = new S3Client({ region: 'us-east-1', endpoint, forcePathStyle: true, credentials });
  let buckets = 0;
  const makeBucket = async ({ lock = false } = {}) => {
    const bucket = `bucket-${process.pid}-${++buckets}`;
    await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: lock }));
    return bucket;
  };
  const settings = (bucket: string, through = endpoint): S3StoreSettings => ({
    type: 's3',
    bucket,
    prefix: '',
    region: 'us-east-1',
    endpoint: through,
    forcePathStyle: true,
    accessKeyId: credentials.accessKeyId,
    maxParts: 10_000,
    // What requests are sent is counted in some tests.
    conditionalWrites: 'native',
  });
  return {
    endpoint,
    client,
    makeBucket,
    settings,
    async openStore(options = {}) {
      const bucket = options.bucket ?? (await makeBucket());
      const { bucket: _bucket, endpoint: through, limits, partSizes, ...others } = options;
      const { clock = systemClock, prefix = '', ...chosen } = others;
      const store = { ...settings(bucket, through), prefix, ...chosen };
      return openS3Store(store, {
        secretAccessKey: literalSecret(credentials.secretAccessKey),
        clock,
        ...(limits && { limits }),
        ...(partSizes && { partSizes }),
      });
    },
    async unfinishedUploads(bucket) {
      const answer = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      return answer.Uploads?.length ?? 0;
    },
    async [Symbol.asyncDispose]() {
      client.destroy();
      stop.abort(new Error('the test ended'));
      await server.exited.catch(() => undefined);
    },
  };
}

async function untilAnswers(endpoint: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const answer = await fetch(endpoint).catch(() => undefined);
    if (answer !== undefined) return;
    if (attempt > 300) throw new Error(`moto did not answer at ${endpoint}`);
    await delay(100);
  }
}
