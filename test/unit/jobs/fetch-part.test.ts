import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { errorMessage } from '../../../src/core/errors.ts';
import { findProgram } from '../../../src/core/find-program.ts';
import { makeWorkDirectory } from '../../../src/core/work-directory.ts';
import { ChunkHasher } from '../../../src/jobs/backup/hashing.ts';
import { fetchPart } from '../../../src/jobs/fetch-part.ts';
import type { Part } from '../../../src/jobs/manifest.ts';
import { obstacleOf } from '../../../src/jobs/obstacle.ts';
import { verdictOf } from '../../../src/jobs/verdict.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { mountSmallFilesystem } from '../../support/small-filesystem.ts';
import { testContext } from '../../support/test-context.ts';

const chunkBytes = 2 ** 20;
const searchPath = process.env['PATH'] ?? '';

interface Stored {
  readonly content: Buffer;
  /** What the manifest says; that of the content by default. */
  readonly sizeBytes?: number;
  readonly archive?: 'tar';
  readonly compressed?: Buffer;
}

/** Stores this content as a part of a dump and fetches it into `folder`, with the program zstd or without. */
async function fetched(stored: Stored, folder: string, zstdProgram?: string): Promise<void> {
  const { content, sizeBytes = content.length, archive, compressed = zstdCompressSync(content) } = stored;
  const store = new MemoryStore();
  const name = archive === undefined ? 'database.dump.zst' : 'database.tar.zst';
  const hasher = new ChunkHasher({ chunkBytes });
  hasher.update(compressed);
  const ofManifest = {
    content: { sizeBytes },
    compression: 'zstd',
    ...(archive === undefined ? {} : { archive }),
  } as const;
  const part: Part = { name, ...hasher.finish(), ...ofManifest };
  const context = testContext();
  await store.put(name, compressed, context.signal);
  const tools = { zstdProgram, ageProgram: undefined, identities: [] };
  await fetchPart({ store, key: name, part, path: join(folder, 'database'), ...tools }, context);
}

async function failureOf(work: Promise<void>): Promise<unknown> {
  return work.then(
    () => expect.fail('nothing failed'),
    (error: unknown) => error,
  );
}

const programs: readonly (readonly [string, () => Promise<string | undefined>])[] = [
  ['the program zstd', () => findProgram('zstd', searchPath)],
  ['no program', async () => undefined],
];

describe.each(programs)('with %s', (_, find) => {
  let zstdProgram: string | undefined;
  beforeAll(async () => {
    zstdProgram = await find();
  });

  test.for([0, 1, 5 * 2 ** 20 + 3])('a file of %d bytes has the content', async (sizeBytes) => {
    await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-fetch-' });
    const content = randomBytes(sizeBytes);

    await fetched({ content }, folder.path, zstdProgram);

    const path = join(folder.path, 'database');
    expect((await readFile(path)).equals(content)).toBe(true);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test('what a fetch before this one left there is written over', async () => {
    await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-fetch-' });
    await writeFile(join(folder.path, 'database'), 'x'.repeat(100));

    await fetched({ content: Buffer.from('new') }, folder.path, zstdProgram);

    expect(await readFile(join(folder.path, 'database'), 'utf8')).toBe('new');
  });

  test.for([-1, 1])('content of another size (%d) is damage', async (difference) => {
    await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-fetch-' });
    const content = randomBytes(100_000);
    const sizeBytes = content.length + difference;

    const error = await failureOf(fetched({ content, sizeBytes }, folder.path, zstdProgram));

    expect(errorMessage(error)).toBe('part database.dump.zst: the decompressed content is not what was dumped');
    expect(verdictOf(error)).toBe('failed');
  });

  test('what does not decompress is damage, also when its hash is that of the manifest', async () => {
    await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-fetch-' });
    const content = randomBytes(3_000_000);
    const compressed = zstdCompressSync(content, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
    compressed.fill(0xff, 2_000_000, 2_000_100);
    for (const wrong of [compressed, compressed.subarray(0, 2_000_000), Buffer.from('no zstd at all')]) {
      const error = await failureOf(fetched({ content, compressed: wrong }, folder.path, zstdProgram));
      expect(verdictOf(error)).toBe('failed');
    }
  });

  test('a full disk says nothing about the backup', async ({ skip }) => {
    using disk = mountSmallFilesystem(2) ?? skip('no small filesystem can be mounted');

    const error = await failureOf(fetched({ content: Buffer.alloc(2 ** 25, 'x') }, disk.path, zstdProgram));

    expect([verdictOf(error), obstacleOf(error)]).toEqual(['inconclusive', 'disk']);
    expect(errorMessage(error)).toMatch(/no space left on device/i);
  });

  test('a disk that is full but for less than the last block says nothing about the backup', async ({ skip }) => {
    using disk = mountSmallFilesystem(1) ?? skip('no small filesystem can be mounted');
    const content = randomBytes(2 ** 20 + 1);

    const error = await failureOf(fetched({ content }, disk.path, zstdProgram));

    expect([verdictOf(error), obstacleOf(error)]).toEqual(['inconclusive', 'disk']);
    expect(errorMessage(error)).toMatch(/no space left on device/i);
  });

  test('a folder that is not there says nothing about the backup', async () => {
    const error = await failureOf(fetched({ content: Buffer.from('x') }, '/nonexistent/watchkeeper', zstdProgram));

    expect(verdictOf(error)).toBe('inconclusive');
  });
});

test.for([
  '/*stdin*\\ : Decoding error (36) : Allocation error : not enough memory',
  'zstd: error 104 : Failed creating I/O thread pool',
])('a machine without room for zstd says nothing about the backup: %s', async (words) => {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-fetch-' });
  const zstd = join(folder.path, 'zstd');
  await writeFile(zstd, `#!/bin/sh\ncat > /dev/null\nprintf '%s\\n' '${words}' >&2\nexit 1\n`, { mode: 0o755 });
  const content = await tarOf(folder.path);
  for (const archive of [undefined, 'tar'] as const) {
    const error = await failureOf(fetched({ content, ...(archive && { archive }) }, folder.path, zstd));

    expect([verdictOf(error), obstacleOf(error)]).toEqual(['inconclusive', 'memory']);
    expect(errorMessage(error)).toContain(words);
  }
});

test('a process that may open no more files says nothing about the backup', async () => {
  const source = join(import.meta.dirname, '../../../src');
  const script = `
    import { openSync } from 'node:fs';
    import { pipeline } from 'node:stream/promises';
    const { startProcess } = await import('${source}/core/run-process.ts');
    const { isEcho } = await import('${source}/jobs/backup/joined-run.ts');
    const { verdictOf } = await import('${source}/jobs/verdict.ts');
    try { for (;;) openSync('/dev/null'); } catch {}
    const signal = new AbortController().signal;
    const { stdin, exited } = startProcess('/bin/cat', [], { signal, stdin: 'pipe' });
    const writing = await pipeline([Buffer.from('x')], stdin).catch((error) => error);
    const failure = await exited.catch((error) => error);
    process.stdout.write([isEcho(writing), verdictOf(failure), failure.message].join());`;

  const told = execFileSync(
    'sh',
    ['-c', 'ulimit -n 64; exec "$0" --input-type=module -e "$1"', process.execPath, script],
    { encoding: 'utf8' },
  );

  expect(told).toBe('true,inconclusive,starting /bin/cat: spawn /bin/cat EMFILE');
});

async function tarOf(folder: string): Promise<Buffer> {
  await mkdir(join(folder, 'source/database'), { recursive: true });
  await writeFile(join(folder, 'source/database/toc.dat'), 'contents');
  return execFileSync('tar', ['-cf', '-', '-C', join(folder, 'source'), 'database']);
}

test('a folder is unpacked, also where tar has what it needs long before the end', async () => {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-unpack-' });
  const padding = Buffer.alloc(32 * 2 ** 20);

  await fetched({ content: Buffer.concat([await tarOf(folder.path), padding]), archive: 'tar' }, folder.path);

  expect(await readFile(join(folder.path, 'database/toc.dat'), 'utf8')).toBe('contents');
});

test('what is no tar is told as such, and not as trouble of this machine', async () => {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-unpack-' });

  const error = await failureOf(fetched({ content: Buffer.alloc(100_000, 'x'), archive: 'tar' }, folder.path));

  expect(errorMessage(error)).toContain('tar');
  expect(verdictOf(error)).toBe('failed');
});
