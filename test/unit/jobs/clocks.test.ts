import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { silentLog } from '../../../src/core/log.ts';
import type { BackupMethod } from '../../../src/jobs/backup/method.ts';
import { backupJob } from '../../../src/jobs/backup-job.ts';
import { type CatalogEntry, entriesOf } from '../../../src/jobs/catalog.ts';
import { lineageSamples } from '../../../src/jobs/lineage-samples.ts';
import { objectiveSamples } from '../../../src/jobs/objective-samples.ts';
import { type ProofPolicy, planProofs, proofEntries } from '../../../src/jobs/proof-plan.ts';
import { parseSchedule } from '../../../src/jobs/schedule.ts';
import { StoreCatalog } from '../../../src/jobs/store-catalog.ts';
import { takeBackup } from '../../../src/jobs/take-backup.ts';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { sampleLineage, sampleManifest, storeBackup } from '../../support/sample-backup.ts';

/** Nothing is known of what a clock that was wrong has written; nothing else may look done or young because of it. */
const lastNight = { at: '2026-03-02T02:00:00Z', verdict: 'proven' } as const;
const aYearAhead = { at: '2027-03-02T02:00:00Z', verdict: 'proven' } as const;
const now = new Date('2026-03-02T12:00:00Z');
const schedule = parseSchedule('0 2 * * *', 'UTC');
const signal = new AbortController().signal;

const unused = (): never => {
  throw new Error('nothing is run here');
};
const method: BackupMethod = { format: 'postgres-dump/1', take: unused, restore: unused, measure: unused };

function setUp(...backups: readonly Parameters<typeof storeBackup>[1][]) {
  const clock = new ManualClock(now.toISOString());
  const store = new MemoryStore();
  for (const backup of backups) storeBackup(store, backup);
  return { clock, store, catalog: new StoreCatalog('local', store, clock) };
}

async function entriesIn(...backups: readonly Parameters<typeof storeBackup>[1][]): Promise<CatalogEntry[]> {
  return entriesOf(await setUp(...backups).catalog.read('payments', signal), sampleLineage);
}

async function dueAt(at: string, ...backups: readonly Parameters<typeof storeBackup>[1][]) {
  const { clock, store, catalog } = setUp(...backups);
  clock.setWallClock(at);
  const destinations = [{ name: 'local', store, catalog }];
  const access = {} as PostgresAccess;
  const job = backupJob({ lineage: sampleLineage, access, method, destinations, schedule, deadlineMs: 1 });
  return (await job.dueAt({ clock, signal, log: silentLog }))?.toISOString();
}

test('one backup that was made while the clock was a year ahead does not keep others from being taken', async () => {
  expect(await dueAt('2026-03-03T02:00:01Z', lastNight, aYearAhead)).toBe('2026-03-03T02:00:00.000Z');
});

test('one that another machine, whose clock is a minute ahead, has just taken is there', async () => {
  expect(await dueAt('2026-03-02T01:59:30Z', { at: '2026-03-02T02:00:00Z' })).toBe('2026-03-02T02:00:00.000Z');
  expect(await dueAt('2026-03-02T02:00:00Z', { at: '2026-03-02T02:01:00Z' })).toBe('2026-03-03T02:00:00.000Z');
});

function figures(entries: readonly CatalogEntry[], at = now): ReadonlyMap<string, number> {
  const view = { lineage: sampleLineage, entries, lastAttemptAt: undefined, missingCopies: 0 };
  const rules = { pruneRules: () => undefined, objectivesOf: () => undefined, targetObjectives: () => undefined };
  const samples = [...lineageSamples(view, at), ...objectiveSamples([{ lineage: sampleLineage, entries }], rules, at)];
  return new Map(samples.map(({ metric, value }) => [metric.name.replace('watchkeeper_', ''), value]));
}

test('a backup from the future makes no database look younger than its newest state that is known', async () => {
  const told = figures(await entriesIn(lastNight, aYearAhead));

  expect(told.get('rpo_seconds')).toBe(35_999);
  expect(told.get('rpo_unproven_seconds')).toBe(35_999);
  expect(told.get('database_rpo_seconds')).toBe(35_999);
  expect(told.get('database_rpo_unproven_seconds')).toBe(35_999);
  expect(told.get('backup_last_success_timestamp_seconds')).toBe(Date.parse('2026-03-02T02:00:10Z') / 1_000);
  expect(told.get('backups')).toBe(2);
});

test('where there is nothing but backups from the future, every alert on an age fires', async () => {
  const told = figures(await entriesIn(aYearAhead));

  expect(told.get('rpo_seconds')).toBe(Number.POSITIVE_INFINITY);
  expect(told.get('database_rpo_unproven_seconds')).toBe(Number.POSITIVE_INFINITY);
  expect(told.get('backup_last_success_timestamp_seconds')).toBe(0);
});

test('no age is negative where the clock of the server is a little ahead', async () => {
  const told = figures(await entriesIn(lastNight), new Date('2026-03-02T01:59:59Z'));

  expect(told.get('rpo_seconds')).toBe(0);
  expect(told.get('database_rpo_seconds')).toBe(0);
});

test.each([
  ['an hour ahead of ours, it is as old as it can be', '2026-03-02T13:00:05Z', '2026-03-02T12:00:00.000Z'],
  ['like ours, it is as old as the server says', '2026-03-02T12:00:05Z', '2026-03-02T12:00:05.000Z'],
  ['of a standby that is behind, it is as old as the server says', '2026-03-02T11:00:05Z', '2026-03-02T11:00:05.000Z'],
])('the state of a server whose clock is %s', async (_what, snapshotAt, expected) => {
  const clock = new ManualClock(now.toISOString());
  const store = new MemoryStore();
  const { source, tools, facts, parts } = sampleManifest({ at: '2026-03-02T02:00:00Z' });
  const slow: BackupMethod = {
    ...method,
    async take(_access, put) {
      await put('database.dump.zst', Readable.from([Buffer.alloc(1_000)]), signal);
      await clock.advance(10_000);
      return { snapshotAt: new Date(snapshotAt), source, tools, facts, parts };
    },
  };

  const request = { lineage: sampleLineage, access: {} as PostgresAccess, method: slow, store };
  const manifest = await takeBackup(request, { clock, signal, log: silentLog, onProgress: () => undefined });

  expect(manifest.snapshotAt).toBe(expected);
});

const afterBackups: ProofPolicy = {
  schedule: undefined,
  share: 1,
  backupSchedule: schedule,
  perRun: 2,
  tries: 3,
  retryAfterMs: 15 * 60_000,
};

test('neither a backup nor a report from the future keeps the newest one from being proven', async () => {
  const untried = { at: '2026-03-02T02:00:00Z' };
  const entries = proofEntries(await entriesIn(untried, aYearAhead, { at: '2026-02-28T02:00:00Z' }));
  const ahead = {
    startedAt: new Date('2027-01-01'),
    finishedAt: new Date('2027-01-02'),
    verdict: 'inconclusive',
  } as const;
  const tried = entries.map((entry) =>
    entry.at < new Date('2026-03-01') ? { ...entry, verifications: [ahead] } : entry,
  );

  const { proofs } = planProofs(tried, afterBackups, now);

  expect(proofs.map(({ id, dueAt: due, why }) => `${id.slice(0, 8)} ${due.toISOString().slice(0, 16)} ${why}`)).toEqual(
    ['20260302 2026-03-02T02:00 newest', '20260228 2026-03-02T02:00 unproven'],
  );
});
