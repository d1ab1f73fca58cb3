import { afterAll } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { openFilesystemStore } from '../../../src/storage/filesystem.ts';
import { withRetry } from '../../../src/storage/retry.ts';
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
