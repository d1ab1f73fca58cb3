import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { errorMessage } from '../../../src/core/errors.ts';
import { makeWorkDirectory } from '../../../src/core/work-directory.ts';
import { ChunkHasher } from '../../../src/jobs/backup/hashing.ts';
import { fetchPart } from '../../../src/jobs/fetch-part.ts';
import type { Part } from '../../../src/jobs/manifest.ts';
import { verdictOf } from '../../../src/jobs/verdict.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { testContext } from '../../support/test-context.ts';

const chunkBytes = 2 ** 20;
const name = 'database.tar.zst';

/** Stores this content as the part of a dump in directory format, and fetches it into `folder`. */
async function fetched(content: Buffer, folder: string): Promise<void> {
  const store = new MemoryStore();
  const stored = zstdCompressSync(content);
  const hasher = new ChunkHasher({ chunkBytes });
  hasher.update(stored);
  const sizes = { content: { sizeBytes: content.length } };
  const part: Part = { name, ...hasher.finish(), ...sizes, compression: 'zstd', archive: 'tar' };
  const context = testContext();
  await store.put(name, stored, context.signal);
  const tools = { zstdProgram: undefined, ageProgram: undefined, identities: [] };
  await fetchPart({ store, key: name, part, path: join(folder, 'database'), ...tools }, context);
}

async function tarOf(folder: string): Promise<Buffer> {
  await mkdir(join(folder, 'source/database'), { recursive: true });
  await writeFile(join(folder, 'source/database/toc.dat'), 'contents');
  return execFileSync('tar', ['-cf', '-', '-C', join(folder, 'source'), 'database']);
}

test('a folder is unpacked, also where tar has what it needs long before the end', async () => {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-unpack-' });
  const padding = Buffer.alloc(32 * 2 ** 20);

  await fetched(Buffer.concat([await tarOf(folder.path), padding]), folder.path);

  expect(await readFile(join(folder.path, 'database/toc.dat'), 'utf8')).toBe('contents');
});

test('what is no tar is told as such, and not as trouble of this machine', async () => {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-unpack-' });

  const error = await fetched(Buffer.alloc(100_000, 'x'), folder.path).catch((thrown: unknown) => thrown);

  expect(errorMessage(error)).toContain('tar');
  expect(verdictOf(error)).toBe('failed');
});
