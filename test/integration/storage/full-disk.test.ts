import { randomBytes } from 'node:crypto';
import { readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { makeWorkDirectory } from '../../../src/core/work-directory.ts';
import { openFilesystemStore } from '../../../src/storage/filesystem.ts';
import { openStore } from '../../../src/storage/index.ts';
import { readWhole } from '../../../src/storage/object-store.ts';
import { storeSettings } from '../../../src/storage/settings.ts';
import { mountSmallFilesystem } from '../../support/small-filesystem.ts';

const signal = AbortSignal.timeout(60_000);
const megabytes = (count: number) =>
  Readable.from(
    (function* () {
      for (let done = 0; done < count; done++) yield randomBytes(2 ** 20);
    })(),
  );

/** Some systems let only root mount anything; the run's last line counts what was skipped for it. */
function smallDisk(skip: (reason: string) => never) {
  return mountSmallFilesystem(8) ?? skip('no small filesystem can be mounted: run as root, or allow user namespaces');
}

test('a full disk is told as such, leaves no trace, and what was there before stays', async ({ skip }) => {
  using disk = smallDisk(skip);
  await using store = await openFilesystemStore(join(disk.path, 'backups'), systemClock);
  await store.put('a/before', Buffer.from('kept'), signal);
  const freeBefore = (await statfs(disk.path)).bfree;

  const refused = store.put('a/too-large', megabytes(20), signal);

  await expect(refused).rejects.toMatchObject({ name: 'StoreError', kind: 'full' });
  await expect(refused).rejects.toThrow('no space left on the device (ENOSPC)');
  expect(await store.head('a/too-large', signal)).toBeUndefined();
  expect(await readdir(join(disk.path, 'backups', '.growing'))).toEqual([]);
  expect((await statfs(disk.path)).bfree).toBe(freeBefore);
  expect((await readWhole(store, 'a/before', signal)).toString()).toBe('kept');
});

test('where a disk must be mounted nothing is read or written without it, and nothing is made', async ({ skip }) => {
  using disk = smallDisk(skip);
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-mount-' });
  const openAt = (mountPoint: string) => {
    const settings = storeSettings.parse({ type: 'filesystem', path: join(mountPoint, 'backups'), mountPoint });
    return openStore(settings, { secretAccessKey: undefined, clock: systemClock });
  };
  await using mounted = await openAt(disk.path);

  await mounted.put('a/b', Buffer.from('kept'), signal);

  expect((await readWhole(mounted, 'a/b', signal)).toString()).toBe('kept');
  for (const mountPoint of [folder.path, join(folder.path, 'not-there')]) {
    await using missing = await openAt(mountPoint);
    const calls = [
      missing.put('a/b', Buffer.from('x'), signal),
      missing.put('a/b', Readable.from([Buffer.from('x')]), signal),
      missing.putIfAbsent('.leases/a/1', Buffer.from('x'), signal),
      missing.get('a/b', signal),
      missing.head('a/b', signal),
      Array.fromAsync(missing.list('', signal)),
      missing.delete('a/b', signal),
      missing.room?.(),
    ];
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { kind: 'unavailable' } });
      expect((outcome as PromiseRejectedResult).reason.message).toContain(`nothing is mounted at ${mountPoint}`);
    }
  }
  expect(await readdir(folder.path)).toEqual([]);
});

test('after room was made the same object can be put', async ({ skip }) => {
  using disk = smallDisk(skip);
  await using store = await openFilesystemStore(disk.path, systemClock);
  await store.put('a/old', megabytes(6), signal);
  await store.put('a/new', megabytes(6), signal).catch(() => undefined);

  await store.delete('a/old', signal);
  const stored = await store.put('a/new', megabytes(6), signal);

  expect(stored.sizeBytes).toBe(6 * 2 ** 20);
});

test('the room of a folder is that of its filesystem, also behind retries and limits', async ({ skip }) => {
  using disk = smallDisk(skip);
  const settings = storeSettings.parse({ type: 'filesystem', path: disk.path, capacity: '5MiB', bandwidth: '1GB/s' });
  await using store = await openStore(settings, { secretAccessKey: undefined, clock: systemClock });
  const before = await store.room?.();

  await store.put('a/some', megabytes(3), signal);
  const after = await store.room?.();

  expect(before).toMatchObject({ sizeBytes: 8 * 2 ** 20, capacityBytes: 5 * 2 ** 20 });
  const { freeBytes = 0, freeFiles = 0, files = 0 } = before ?? {};
  expect(freeBytes - (after?.freeBytes ?? 0)).toBe(3 * 2 ** 20);
  expect(files).toBeGreaterThan(freeFiles);
  expect(freeFiles).toBeGreaterThan(after?.freeFiles ?? 0);
});
