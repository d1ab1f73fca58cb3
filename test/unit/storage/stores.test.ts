import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { openFilesystemStore } from '../../../src/storage/filesystem.ts';
import { withRetry } from '../../../src/storage/retry.ts';
import { faultyStore } from '../../support/faulty-store.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { describeKeyRules, describeObjectStore } from '../../support/object-store-contract.ts';

const folders: WorkDirectory[] = [];
const openFolder = async () => {
  const folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-store-' });
  folders.push(folder);
  return openFilesystemStore(folder.path, systemClock);
};
afterAll(async () => {
  for (const folder of folders) await folder[Symbol.asyncDispose]();
});

describeObjectStore('in memory', async () => new MemoryStore());
describeObjectStore('in a folder', openFolder);
describeObjectStore('with retries', async () =>
  withRetry(new MemoryStore(), { clock: systemClock, attempts: 3, baseDelayMs: 1 }),
);
describeKeyRules('in a folder', openFolder);

test('a folder that cannot be made is told by the first write, with the folder named', async () => {
  await using store = await openFilesystemStore('/etc/hostname/backups', systemClock);
  const signal = AbortSignal.timeout(5_000);

  const refused = store.put('a/b', Buffer.from('x'), signal);

  await expect(refused).rejects.toThrow('in /etc/hostname/backups');
  await expect(refused).rejects.toMatchObject({ kind: 'misconfigured' });
});

test('nothing grows on after objects were put, refused and removed', async () => {
  const folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-store-' });
  folders.push(folder);
  await using store = await openFilesystemStore(folder.path, systemClock);
  const signal = AbortSignal.timeout(5_000);

  await store.put('a/b/c', Buffer.from('x'), signal);
  await store.put('a/b/c', Buffer.from('x'), signal).catch(() => undefined);
  await store.delete('a/b/c', signal);

  expect(await readdir(join(folder.path, '.growing'))).toEqual([]);
  expect(await readdir(folder.path)).toEqual(['.growing']);
});
