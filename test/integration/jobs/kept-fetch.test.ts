import { chmod, mkdir, readdir, readFile, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '../../../src/core/log.ts';
import { ownerTag } from '../../../src/core/owner-tag.ts';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { ChunkHasher } from '../../../src/jobs/backup/hashing.ts';
import { backupKey } from '../../../src/jobs/backup-keys.ts';
import { checkedPieces } from '../../../src/jobs/checked-pieces.ts';
import { keepFetched } from '../../../src/jobs/kept-fetch.ts';
import { keptForMs, keptPrefix, sweepKept } from '../../../src/jobs/kept-folders.ts';
import type { Manifest, Part } from '../../../src/jobs/manifest.ts';
import type { PieceSizes } from '../../../src/jobs/pieces.ts';
import { spoolShortage, spoolShortageMakingRoom } from '../../../src/jobs/spool-space.ts';
import { type ByteRange, StoreError } from '../../../src/storage/object-store.ts';
import { sampleManifest } from '../../support/sample-backup.ts';
import { mountSmallFilesystem } from '../../support/small-filesystem.ts';
import { testContext } from '../../support/test-context.ts';

const chunkBytes = 10_000;
const stored = Buffer.from(Array.from({ length: 45_678 }, (_, n) => (n * 7919) % 251));

let spool: WorkDirectory;
beforeAll(async () => {
  spool = await makeWorkDirectory({ prefix: 'watchkeeper-test-kept-' });
});
afterAll(() => spool[Symbol.asyncDispose]());

let backups = 0;

/** A stored backup of one part, and a store that gives it in small chunks and remembers from where it was asked to. */
function backup(contentBytes = stored.length, pieces: PieceSizes = { chunkBytes }) {
  const sample = sampleManifest({ at: '2026-03-02T02:00:00Z' });
  const hasher = new ChunkHasher(pieces);
  hasher.update(stored);
  const content = { sizeBytes: contentBytes };
  const part: Part = { ...sample.parts[0]!, ...hasher.finish(), content };
  const manifest: Manifest = { ...sample, id: `${sample.id}-${++backups}`, parts: [part] };
  const asked: (number | undefined)[] = [];
  const object = { bytes: stored };
  const store = {
    async get(_key: string, _signal: AbortSignal, range?: ByteRange) {
      asked.push(range?.first);
      const bytes = object.bytes.subarray(range?.first ?? 0);
      return Readable.from(
        (function* () {
          for (let offset = 0; offset < bytes.length; offset += 1_000) yield bytes.subarray(offset, offset + 1_000);
        })(),
      );
    },
  };
  const folder = join(spool.path, `${keptPrefix}${manifest.id}`);
  return { manifest, part, store, asked, object, folder, key: backupKey(manifest.target, manifest.id, part.name) };
}
type Backup = ReturnType<typeof backup>;

const open = ({ manifest, store }: Pick<Backup, 'manifest' | 'store'>, parent = spool.path) =>
  keepFetched({ manifest, store, parent }, testContext());

async function opened(from: Backup, parent?: string) {
  const kept = await open(from, parent);
  if (kept === undefined) throw new Error('nothing is kept');
  return kept;
}

/** Fetches as a restore does; only so many bytes, as one that is ended, when `most` is given. */
async function fetched(from: Backup, kept: Awaited<ReturnType<typeof opened>>, most = Number.POSITIVE_INFINITY) {
  const watch = { signal: testContext().signal, onBytes: () => undefined, onReread: () => undefined };
  const chunks: Buffer[] = [];
  let bytes = 0;
  if (most === 0) return Buffer.alloc(0);
  for await (const chunk of checkedPieces({ store: kept.store, key: from.key, part: from.part }, watch)) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= most) break;
  }
  return Buffer.concat(chunks);
}

test.each([
  [0, 0],
  [1_000, 10_000],
  [10_000, 10_000],
  [11_000, 20_000],
  [40_000, 40_000],
  [45_678, 45_678],
])('after a restore that ended at byte %i the next one asks the store from byte %i on', async (ended, next) => {
  const from = backup();
  {
    await using first = await opened(from);
    await fetched(from, first, ended);
  }
  from.asked.length = 0;

  await using second = await opened(from);
  const bytes = await fetched(from, second);

  expect(bytes.equals(stored)).toBe(true);
  expect(second.heldBytes).toBe(next);
  expect(from.asked).toEqual(next === stored.length ? [] : [next === 0 ? undefined : next]);
  await second.forget();
  expect(await readdir(spool.path)).not.toContain(`${keptPrefix}${from.manifest.id}`);
});

test.each([
  [7_000, 10_000],
  [21_000, 30_000],
  [30_001, 45_678],
])('where pieces grow, a restore that ended at byte %i is gone on with from byte %i on', async (ended, next) => {
  const from = backup(stored.length, { chunkBytes: 5_000, chunkGrowth: { every: 2, mostBytes: 20_000 } });
  {
    await using first = await opened(from);
    await fetched(from, first, ended);
  }

  await using second = await opened(from);
  const bytes = await fetched(from, second);

  expect(bytes.equals(stored)).toBe(true);
  expect(second.heldBytes).toBe(next);
  await second.forget();
});

test('what was torn off or changed on the disk is fetched anew from there on', async () => {
  const from = backup();
  {
    await using first = await opened(from);
    await fetched(from, first);
  }
  const file = join(from.folder, 'part-0');
  const kept = await readFile(file);
  kept[23_000]! ^= 1;
  await writeFile(file, kept);

  {
    await using second = await opened(from);
    expect(second.heldBytes).toBe(20_000);
    expect((await fetched(from, second)).equals(stored)).toBe(true);
  }
  await truncate(file, 39_999);
  await using third = await opened(from);

  expect(third.heldBytes).toBe(30_000);
  expect((await fetched(from, third)).equals(stored)).toBe(true);
  expect((await readFile(file)).equals(stored)).toBe(true);
  await third.forget();
});

test.each([5_000, 15_000, 45_000])('what the store gave wrong at first, at byte %i, is not kept', async (place) => {
  const from = backup();
  const wrong = Buffer.from(stored);
  wrong[place]! ^= 1;
  const get = from.store.get.bind(from.store);
  from.store.get = async (...args) => {
    from.object.bytes = from.asked.length === 0 ? wrong : stored;
    return get(...args);
  };

  await using kept = await opened(from);
  const bytes = await fetched(from, kept);

  expect(bytes.equals(stored)).toBe(true);
  expect(from.asked).toEqual([undefined, place < chunkBytes ? undefined : place - (place % chunkBytes)]);
  expect((await readFile(join(from.folder, 'part-0'))).equals(stored)).toBe(true);
  await kept.forget();
});

test('two restores of one backup do not share it, and that of a killed one is taken over', async () => {
  const from = backup();
  const gone = (await ownerTag()).replace(/\d+$/, '4194305');
  {
    await using first = await opened(from);
    await fetched(from, first);
    expect(await open(from)).toBeUndefined();
  }
  await writeFile(join(from.folder, 'in-use'), gone);

  await using second = await opened(from);

  expect(second.heldBytes).toBe(stored.length);
  await second.forget();
});

test('one of another machine that was silent for minutes is taken over too', async () => {
  const from = backup();
  {
    await using first = await opened(from);
    await fetched(from, first);
  }
  const claim = join(from.folder, 'in-use');
  await writeFile(claim, 'ffffff-1');
  expect(await open(from)).toBeUndefined();
  const before = new Date(Date.now() - 6 * 60_000);
  await utimes(claim, before, before);

  await using second = await opened(from);

  expect(second.heldBytes).toBe(stored.length);
  await second.forget();
});

test('a kept file that cannot be read ends nothing, and is left to the next one', async () => {
  const from = backup();
  // Reading a folder fails as a disk does.
  await mkdir(join(from.folder, 'part-0'), { recursive: true });
  await chmod(from.folder, 0o700);

  expect(await open(from)).toBeUndefined();
  expect(await readdir(from.folder)).toEqual(['part-0']);

  await rm(join(from.folder, 'part-0'), { recursive: true });
  await using kept = await opened(from);
  expect((await fetched(from, kept)).equals(stored)).toBe(true);
  await kept.forget();
});

test('a restore that is ended while it checks what was kept leaves it to the next one', async () => {
  const from = backup();
  {
    await using first = await opened(from);
    await fetched(from, first);
  }
  const stop = new AbortController();
  const onProgress = () => stop.abort(new Error('enough'));
  const context = testContext({ signal: stop.signal });
  const { manifest, store } = from;

  const ended = keepFetched({ manifest, store, parent: spool.path }, { ...context, onProgress });

  await expect(ended).rejects.toThrow('enough');
  await using second = await opened(from);
  expect(second.heldBytes).toBe(stored.length);
  await second.forget();
});

test.each([
  ['is gone', undefined, (file: string) => rm(file)],
  ['ends in the middle', 15_000, (file: string) => truncate(file, 15_000)],
  ['cannot be read', undefined, (file: string) => rm(file).then(() => mkdir(file))],
])('where a kept file %s after it was checked, the store has the rest', async (_name, next, spoil) => {
  const from = backup();
  {
    await using first = await opened(from);
    await fetched(from, first);
  }
  await using kept = await opened(from);
  expect(kept.heldBytes).toBe(stored.length);
  from.asked.length = 0;
  await spoil(join(from.folder, 'part-0'));

  const bytes = await fetched(from, kept);

  expect(bytes.equals(stored)).toBe(true);
  expect(from.asked).toEqual([next]);
  await kept.forget();
});

test('what is damaged in a store that then has it no more is told by its place', async () => {
  const from = backup();
  const get = from.store.get.bind(from.store);
  from.object.bytes = Buffer.from(stored);
  from.object.bytes[23_000]! ^= 1;
  from.store.get = async (...args) => {
    if (from.asked.length > 0) throw new StoreError('missing', 'no such object');
    return get(...args);
  };
  await using kept = await opened(from);

  await expect(fetched(from, kept)).rejects.toThrow('bytes 20000 to 29999 are not what was stored');
  await kept.forget();
});

test('a body that breaks before anybody reads it fails its reader alone', async () => {
  const from = backup();
  from.store.get = async () => {
    const body = new Readable({ read: () => undefined });
    process.nextTick(() => body.destroy(new StoreError('unavailable', 'the connection broke')));
    return body;
  };
  await using kept = await opened(from);

  await expect(fetched(from, kept)).rejects.toThrow('the connection broke');
  await kept.forget();
});

test('what nobody goes on with makes room where that helps; what is worked with stays and is named', async ({
  skip,
}) => {
  using disk = mountSmallFilesystem(4) ?? skip('no small filesystem can be mounted');
  const [left, used, next] = [backup(), backup(), backup(2_500_000)];
  {
    await using kept = await opened(left, disk.path);
    await fetched(left, kept);
  }
  await using working = await opened(used, disk.path);
  const [leftFolder, usedFolder] = [left, used].map(({ manifest }) => join(disk.path, `${keptPrefix}${manifest.id}`));
  await writeFile(join(leftFolder!, 'part-1'), Buffer.alloc(2_000_000));
  const settings = { spoolDirectory: disk.path };

  expect(await spoolShortage(next.manifest, settings)).toContain(leftFolder);
  const huge = backup(2 ** 52).manifest;
  expect(await spoolShortageMakingRoom(huge, settings, silentLog)).toContain(leftFolder);
  expect(await readdir(leftFolder!)).toEqual(['part-0', 'part-1']);
  expect(await spoolShortageMakingRoom(next.manifest, settings, silentLog)).toBeUndefined();
  expect(await readdir(disk.path)).toEqual([basename(usedFolder!)]);

  await writeFile(join(usedFolder!, 'part-1'), Buffer.alloc(2_000_000));
  expect(await spoolShortageMakingRoom(next.manifest, settings, silentLog)).toMatch(
    `; what restores keep that are not complete lies in ${usedFolder}`,
  );
  expect(await readdir(disk.path)).toEqual([basename(usedFolder!)]);
  await working.forget();
});

test('a folder that somebody else put there is not used', async () => {
  const [open_, linked] = [backup(), backup()];
  await mkdir(open_.folder);
  await chmod(open_.folder, 0o777);
  await symlink(spool.path, linked.folder);

  expect(await open(open_)).toBeUndefined();
  expect(await open(linked)).toBeUndefined();
});

test('without room for both nothing is kept, and what was kept makes room', async () => {
  const from = backup();
  {
    await using first = await opened(from);
    await fetched(from, first);
  }
  const [part] = from.manifest.parts;
  const huge = { ...from.manifest, parts: [{ ...part!, content: { sizeBytes: 2 ** 52 } }] };

  expect(await open({ ...from, manifest: huge })).toBeUndefined();

  expect(await readdir(spool.path)).not.toContain(`${keptPrefix}${from.manifest.id}`);
});

test('a disk that is full meanwhile hinders nothing, and is given back', async ({ skip }) => {
  using disk = mountSmallFilesystem(1) ?? skip('no small filesystem can be mounted');
  const from = backup();
  await using kept = await opened(from, disk.path);
  await writeFile(join(disk.path, 'filler'), Buffer.alloc(1_016_000)).catch(() => undefined);

  const bytes = await fetched(from, kept);

  expect(bytes.equals(stored)).toBe(true);
  const file = join(disk.path, `${keptPrefix}${from.manifest.id}`, 'part-0');
  expect((await readFile(file)).length).toBe(0);
});

test('what nobody goes on with for a day is removed, and nothing else', async () => {
  const [old, fresh] = [backup(), backup()];
  for (const from of [old, fresh]) {
    await using kept = await opened(from);
    await fetched(from, kept);
  }
  const name = ({ manifest }: Backup) => `${keptPrefix}${manifest.id}`;
  const before = new Date(Date.now() - keptForMs - 60_000);
  for (const path of [join(old.folder, 'part-0'), old.folder]) await utimes(path, before, before);

  await sweepKept(spool.path, new Date());

  const left = await readdir(spool.path);
  expect(left).toContain(name(fresh));
  expect(left).not.toContain(name(old));
  await sweepKept(join(spool.path, 'missing'), new Date());
});
