import { expect, test } from 'vitest';
import { estimatedRestoreBytes } from '../../../src/jobs/proof-space.ts';
import { memoryPlan } from '../../../src/jobs/sandbox/memory-settings.ts';
import { sampleManifest } from '../../support/sample-backup.ts';

const mebibyte = 2 ** 20;

function manifestOf(contentBytes: number, databaseSizeBytes: number) {
  const manifest = sampleManifest({ at: '2026-03-02T02:00:00Z' });
  const parts = manifest.parts.map((part) => ({ ...part, content: { sizeBytes: contentBytes } }));
  return { parts, source: { ...manifest.source, databaseSizeBytes } };
}

test.each([
  ['a database full of dead rows takes less than its source', 100, 900, 166],
  ['one table of many takes no more than itself', 2, 10_000, 19],
  ['a restore is no larger than the whole source', 100, 120, 120],
])('%s', (_name, content, database, expected) => {
  expect(estimatedRestoreBytes(manifestOf(content * mebibyte, database * mebibyte))).toBe(expected * mebibyte);
});

test('a limit on memory is shared out: a quarter to all, the rest to two processes', () => {
  const plan = memoryPlan(512 * mebibyte);

  expect(plan.processBytes).toBe(192 * mebibyte);
  expect(plan.settings).toMatchObject({
    shared_buffers: '98304kB',
    work_mem: '12288kB',
    maintenance_work_mem: '98304kB',
    max_parallel_workers: '0',
  });
});

test('however much memory there is, what is shared stays small', () => {
  expect(memoryPlan(64 * 2 ** 30).settings['shared_buffers']).toBe(`${768 * 1_024}kB`);
});
