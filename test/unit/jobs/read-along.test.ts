import { randomBytes } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { makeWorkDirectory } from '../../../src/core/work-directory.ts';
import { readAlong } from '../../../src/jobs/read-along.ts';

/** Reads along while `write` writes into the same file. Returns what was read. */
async function readWhile(
  write: (file: FileHandle) => Promise<void>,
  wantsMore: (readBytes: number) => boolean = () => true,
): Promise<Buffer> {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-along-' });
  const path = join(folder.path, 'growing');
  await using file = await open(path, 'w+');
  await using writer = await open(path, 'a');
  const written = write(writer);
  let read = Buffer.alloc(0);
  await readAlong(file, {
    written,
    clock: systemClock,
    onChunk(chunk) {
      read = Buffer.concat([read, chunk]);
      return wantsMore(read.length);
    },
  });
  await written.catch(() => undefined);
  return read;
}

test('what is written little by little is read to its end', async () => {
  const content = randomBytes(3_000_000);

  const read = await readWhile(async (file) => {
    for (let at = 0; at < content.length; at += 400_000) {
      await file.write(content.subarray(at, at + 400_000));
      await delay(15);
    }
  });

  expect(read.equals(content)).toBe(true);
});

test('of an empty file nothing is read', async () => {
  expect(await readWhile(async () => undefined)).toHaveLength(0);
});

test('when the writer fails, what came until then is read, and that is all', async () => {
  const read = await readWhile(async (file) => {
    await file.write('before');
    throw new Error('cut off');
  });

  expect(read.toString()).toBe('before');
});

test('who wants no more need not wait for the writer', async () => {
  const ended = new AbortController();
  const read = await readWhile(
    async (file) => {
      await file.write('enough');
      await delay(20_000, undefined, { signal: ended.signal }).catch(() => undefined);
    },
    () => {
      ended.abort();
      return false;
    },
  );

  expect(read.toString()).toBe('enough');
});
