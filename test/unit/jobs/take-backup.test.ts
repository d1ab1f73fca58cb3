import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import type { BackupMethod } from '../../../src/jobs/backup/method.ts';
import { takeBackup } from '../../../src/jobs/take-backup.ts';
import { type ObjectStore, passingOn, StoreError } from '../../../src/storage/object-store.ts';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { sampleLineage } from '../../support/sample-backup.ts';
import { testContext } from '../../support/test-context.ts';

const access = {
  connection: { host: '127.0.0.1', port: 1, user: 'postgres', database: 'shop' },
} as PostgresAccess;
const unused = (): never => {
  throw new Error('only a backup is taken');
};

/** Stores as many parts as it is told, and then the source is gone. */
function failingAfter(parts: number): BackupMethod {
  return {
    format: 'postgres-dump/1',
    restore: unused,
    measure: unused,
    async take(_access, store, { signal }) {
      for (let part = 0; part < parts; part++)
        await store(`part-${part}`, Readable.from([Buffer.from('rows')]), signal);
      throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    },
  };
}

async function failureOf(store: ObjectStore, method: BackupMethod) {
  const { log, lines } = recordingLog();
  const error = await takeBackup({ lineage: sampleLineage, access, method, store }, testContext({ log })).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  return { reason: (error?.cause as Error | undefined)?.message, warnings: lines.map(({ message }) => message) };
}

test.each([0, 1, 3])('a backup that fails after %d parts leaves nothing in the store', async (parts) => {
  const store = new MemoryStore();

  const { reason, warnings } = await failureOf(store, failingAfter(parts));

  expect(reason).toBe('connect ECONNREFUSED');
  expect([...store.objects.keys()]).toEqual([]);
  expect(warnings).toEqual([]);
});

test('a store that lets nothing be deleted does not hide why the backup failed, and keeps the word whose the remains are', async () => {
  const store = new MemoryStore();
  const refused: string[] = [];
  const refusing: ObjectStore = {
    ...passingOn(store),
    delete: async (key) => {
      refused.push(key.split('/').at(-1) ?? key);
      throw new StoreError('denied', 'nothing may be deleted');
    },
  };

  const { reason, warnings } = await failureOf(refusing, failingAfter(2));

  expect(reason).toBe('connect ECONNREFUSED');
  expect(warnings).toEqual(['remains of a failed backup are left to the sweep']);
  expect([...store.objects.keys()].map((key) => key.split('/').at(-1)).sort()).toEqual([
    'part-0',
    'part-1',
    'started.json',
  ]);
  expect(refused).toEqual(['part-0']);
});

test('a marker whose answer was lost is removed as well', async () => {
  const store = new MemoryStore();
  const losing: ObjectStore = {
    ...passingOn(store),
    put: async (key, body, signal) => {
      await store.put(key, body, signal);
      throw new StoreError('unavailable', 'no answer');
    },
  };

  const { reason } = await failureOf(losing, failingAfter(0));

  expect(reason).toBe('no answer');
  expect([...store.objects.keys()]).toEqual([]);
});
