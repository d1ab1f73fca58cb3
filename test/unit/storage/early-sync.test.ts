import { expect, test } from 'vitest';
import { EarlySync } from '../../../src/storage/early-sync.ts';

const mebibyte = 2 ** 20;

/** A file whose syncs end when the test says so: a disk that is slow, or fails, cannot be had otherwise. */
function slowFile() {
  const underWay: { resolve(): void; reject(error: Error): void }[] = [];
  const datasync = () => new Promise<void>((resolve, reject) => void underWay.push({ resolve, reject }));
  return { datasync, underWay };
}

test('a growing file is synced now and then, one sync at a time', async () => {
  const file = slowFile();
  const sync = new EarlySync(file);

  for (let written = 0; written < 15; written++) sync.wrote(mebibyte);
  expect(file.underWay).toHaveLength(0);
  for (let written = 0; written < 100; written++) sync.wrote(mebibyte);
  expect(file.underWay).toHaveLength(1);

  file.underWay[0]?.resolve();
  await sync.done();
  sync.wrote(mebibyte);
  expect(file.underWay).toHaveLength(2);
});

test('the end waits for a sync that is under way', async () => {
  const file = slowFile();
  const sync = new EarlySync(file);
  sync.wrote(16 * mebibyte);
  const events: string[] = [];
  const done = sync.done().then(() => events.push('done'));

  await new Promise((resolve) => setImmediate(resolve));
  events.push('synced');
  file.underWay[0]?.resolve();
  await done;

  expect(events).toEqual(['synced', 'done']);
});

test('a sync that failed is not forgotten, whatever later ones say', async () => {
  const file = slowFile();
  const sync = new EarlySync(file);
  sync.wrote(16 * mebibyte);
  file.underWay[0]?.reject(new Error('EIO: i/o error, fdatasync'));

  await expect(sync.done()).rejects.toThrow('EIO');
  expect(() => sync.wrote(16 * mebibyte)).toThrow('EIO');
  await expect(sync.done()).rejects.toThrow('EIO');
});
