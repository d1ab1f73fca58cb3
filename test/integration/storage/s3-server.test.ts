import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { ListMultipartUploadsCommand, PutObjectLegalHoldCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ObjectLocked, type ObjectStore } from '../../../src/storage/object-store.ts';
import { probeStore } from '../../../src/storage/probe.ts';
import { describeKeyRules, describeObjectStore } from '../../support/object-store-contract.ts';
import { isS3ServerInstalled, type S3Server, startS3Server } from '../../support/versitygw.ts';

let server: S3Server;
beforeAll(async () => {
  if (isS3ServerInstalled) server = await startS3Server();
});
// It is built from its source, for which not every machine has what it takes.
beforeEach(({ skip }) => skip(!isS3ServerInstalled, 'versitygw could not be built by scripts/setup'));
afterAll(() => server?.[Symbol.asyncDispose]());

const signal = AbortSignal.timeout(300_000);
const dayMs = 24 * 3_600_000;

describeObjectStore('on a real S3 server, behind TLS', () => server.openStore());
describeObjectStore('on a real S3 server, in a bucket with versions', async () =>
  server.openStore({ bucket: await server.makeBucket('versions'), settings: { prefix: 'prod' } }),
);
describeObjectStore('on a real S3 server, with claims instead of conditions', () =>
  server.openStore({ settings: { conditionalWrites: 'claims' } }),
);
describeKeyRules('on a real S3 server', () => server.openStore());

test('a real S3 server honours conditions, and the probe leaves nothing behind', async () => {
  const bucket = await server.makeBucket();
  await using store = await server.openStore({ bucket });

  await probeStore(store, signal);

  expect(store.cautions?.()).toEqual([]);
  expect(await server.versionsIn(bucket)).toEqual([]);
});

test('without the authority of the service nothing is sent, and the certificate is named', async () => {
  const store = await server.openStore();
  await store[Symbol.asyncDispose]();
  const { caFile: _caFile, ...untrusting } = { caFile: undefined };

  await using other = await server.openStore({
    settings: { ...untrusting, caFile: '/etc/ssl/certs/ca-certificates.crt' },
  });

  await expect(other.head('a/b', signal)).rejects.toMatchObject({
    kind: 'misconfigured',
    message: expect.stringContaining('of no authority that is trusted here: name that in "caFile"'),
  });
});

test('a file of certificates that holds none is named', async () => {
  const opening = server.openStore({ settings: { caFile: import.meta.filename } });

  await expect(opening).rejects.toThrow(`caFile ${import.meta.filename} holds no certificate in PEM`);
});

test('an access key that nobody has is told as such', async () => {
  await using store = await server.openStore({ settings: { accessKeyId: 'nobody' } });

  await expect(store.put('a/b', Buffer.from('x'), signal)).rejects.toMatchObject({
    kind: 'denied',
    message: expect.stringContaining('the access key is unknown'),
  });
});

test('a file of certificates that is not there is named', async () => {
  const opening = server.openStore({ settings: { caFile: '/nonexistent/ca.pem' } });

  await expect(opening).rejects.toThrow('reading the certificates of caFile: ENOENT');
});

test('a broken upload leaves no multipart upload behind', async () => {
  const bucket = await server.makeBucket();
  await using store = await server.openStore({ bucket });
  const body = Readable.from(
    (async function* () {
      for (let part = 0; part < 3; part++) yield randomBytes(8 * 2 ** 20);
      throw new Error('the source broke');
    })(),
  );

  await expect(store.put('a/broken', body, signal)).rejects.toThrow('the source broke');

  const { Uploads = [] } = await server.client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  expect(Uploads).toEqual([]);
});

test('in a bucket with versions what was deleted is not only hidden', async () => {
  const bucket = await server.makeBucket('versions');
  await using store = await server.openStore({ bucket });
  await store.put('a/b', Buffer.from('x'), signal);

  await store.delete('a/b', signal);

  expect(await server.versionsIn(bucket)).toEqual([]);
});

describe('object lock', () => {
  const objectLock = { mode: 'COMPLIANCE', duration: 30 * dayMs } as const;

  async function failureOf(work: Promise<unknown>): Promise<unknown> {
    return work.then(
      () => 'no failure',
      (error) => error,
    );
  }

  async function lockedStore(): Promise<{ readonly bucket: string; readonly store: ObjectStore }> {
    const bucket = await server.makeBucket('lock');
    return { bucket, store: await server.openStore({ bucket, settings: { objectLock } }) };
  }

  test('small and large objects are locked, and tell until when', async () => {
    const { store, bucket } = await lockedStore();
    await using _store = store;
    const earliestMs = Date.now() + objectLock.duration - 60_000;
    await store.put('a/manifest.json', Buffer.from('{}'), signal);
    await store.put('a/dump', Readable.from([randomBytes(9 * 2 ** 20)]), signal);

    for (const key of ['a/manifest.json', 'a/dump']) {
      const refused = await failureOf(store.delete(key, signal));
      expect(refused).toBeInstanceOf(ObjectLocked);
      expect(refused).toMatchObject({ kind: 'locked', message: expect.stringMatching(/is locked until 20/) });
      expect((refused as ObjectLocked).until?.getTime()).toBeGreaterThan(earliestMs);
      expect((await store.head(key, signal))?.lock).toEqual({ until: (refused as ObjectLocked).until });
    }
    expect(await server.versionsIn(bucket)).toEqual(['a/dump', 'a/manifest.json']);
  });

  test('leases are not locked, so that their records can go', async () => {
    const { store, bucket } = await lockedStore();
    await using _store = store;

    await store.putIfAbsent('.leases/backup/000000000001', Buffer.from('{}'), signal);
    await store.delete('.leases/backup/000000000001', signal);

    expect(await server.versionsIn(bucket)).toEqual([]);
  });

  test('a legal hold has no end of its own', async () => {
    const bucket = await server.makeBucket('lock');
    await using store = await server.openStore({ bucket });
    await store.put('a/b', Buffer.from('x'), signal);
    const LegalHold = { Status: 'ON' } as const;
    await server.client.send(new PutObjectLegalHoldCommand({ Bucket: bucket, Key: 'a/b', LegalHold }));

    const refused = await failureOf(store.delete('a/b', signal));

    expect(refused).toMatchObject({ kind: 'locked', until: undefined, message: expect.stringContaining('legal hold') });
    LegalHold satisfies { Status: string };
    await server.client.send(
      new PutObjectLegalHoldCommand({ Bucket: bucket, Key: 'a/b', LegalHold: { Status: 'OFF' } }),
    );
    await store.delete('a/b', signal);
    expect(await server.versionsIn(bucket)).toEqual([]);
  });

  test('the lock is over when its date is', async () => {
    const bucket = await server.makeBucket('lock');
    await using store = await server.openStore({
      bucket,
      settings: { objectLock: { mode: 'GOVERNANCE', duration: 2_500 } },
    });
    await store.put('a/b', Buffer.from('x'), signal);
    const early = await failureOf(store.delete('a/b', signal));

    await new Promise((resolve) => setTimeout(resolve, 4_000));
    await store.delete('a/b', signal);

    expect(early).toMatchObject({ kind: 'locked' });
    expect(await server.versionsIn(bucket)).toEqual([]);
  });
});
