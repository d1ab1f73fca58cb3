import { expect, test } from 'vitest';
import { writeExposition } from '../../../src/collectors/exposition.ts';
import { silentLog } from '../../../src/core/log.ts';
import { JobCounts } from '../../../src/jobs/job-counts.ts';
import { createKeeping } from '../../../src/jobs/keeping.ts';
import type { KeepingRules } from '../../../src/jobs/keeping-rules.ts';
import type { Lineage } from '../../../src/jobs/lineage.ts';
import { pinName, putMark } from '../../../src/jobs/retention-marks.ts';
import { StoreCatalog } from '../../../src/jobs/store-catalog.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { sampleId, storeBackup } from '../../support/sample-backup.ts';

const signal = new AbortController().signal;
const nightly: Lineage = { store: 'local', target: 'shop', schedule: 'nightly', database: 'shop' };
const hourly: Lineage = { ...nightly, schedule: 'hourly' };
const away: Lineage = { ...nightly, store: 'away' };
const hourMs = 3_600_000;
const labels = '{target="shop",schedule="nightly",database="shop",store="local"}';

const rules: KeepingRules = {
  pruneRules: () => ({ policy: { last: 2 }, leftoverGraceMs: hourMs, graceMs: hourMs }),
  objectivesOf: ({ schedule }) => (schedule === 'nightly' ? { rpo: 30 * hourMs, rto: 600_000 } : undefined),
  targetObjectives: () => ({ rpo: 2 * hourMs }),
};

/** Lines of the page of a daemon that has just started. */
async function told(store: MemoryStore, clock: ManualClock, lineages: readonly Lineage[]): Promise<string[]> {
  await using keeping = createKeeping({
    catalogs: [new StoreCatalog('local', store, clock)],
    lineages,
    rules,
    jobs: () => [],
    running: () => [],
    counts: new JobCounts(),
    clock,
    log: silentLog,
  });
  await clock.settle();
  const page = writeExposition([{ target: undefined, samples: keeping.samples(clock.now()) }], 'text');
  return page.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

function setUp() {
  const clock = new ManualClock('2026-03-04T05:00:01Z');
  const store = new MemoryStore(() => clock.now());
  storeBackup(store, { at: '2026-03-04T02:00:00Z', lineage: nightly, verdict: 'proven' });
  storeBackup(store, { at: '2026-03-04T03:00:00Z', lineage: hourly, verdict: 'proven' });
  storeBackup(store, { at: '2026-03-04T04:00:00Z', lineage: hourly });
  return { clock, store };
}

test('what was promised stands beside what is measured, of the schedule and of the database over all schedules', async () => {
  const { clock, store } = setUp();

  const lines = await told(store, clock, [nightly, hourly]);

  expect(lines).toEqual(
    expect.arrayContaining([
      `watchkeeper_objective_rpo_seconds${labels} 108000`,
      `watchkeeper_objective_rto_seconds${labels} 600`,
      `watchkeeper_rpo_seconds${labels} 10800`,
      'watchkeeper_objective_database_rpo_seconds{target="shop",database="shop"} 7200',
      'watchkeeper_database_rpo_seconds{target="shop",database="shop"} 7200',
      'watchkeeper_database_rpo_unproven_seconds{target="shop",database="shop"} 3600',
      'watchkeeper_database_rto_seconds{target="shop",database="shop"} 7',
    ]),
  );
  expect(lines.filter((line) => line.startsWith('watchkeeper_objective_rpo') && line.includes('hourly'))).toEqual([]);
  expect(lines.filter((line) => line.startsWith('watchkeeper_objective_database_rto'))).toEqual([]);
});

test('while a store was never read the others tell how old the state of the database is at most', async () => {
  const { clock, store } = setUp();

  const lines = await told(store, clock, [nightly, away]);

  expect(lines).toContain('watchkeeper_database_rpo_seconds{target="shop",database="shop"} 10800');
  expect(lines).toContain('watchkeeper_database_rpo_unproven_seconds{target="shop",database="shop"} 10800');
});

test('that nothing is proven is not said while a store was never read, what was promised is', async () => {
  const { clock } = setUp();

  const lines = await told(new MemoryStore(() => clock.now()), clock, [nightly, away]);

  expect(lines.filter((line) => line.startsWith('watchkeeper_database_rpo'))).toHaveLength(0);
  expect(lines).toContain('watchkeeper_objective_database_rpo_seconds{target="shop",database="shop"} 7200');
});

test('a database without any proven backup has an age that every alert notices', async () => {
  const clock = new ManualClock('2026-03-04T05:00:01Z');
  const store = new MemoryStore(() => clock.now());
  storeBackup(store, { at: '2026-03-04T02:00:00Z', lineage: nightly, verdict: 'failed' });

  const lines = await told(store, clock, [nightly]);

  expect(lines).toContain('watchkeeper_database_rpo_seconds{target="shop",database="shop"} +Inf');
  expect(lines).toContain('watchkeeper_database_rpo_unproven_seconds{target="shop",database="shop"} 10800');
});

test('a restart forgets nothing: another process that reads the same store tells the same', async () => {
  const { clock, store } = setUp();

  const before = await told(store, clock, [nightly, hourly]);
  const after = await told(store, clock, [nightly, hourly]);

  expect(after).toEqual(before);
  expect(before.length).toBeGreaterThan(40);
});

test.each([
  { sizes: [1_000], ratio: undefined },
  { sizes: [1_000, 500], ratio: 0.5 },
  { sizes: [1_000, 1_200, 400], ratio: 400 / 1_100 },
  { sizes: [1_000, 9_000, 1_100, 2_200], ratio: 2 },
  { sizes: [0, 0, 700], ratio: undefined },
])('the newest backup of $sizes bytes is $ratio of the median before it', async ({ sizes, ratio }) => {
  const clock = new ManualClock('2026-03-09T05:00:00Z');
  const store = new MemoryStore(() => clock.now());
  for (const [index, sizeBytes] of sizes.entries()) {
    storeBackup(store, { at: `2026-03-0${index + 1}T02:00:00Z`, lineage: nightly, sizeBytes });
  }

  const lines = await told(store, clock, [nightly]);

  const values = (name: string) =>
    lines.filter((line) => line.startsWith(`${name}{`)).map((line) => line.split(' ')[1]);
  const expected = ratio === undefined ? [] : [String(ratio)];
  expect(values('watchkeeper_backup_last_stored_bytes_ratio')).toEqual(expected);
  expect(values('watchkeeper_backup_last_content_bytes_ratio')).toEqual(expected);
});

test('what retention keeps is counted by rule, what it does not keep by itself', async () => {
  const clock = new ManualClock('2026-03-09T05:00:00Z');
  const store = new MemoryStore(() => clock.now());
  const night = (date: number) => ({ at: `2026-03-0${date}T02:00:00Z`, lineage: nightly });
  storeBackup(store, { ...night(1), verdict: 'proven' });
  for (const date of [2, 3, 4, 5]) storeBackup(store, night(date));
  const about = { target: 'shop', pinnedAt: '2026-03-04T02:00:00Z', reason: '' };
  await putMark(store, pinName, { format: 'watchkeeper-pin/1', backupId: sampleId(night(2)), ...about }, signal);
  storeBackup(store, { ...night(5), lineage: { ...nightly, schedule: 'weekly' } });

  const lines = await told(store, clock, [nightly]);

  const kept = (rule: string, count: number) =>
    `watchkeeper_retention_kept_backups${labels.replace('}', `,rule="${rule}"}`)} ${count}`;
  expect(lines.filter((line) => line.startsWith('watchkeeper_retention_'))).toEqual([
    kept('newest', 1),
    kept('newest_proven', 1),
    kept('pinned', 1),
    kept('last', 2),
    `watchkeeper_retention_unwanted_backups${labels} 1`,
    `watchkeeper_retention_marked_backups${labels} 0`,
    `watchkeeper_retention_refused${labels} 0`,
  ]);
  expect(lines).toContain('watchkeeper_store_unconfigured_backups{target="shop",store="local"} 1');
});
