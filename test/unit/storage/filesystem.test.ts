import { readdir, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { openFilesystemStore } from '../../../src/storage/filesystem.ts';
import { type ObjectStore, readWhole } from '../../../src/storage/object-store.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const signal = new AbortController().signal;
let folder: WorkDirectory;
let store: ObjectStore;
beforeEach(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-store-' });
  store = await openFilesystemStore(folder.path, systemClock);
});
afterEach(async () => {
  await folder[Symbol.asyncDispose]();
});

const modeOf = async (name: string) => ((await stat(join(folder.path, name))).mode & 0o777).toString(8);

test('a folder that cannot be made is told by the first write, with the folder named', async () => {
  await using unusable = await openFilesystemStore('/etc/hostname/backups', systemClock);

  const refused = unusable.put('a/b', Buffer.from('x'), signal);

  await expect(refused).rejects.toThrow('writing a/b in /etc/hostname/backups: ENOTDIR');
  await expect(refused).rejects.toMatchObject({ kind: 'misconfigured' });
});

test('a write whose folder vanishes, as of a mount that is gone, misses no object', async () => {
  const root = join(folder.path, 'vanishing');
  await using vanishing = await openFilesystemStore(root, systemClock);
  async function* body() {
    yield Buffer.from('x');
    await rm(root, { recursive: true });
  }

  const refused = vanishing.put('a/b', Readable.from(body()), signal);

  await expect(refused).rejects.toMatchObject({
    kind: 'misconfigured',
    message: expect.stringContaining('the folder is not there and cannot be made; is its filesystem mounted'),
  });
  await expect(readWhole(vanishing, 'a/b', signal)).rejects.toMatchObject({ kind: 'missing' });
});

test('nothing grows on after objects were put, refused and removed', async () => {
  await store.put('a/b/c', Buffer.from('x'), signal);
  await store.put('a/b/c', Buffer.from('x'), signal).catch(() => undefined);
  await store.delete('a/b/c', signal);

  expect(await readdir(join(folder.path, '.growing'))).toEqual([]);
  expect(await readdir(folder.path)).toEqual(['.growing']);
});

test('backups are for their owner only', async () => {
  await store.put('payments/one/manifest.json', Buffer.from('{}'), signal);

  expect(await modeOf('payments/one/manifest.json')).toBe('600');
  expect(await modeOf('payments/one')).toBe('700');
});

test('what a killed process left growing is removed after a day', async () => {
  const now = new Date('2026-03-02T02:00:00Z');
  for (const [name, age] of Object.entries({ old: 25, young: 23 })) {
    const path = join(folder.path, '.growing', name);
    await writeFile(path, 'x');
    await utimes(path, now, new Date(now.getTime() - age * 3_600_000));
  }

  await openFilesystemStore(folder.path, new ManualClock(now.toISOString()));

  expect(await readdir(join(folder.path, '.growing'))).toEqual(['young']);
});

test('what grows is no object', async () => {
  await writeFile(join(folder.path, '.growing', 'half'), 'x');
  const keys: string[] = [];

  for await (const { key } of store.list('', signal)) keys.push(key);

  expect(keys).toEqual([]);
  await expect(store.get('.growing/half', signal)).rejects.toThrow('".growing/half" is a reserved key');
});

test('files that cannot be ours do not hinder a listing', async () => {
  await store.put('a/b', Buffer.from('x'), signal);
  await writeFile(join(folder.path, 'a', 'notes of Bob (old).txt'), 'x');
  await writeFile(join(folder.path, 'lost+found'), 'x');
  const keys: string[] = [];

  for await (const { key } of store.list('', signal)) keys.push(key);

  expect(keys).toEqual(['a/b']);
});

test('a file that shrinks while it is read is an error, not a shorter object', async () => {
  await store.put('a/shrinking', Buffer.alloc(8 * 2 ** 20), signal);
  const body = await store.get('a/shrinking', signal);

  const reading = (async () => {
    for await (const _chunk of body) await truncate(join(folder.path, 'a/shrinking'), 3 * 2 ** 20);
  })();

  await expect(reading).rejects.toMatchObject({ kind: 'damaged' });
  await expect(reading).rejects.toThrow('a/shrinking ended after 3145728 of 8388608 bytes');
});

test('a folder is no object', async () => {
  await store.put('a/b/c', Buffer.from('x'), signal);

  expect(await store.head('a/b', signal)).toBeUndefined();
  await expect(store.get('a/b', signal)).rejects.toMatchObject({ kind: 'missing' });
});

test('the failure of a body is not taken for one of the store, whatever its code', async () => {
  const failure = Object.assign(new Error('spooling /tmp/dump'), { code: 'ENOSPC' });
  const body = Readable.from(
    (async function* () {
      yield Buffer.from('x');
      throw failure;
    })(),
  );

  await expect(store.put('a/b', body, signal)).rejects.toBe(failure);
});

test('many writers of small chunks lose none of them', async () => {
  const chunks = Array.from({ length: 5_000 }, (_, index) => Buffer.from(`${index}\n`));

  const stored = await Promise.all(
    ['a', 'b', 'c'].map((name) => store.put(`many/${name}`, Readable.from(chunks), signal)),
  );

  const expected = Buffer.concat(chunks).length;
  expect(stored.map(({ sizeBytes }) => sizeBytes)).toEqual([expected, expected, expected]);
});

test('a reader that stops early closes its file', async () => {
  await store.put('a/large', Buffer.alloc(4 * 2 ** 20), signal);
  const before = (await readdir('/proc/self/fd')).length;

  for (let read = 0; read < 20; read++) {
    const body = await store.get('a/large', signal);
    body.destroy();
    await new Promise((resolve) => body.once('close', resolve));
  }

  expect((await readdir('/proc/self/fd')).length).toBeLessThan(before + 10);
});

test('a read whose work ends before it began to read ends nothing else, and rejects with the reason', async () => {
  await store.put('a/object', Buffer.from('hello'), signal);
  const stop = new AbortController();
  const body = await store.get('a/object', stop.signal);

  stop.abort(new Error('stopped by SIGTERM'));
  await new Promise((resolve) => body.once('close', resolve));

  await expect(body.toArray()).rejects.toThrow();
  expect(body.errored?.message).toBe('stopped by SIGTERM');
});
