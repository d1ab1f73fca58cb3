import { expect, onTestFinished, test } from 'vitest';
import { manifestName } from '../../../src/jobs/backup-keys.ts';
import type { Proof } from '../../../src/jobs/manifest.ts';
import { chainKey, reportKey, sha256Of, writeReport } from '../../../src/jobs/proof-chain.ts';
import { readManifestBytes } from '../../../src/jobs/read-manifest.ts';
import { startReportWatch } from '../../../src/jobs/report-watch.ts';
import { openSealedJson, sealedJson } from '../../../src/jobs/sealed-json.ts';
import { passingOn, StoreError } from '../../../src/storage/object-store.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { sampleId, sampleLineage, sampleManifest, sampleProof, storeBackup } from '../../support/sample-backup.ts';
import { testContext, testSignal } from '../../support/test-context.ts';

const minute = 60_000;
const { store: storeName, target } = sampleLineage;
const night = (day: number) => ({ at: `2026-11-${String(day).padStart(2, '0')}T02:00:00Z` });
const besideOf = (day: number) => reportKey(sampleProof(night(day)));

async function report(store: MemoryStore, day: number): Promise<void> {
  storeBackup(store, night(day));
  const manifestSha256 = sha256Of(await readManifestBytes(store, sampleManifest(night(day)), testSignal()));
  await writeReport(store, { ...sampleProof(night(day)), manifestSha256 }, testContext());
}

/** A watch over the reports of three nights that has looked once. */
async function setUp() {
  const clock = new ManualClock('2026-11-10T12:00:00Z');
  const store = new MemoryStore(() => clock.now());
  for (const day of [1, 2, 3]) await report(store, day);
  const { log, lines } = recordingLog();
  const read: string[] = [];
  const state = { isAway: false };
  const objects = {
    ...passingOn(store),
    get: async (key: string, signal: AbortSignal) => {
      read.push(key);
      return store.get(key, signal);
    },
    list: (prefix: string, signal: AbortSignal) => {
      if (state.isAway) throw new StoreError('unavailable', 'the store is away');
      return store.list(prefix, signal);
    },
  };
  const places = [{ target, store: storeName, objects }];
  const watch = startReportWatch({ places: () => places, clock, log });
  onTestFinished(() => watch[Symbol.asyncDispose]());
  await clock.settle();
  const values = () => Object.fromEntries(watch.samples().map(({ metric, value }) => [metric.name, value]));
  return { clock, store, lines, read, state, places, watch, values };
}

/** The same object with other bytes, written now. */
function overwrite(store: MemoryStore, key: string, bytes: Buffer, modifiedAt: Date): void {
  store.objects.set(key, { bytes, modifiedAt });
}

/** The report with another verdict and a right checksum. */
function forge(store: MemoryStore, key: string, modifiedAt: Date): void {
  const bytes = store.objects.get(key)?.bytes ?? Buffer.alloc(0);
  overwrite(store, key, sealedJson({ ...(openSealedJson(bytes) as Proof), verdict: 'failed' }), modifiedAt);
}

const unbroken = 'watchkeeper_reports_unbroken';

test('a chain that holds is told with its length, the time of the look and since when all was read', async () => {
  const { values, lines } = await setUp();

  const at = Date.parse('2026-11-10T12:00:00Z') / 1_000;
  expect(values()).toEqual({
    watchkeeper_reports: 3,
    watchkeeper_reports_unbroken: 1,
    watchkeeper_reports_last_check_timestamp_seconds: at,
    watchkeeper_reports_read_since_timestamp_seconds: at,
  });
  expect(lines).toEqual([]);
});

test('what has not changed is read once a day, what is new at the next look', async () => {
  const { clock, store, read, values } = await setUp();
  const first = read.splice(0).sort();

  await clock.advance(60 * minute);
  const unchanged = read.splice(0);
  await report(store, 4);
  await clock.advance(15 * minute);
  const added = read.splice(0).sort();
  await clock.advance(23 * 60 * minute);
  const daily = read.splice(0);

  expect(first).toHaveLength(9);
  expect(unchanged).toEqual([]);
  expect(added).toEqual([chainKey(target, 4), `${target}/${sampleId(night(4))}/${manifestName}`, besideOf(4)].sort());
  expect(daily).toHaveLength(12);
  expect(values()).toMatchObject({
    watchkeeper_reports: 4,
    watchkeeper_reports_read_since_timestamp_seconds: Date.parse('2026-11-11T12:00:00Z') / 1_000,
  });
});

test.each([
  {
    what: 'altered in the chain',
    tamper: (store: MemoryStore, now: Date) => forge(store, chainKey(target, 2), now),
    first: 'report 2, ',
  },
  {
    what: 'altered beside its backup',
    tamper: (store: MemoryStore, now: Date) => forge(store, besideOf(3), now),
    first: `report 3, ${besideOf(3)}, is not the one in the chain`,
  },
  {
    what: 'removed',
    tamper: (store: MemoryStore) => void store.objects.delete(chainKey(target, 2)),
    first: 'report 2 is missing from the chain',
  },
  {
    what: 'cut off at the end, with its copy',
    tamper: (store: MemoryStore) => [chainKey(target, 3), besideOf(3)].map((key) => store.objects.delete(key)),
    first: 'report 3 should have the hash',
  },
  {
    what: 'put into another order',
    tamper: (store: MemoryStore, now: Date) => {
      const [second, third] = [2, 3].map((number) => store.objects.get(chainKey(target, number))?.bytes);
      if (second) overwrite(store, chainKey(target, 3), second, now);
      if (third) overwrite(store, chainKey(target, 2), third, now);
    },
    first: 'report 2 says that it is report 3',
  },
  {
    what: 'about a manifest that was changed since',
    tamper: (store: MemoryStore, now: Date) => {
      const key = `${target}/${sampleId(night(1))}/${manifestName}`;
      overwrite(store, key, sealedJson(sampleManifest({ ...night(1), sizeBytes: 1 })), now);
    },
    first: `the manifest of ${sampleId(night(1))} is not the one that report 1 is about`,
  },
])('a report that is $what is told within a quarter of an hour, once, until it is right again', async (given) => {
  const { clock, store, values, lines, watch } = await setUp();
  const before = new Map(store.objects);

  await clock.advance(minute);
  given.tamper(store, clock.now());
  await clock.advance(15 * minute);
  const broken = values();
  const told = watch.lastCheck(storeName, target)?.problems.map(({ message }) => message) ?? [];
  await clock.advance(60 * minute);
  const logged = [...lines];
  store.objects.clear();
  for (const [key, object] of before) store.objects.set(key, object);
  await clock.advance(15 * minute);

  expect(broken).toMatchObject({ [unbroken]: 0 });
  expect(told.join('\n')).toContain(given.first);
  expect(logged).toMatchObject([{ level: 'error', fields: { target, store: storeName, first: told[0] } }]);
  expect(values()).toMatchObject({ [unbroken]: 1 });
  expect(lines).toHaveLength(2);
});

test('bytes that were changed under the same size and time are found within a day', async () => {
  const { clock, store, values } = await setUp();
  const object = store.objects.get(besideOf(2));
  const bytes = Buffer.from(object?.bytes ?? []);
  bytes[bytes.indexOf('proven')] = 'P'.charCodeAt(0);
  overwrite(store, besideOf(2), bytes, object?.modifiedAt ?? clock.now());

  await clock.advance(23 * 60 * minute);
  const before = values();
  await clock.advance(75 * minute);

  expect(before).toMatchObject({ [unbroken]: 1 });
  expect(values()).toMatchObject({ [unbroken]: 0 });
});

test('a store that is away, or a folder that is not mounted, says nothing about the reports', async () => {
  const { clock, store, values, lines, state } = await setUp();
  const known = values();

  state.isAway = true;
  await clock.advance(60 * minute);
  const away = values();
  state.isAway = false;
  await clock.advance(15 * minute);
  const back = values();
  const objects = new Map(store.objects);
  store.objects.clear();
  await clock.advance(60 * minute);
  const unmounted = values();
  for (const [key, object] of objects) store.objects.set(key, object);
  await clock.advance(15 * minute);

  expect(away).toEqual(known);
  expect(back).toMatchObject({ [unbroken]: 1, watchkeeper_reports: 3 });
  expect(unmounted).toEqual(back);
  expect(values()).toMatchObject({ [unbroken]: 1, watchkeeper_reports: 3 });
  expect(lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
    'warn the reports of proofs cannot be read',
    'warn the reports of proofs cannot be read',
  ]);
});

test('a store that was never reached is unknown', async () => {
  const clock = new ManualClock('2026-11-10T12:00:00Z');
  const objects = {
    ...passingOn(new MemoryStore()),
    list: () => {
      throw new StoreError('unavailable', 'the store is away');
    },
  };
  const { log } = recordingLog();
  await using watch = startReportWatch({ places: () => [{ target, store: storeName, objects }], clock, log });
  await clock.settle();

  expect(watch.samples()).toEqual([]);
  expect(watch.lastCheck(storeName, target)).toBeUndefined();
});

test('a report that is between its two places while it is looked at is not told as broken', async () => {
  const { clock, store, values, lines } = await setUp();
  await report(store, 4);
  const beside = store.objects.get(besideOf(4));
  store.objects.delete(besideOf(4));

  await clock.advance(15 * minute - 1);
  const looking = clock.advance(5_000);
  await looking;
  if (beside !== undefined) store.objects.set(besideOf(4), beside);
  await clock.advance(minute);

  expect(values()).toMatchObject({ [unbroken]: 1, watchkeeper_reports: 4 });
  expect(lines).toEqual([]);
});

test('a proof is looked at as soon as it has ended; a target that is no longer configured is not told', async () => {
  const { clock, store, values, places, watch } = await setUp();
  await report(store, 4);

  watch.ended({ kind: 'verify', lineage: sampleLineage });
  watch.ended({ kind: 'backup', lineage: sampleLineage });
  watch.ended({ kind: 'verify', lineage: { ...sampleLineage, target: 'another' } });
  await clock.settle();
  const told = values();
  places.length = 0;
  await clock.advance(15 * minute);

  expect(told).toMatchObject({ watchkeeper_reports: 4, [unbroken]: 1 });
  expect(values()).toEqual({});
  expect(watch.lastCheck(storeName, target)).toBeUndefined();
});

test('a disk that hangs and notices no signal holds up neither the other stores nor the end of the daemon', async () => {
  const clock = new ManualClock('2026-11-10T12:00:00Z');
  const good = new MemoryStore(() => clock.now());
  await report(good, 1);
  const hung = { ...passingOn(good), list: () => neverEnding() };
  const { log, lines } = recordingLog();
  const places = [
    { target, store: 'hung', objects: { ...hung, description: 'hung' } },
    { target, store: 'good', objects: good },
  ];
  const watch = startReportWatch({ places: () => places, clock, log });

  await clock.advance(11 * minute);
  const first = watch.lastCheck('good', target)?.reports;
  await report(good, 2);
  await clock.advance(20 * minute);
  const second = watch.lastCheck('good', target)?.reports;
  await watch[Symbol.asyncDispose]();

  expect([first, second]).toEqual([1, 2]);
  expect(watch.lastCheck('hung', target)).toBeUndefined();
  expect(lines).toMatchObject([{ level: 'warn', message: 'the reports of proofs cannot be read' }]);
});

async function* neverEnding(): AsyncGenerator<never> {
  await new Promise(() => undefined);
}
