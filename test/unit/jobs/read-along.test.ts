import { randomBytes } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
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

test('waiting for a slow store takes no memory, however long', async () => {
  setFlagsFromString('--expose-gc');
  const heapBytes = () => {
    runInNewContext('gc')();
    return process.memoryUsage().heapUsed;
  };
  const polls = 100_000;
  const { promise: written, resolve: end } = Promise.withResolvers<void>();
  let atFirst = 0;
  let atLast = 0;
  let reads = 0;
  const file: Pick<FileHandle, 'read'> = {
    async read<T extends NodeJS.ArrayBufferView>(buffer: T) {
      if (++reads === 1_000) atFirst = heapBytes();
      if (reads === polls) {
        atLast = heapBytes();
        end();
      }
      return { bytesRead: 0, buffer };
    },
  };
  const atOnce: Pick<Clock, 'sleep' | 'startTimer'> = {
    sleep: async () => undefined,
    startTimer(_ms, onEnd) {
      queueMicrotask(onEnd);
      return () => undefined;
    },
  };

  await readAlong(file as FileHandle, { written, clock: { ...systemClock, ...atOnce }, onChunk: () => true });

  expect((atLast - atFirst) / polls).toBeLessThan(20);
});
