import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runProcess } from '../../../src/core/run-process.ts';
import { makeWorkDirectory } from '../../../src/core/work-directory.ts';
import type { StoreSettings } from '../../../src/storage/settings.ts';
import { startMoto } from '../../support/moto.ts';

const program = join(import.meta.dirname, '../../support/put-large.ts');

async function putAndGet(settings: StoreSettings): Promise<{ readBytes: number; grownBytes: number }> {
  const args = [program, JSON.stringify(settings), '300'];
  return JSON.parse(await runProcess(process.execPath, args, { signal: AbortSignal.timeout(100_000) }));
}

test('an object of 300 MB in a folder takes less than 150 MB of memory', async () => {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-store-' });

  const { readBytes, grownBytes } = await putAndGet({ type: 'filesystem', path: folder.path });

  expect(readBytes).toBe(300 * 2 ** 20);
  expect(grownBytes).toBeLessThan(150 * 2 ** 20);
});

test('an object of 300 MB on S3 takes less than 150 MB of memory', async () => {
  await using moto = await startMoto();

  const { readBytes, grownBytes } = await putAndGet(moto.settings(await moto.makeBucket()));

  expect(readBytes).toBe(300 * 2 ** 20);
  expect(grownBytes).toBeLessThan(150 * 2 ** 20);
});
