import { expect, test } from 'vitest';
import { nextBackupBytes, storeRoomSamples } from '../../../src/jobs/store-room.ts';
import type { StoreRoom } from '../../../src/storage/object-store.ts';

const sizes = (...bytes: number[]) => bytes.map((storedBytes) => ({ storedBytes }));

test.each([
  ['nothing yet', sizes(), 0],
  ['one', sizes(10), 10],
  ['growing by the same each time', sizes(30, 20, 10), 40],
  ['smaller than before', sizes(20, 30), 30],
  ['an incremental one after a full one', sizes(2, 3, 90, 2), 90],
  ['a large one longer ago than the last seven', sizes(5, 5, 5, 5, 5, 5, 5, 90), 5],
])('what the next backup needs: %s', (_name, entries, expected) => {
  expect(nextBackupBytes(entries)).toBe(expected);
});

function told(room: StoreRoom, usedBytes = 40): Record<string, number> {
  const samples = storeRoomSamples({ store: 'local', room, usedBytes, lineages: [] });
  return Object.fromEntries(samples.map(({ metric, value }) => [metric.name.replace('watchkeeper_store_', ''), value]));
}

test('of a filesystem and a capacity the tighter one counts', () => {
  expect(told({ sizeBytes: 100, freeBytes: 50 })).toMatchObject({ size_bytes: 100, free_bytes: 50 });
  expect(told({ sizeBytes: 100, freeBytes: 50, capacityBytes: 60 })).toMatchObject({ size_bytes: 60, free_bytes: 20 });
  expect(told({ sizeBytes: 100, freeBytes: 5, capacityBytes: 60 })).toMatchObject({ size_bytes: 60, free_bytes: 5 });
  expect(told({ capacityBytes: 30 })).toMatchObject({ size_bytes: 30, free_bytes: 0 });
});

test('nothing is told of a bucket without an end, nor of files that are made as needed', () => {
  expect(told({})).toEqual({ next_backups_bytes: 0 });
  expect(Object.keys(told({ sizeBytes: 100, freeBytes: 50 }))).not.toContain('files_free');
});
