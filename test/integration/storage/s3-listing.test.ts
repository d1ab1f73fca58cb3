import { createServer } from 'node:http';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { literalSecret } from '../../../src/core/secret.ts';
import { openS3Store } from '../../../src/storage/s3.ts';
import { storeSettings } from '../../../src/storage/settings.ts';
import { listenOnLoopback } from '../../support/loopback-server.ts';
import { testSignal } from '../../support/test-context.ts';

/** A service that gives one key a page and says that there is more; `more` is how it says where it goes on. */
async function listingAnswers(more: string) {
  const page = [
    '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>kept</Name><KeyCount>1</KeyCount>',
    '<Contents><Key>a/1</Key><Size>1</Size><LastModified>2026-03-01T00:00:00.000Z</LastModified></Contents>',
    `<IsTruncated>true</IsTruncated>${more}</ListBucketResult>`,
  ].join('');
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/xml' });
    response.end(page);
  });
  return listenOnLoopback(server);
}

test.each([
  ['does not say where it goes on', ''],
  ['gives the same page again', '<NextContinuationToken>same</NextContinuationToken>'],
])('a listing that is cut short is an error, never a shorter listing: the service %s', async (how, more) => {
  await using server = await listingAnswers(more);
  const settings = storeSettings.parse({
    type: 's3',
    bucket: 'kept',
    endpoint: server.url,
    forcePathStyle: true,
    accessKeyId: 'key',
  });
  if (settings.type !== 's3') throw new Error('not a bucket');
  await using store = await openS3Store(settings, { secretAccessKey: literalSecret('secret'), clock: systemClock });

  const listing = Array.fromAsync(store.list('a/', testSignal()));

  await expect(listing).rejects.toMatchObject({
    kind: 'unavailable',
    message: `ListObjectsV2 s3://kept/a/: the service says that there is more, and ${how}`,
  });
});
