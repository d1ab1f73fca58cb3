import { expect, test } from 'vitest';
import { backupKey, manifestName, proofName } from '../../../src/jobs/backup-keys.ts';
import { type CatalogEntry, entriesOf } from '../../../src/jobs/catalog.ts';
import { lineageSamples } from '../../../src/jobs/lineage-samples.ts';
import type { Proof } from '../../../src/jobs/manifest.ts';
import { sha256Of } from '../../../src/jobs/proof-chain.ts';
import { planProofs, proofEntries } from '../../../src/jobs/proof-plan.ts';
import { parseSchedule } from '../../../src/jobs/schedule.ts';
import { StoreCatalog } from '../../../src/jobs/store-catalog.ts';
import type { StoredObject } from '../../../src/storage/object-store.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { sampleId, sampleLineage, sampleManifest, sampleProof, storeBackup } from '../../support/sample-backup.ts';

/** A proof says something about what was there when it was made. */
const backup = { at: '2026-03-02T02:00:00Z', verdict: 'proven' } as const;
const partKey = backupKey('payments', sampleId(backup), 'database.dump.zst');
const manifestKey = backupKey('payments', sampleId(backup), manifestName);
const now = new Date('2026-03-02T12:00:01Z');
const signal = new AbortController().signal;

function stored(): MemoryStore {
  const store = new MemoryStore(() => now);
  storeBackup(store, backup);
  return store;
}

async function entriesIn(store: Pick<MemoryStore, 'list' | 'get'>): Promise<CatalogEntry[]> {
  const catalog = new StoreCatalog('local', store, new ManualClock(now.toISOString()));
  return entriesOf(await catalog.read('payments', signal), sampleLineage);
}

function told(entries: readonly CatalogEntry[]): ReadonlyMap<string, number> {
  const view = { lineage: sampleLineage, entries, lastAttemptAt: undefined, missingCopies: 0 };
  return new Map(
    lineageSamples(view, now).map(({ metric, labelValues, value }) => {
      return [`${metric.name.replace('watchkeeper_', '')} ${labelValues.slice(4).join()}`.trim(), value];
    }),
  );
}

function whatIsTriedNext(entries: readonly CatalogEntry[]): string[] {
  const backupSchedule = parseSchedule('0 2 * * *', 'UTC');
  const policy = { schedule: undefined, share: 1, backupSchedule, perRun: 2, tries: 3, retryAfterMs: 1 };
  return planProofs(proofEntries(entries), policy, now).proofs.map(({ id }) => id);
}

test('what was proven and is as it was is proven', async () => {
  const entries = await entriesIn(stored());

  expect(told(entries).get('rpo_seconds')).toBe(36_000);
  expect(told(entries).get('backups_incomplete')).toBe(0);
  expect(whatIsTriedNext(entries)).toEqual([]);
});

test.each([
  ['is gone', undefined],
  ['is shorter than it was', Buffer.alloc(999)],
])('a backup of which a part %s is proven no longer, shortens no age and is tried again', async (_what, bytes) => {
  const store = stored();
  store.objects.delete(partKey);
  if (bytes !== undefined) store.objects.set(partKey, { bytes, modifiedAt: now });

  const entries = await entriesIn(store);

  expect(entries[0]?.missingParts).toEqual(['database.dump.zst']);
  const figures = told(entries);
  expect(figures.get('backups')).toBe(1);
  expect(figures.get('backups_proven')).toBe(0);
  expect(figures.get('backups_incomplete')).toBe(1);
  expect(figures.get('rpo_seconds')).toBe(Number.POSITIVE_INFINITY);
  expect(figures.get('rpo_unproven_seconds')).toBe(Number.POSITIVE_INFINITY);
  expect(whatIsTriedNext(entries)).toEqual([sampleId(backup)]);
});

/** The store lost a part, a proof failed for it, and then the part was brought back at `modifiedAt`. */
async function afterRepair(modifiedAt: Date): Promise<readonly CatalogEntry[]> {
  const store = stored();
  for (const key of [...store.objects.keys()]) if (key.includes('verified-')) store.objects.delete(key);
  putReport(store, sampleProof(backup, 'failed'));
  const { bytes } = store.objects.get(partKey) ?? { bytes: Buffer.alloc(0) };
  for (const key of [manifestKey, partKey]) {
    const object = store.objects.get(key) ?? { bytes };
    store.objects.set(key, { ...object, modifiedAt: new Date(backup.at) });
  }
  store.objects.set(partKey, { bytes, modifiedAt });
  return entriesIn(store);
}

test('what failed is tried again when a part was brought back since, and is failed until then', async () => {
  const entries = await afterRepair(now);

  expect(told(entries).get('backups_failed')).toBe(1);
  expect(told(entries).get('backups_proven')).toBe(0);
  expect(whatIsTriedNext(entries)).toEqual([sampleId(backup)]);
});

test('what failed after its parts were brought back, or had none brought back, is not tried again', async () => {
  for (const modifiedAt of [new Date(Date.parse(backup.at) + 1_000), new Date(backup.at)]) {
    expect(whatIsTriedNext(await afterRepair(modifiedAt))).toEqual([]);
  }
});

/** As a large bucket is listed: page by page, while others write. The first listing of the target lacks the part. */
function listedWhile(store: MemoryStore, happens: () => void): Pick<MemoryStore, 'list' | 'get'> {
  return {
    get: store.get.bind(store),
    async *list(prefix: string): AsyncIterable<StoredObject> {
      const isFirst = prefix === 'payments/';
      for await (const object of store.list(prefix, signal)) if (!isFirst || object.key !== partKey) yield object;
      if (isFirst) happens();
    },
  };
}

test('a backup that was finished while the store was listed is complete', async () => {
  const [entry] = await entriesIn(listedWhile(stored(), () => undefined));

  expect(entry?.missingParts).toEqual([]);
});

test('a backup that was deleted while the store was listed is no backup', async () => {
  const store = stored();

  const entries = await entriesIn(listedWhile(store, () => store.objects.delete(manifestKey)));

  expect(entries).toEqual([]);
});

function putReport(store: MemoryStore, proof: Proof): void {
  const key = backupKey('payments', sampleId(backup), proofName(new Date(proof.startedAt)));
  store.objects.set(key, { bytes: Buffer.from(JSON.stringify(proof)), modifiedAt: now });
}

test('a proof of the manifest that was there before is none of the one that is there now', async () => {
  const store = stored();
  const { bytes } = store.objects.get(manifestKey) ?? { bytes: Buffer.alloc(0) };
  putReport(store, { ...sampleProof(backup), manifestSha256: sha256Of(bytes) });
  expect(told(await entriesIn(store)).get('backups_proven')).toBe(1);

  const easier = { ...sampleManifest(backup), facts: { mode: 'rows', items: [] } };
  store.objects.set(manifestKey, { bytes: Buffer.from(JSON.stringify(easier)), modifiedAt: now });
  const entries = await entriesIn(store);

  expect(told(entries).get('backups_proven')).toBe(0);
  expect(whatIsTriedNext(entries)).toEqual([sampleId(backup)]);
});

test('a report from a clock that was ahead does not stand before those that were written after it', async () => {
  const store = stored();
  for (const key of [...store.objects.keys()]) if (key.includes('verified-')) store.objects.delete(key);
  const ahead = { startedAt: '2027-03-02T03:00:00.000Z', finishedAt: '2027-03-02T03:01:00.000Z' };
  putReport(store, { ...sampleProof(backup), ...ahead, chain: { number: 1, previous: null } });
  putReport(store, { ...sampleProof(backup, 'failed'), chain: { number: 2, previous: 'a'.repeat(64) } });

  const entries = await entriesIn(store);

  expect(told(entries).get('backups_proven')).toBe(0);
  expect(told(entries).get('proof_last_verdict failed')).toBe(1);
  expect(told(entries).get('proof_last_verdict proven')).toBe(0);
  expect(told(entries).get('backups_failed')).toBe(1);
});

test('a backup that failed is counted although an older one was proven a moment later', async () => {
  const store = new MemoryStore(() => now);
  storeBackup(store, { ...backup, verdict: 'failed' });
  storeBackup(store, { at: '2026-03-02T02:00:30Z', verdict: 'proven' });

  const figures = told(await entriesIn(store));

  expect(figures.get('proof_last_verdict failed')).toBe(0);
  expect(figures.get('backups_failed')).toBe(1);
});
