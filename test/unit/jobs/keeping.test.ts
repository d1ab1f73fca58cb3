import { describe, expect, test } from 'vitest';
import { writeExposition } from '../../../src/collectors/exposition.ts';
import { silentLog } from '../../../src/core/log.ts';
import { JobCounts } from '../../../src/jobs/job-counts.ts';
import { createKeeping, type Keeping, type KeepingOptions } from '../../../src/jobs/keeping.ts';
import type { Lineage } from '../../../src/jobs/lineage.ts';
import { StoreCatalog } from '../../../src/jobs/store-catalog.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { recordingJob } from '../../support/recording-job.ts';
import { sampleId, sampleManifest, sampleProof } from '../../support/sample-backup.ts';

const signal = new AbortController().signal;
const lineage: Lineage = { store: 'local', target: 'shop', schedule: 'nightly', database: 'shop' };
const sample = { at: '2026-03-02T02:00:00Z', lineage, sizeBytes: 1_000 };
const id = sampleId(sample);
const manifest = sampleManifest(sample);
const proof = sampleProof(sample);

/** With the part of each manifest. */
async function setUp(objects: Readonly<Record<string, unknown>>, given: Partial<KeepingOptions> = {}) {
  const clock = (given.clock as ManualClock | undefined) ?? new ManualClock('2026-03-02T04:00:01Z');
  const store = new MemoryStore(() => clock.now());
  for (const [key, value] of Object.entries(objects)) {
    await store.put(key, Buffer.from(JSON.stringify(value)), signal);
    const part = key.replace(/manifest\.json$/, 'database.dump.zst');
    if (part !== key) await store.put(part, Buffer.alloc(sample.sizeBytes), signal);
  }
  const counts = new JobCounts();
  const catalogs = [new StoreCatalog('local', store, clock)];
  const keeping = createKeeping({
    catalogs,
    lineages: [lineage],
    jobs: () => [],
    running: () => [],
    counts,
    clock,
    log: silentLog,
    ...given,
  });
  await clock.settle();
  return { clock, store, counts, keeping };
}

function lines(keeping: Keeping, now: Date): string[] {
  const page = writeExposition([{ target: undefined, samples: keeping.samples(now) }], 'text');
  const labels = '{target="shop",schedule="nightly",database="shop",store="local"}';
  return page
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.replace(labels, ''));
}

test('a proven backup tells its age, its size and how long a restore takes', async () => {
  const { keeping, clock } = await setUp({
    [`shop/${id}/manifest.json`]: manifest,
    [`shop/${id}/verified-1.json`]: proof,
  });
  await using _keeping = keeping;

  const told = lines(keeping, clock.now());

  expect(told).toEqual(
    expect.arrayContaining([
      'watchkeeper_backup_last_attempt_timestamp_seconds 1772416800',
      'watchkeeper_backup_last_success_timestamp_seconds 1772416810',
      'watchkeeper_backup_last_duration_seconds 10',
      'watchkeeper_backup_last_stored_bytes 1000',
      'watchkeeper_backup_last_content_bytes 5000',
      'watchkeeper_backup_last_throughput_bytes_per_second 500',
      'watchkeeper_backups 1',
      'watchkeeper_backups_proven 1',
      'watchkeeper_proof_last_success_timestamp_seconds 1772416869',
      'watchkeeper_rpo_seconds 7200',
      'watchkeeper_rpo_unproven_seconds 7200',
      'watchkeeper_rto_seconds 7',
      'watchkeeper_proof_last_duration_seconds 9',
      'watchkeeper_proof_last_phase_seconds{target="shop",schedule="nightly",database="shop",store="local",phase="fetch"} 2',
      'watchkeeper_proof_last_phase_seconds{target="shop",schedule="nightly",database="shop",store="local",phase="restore"} 5',
      'watchkeeper_proof_last_phase_seconds{target="shop",schedule="nightly",database="shop",store="local",phase="compare"} 1',
      'watchkeeper_store_view_success{target="shop",store="local"} 1',
    ]),
  );
});

test('a lineage without any backup is seen, in a way that every alert on age fires', async () => {
  const { keeping, clock } = await setUp({});
  await using _keeping = keeping;

  const told = lines(keeping, clock.now());

  expect(told).toEqual(
    expect.arrayContaining([
      'watchkeeper_backup_last_success_timestamp_seconds 0',
      'watchkeeper_proof_last_success_timestamp_seconds 0',
      'watchkeeper_rpo_seconds +Inf',
      'watchkeeper_rpo_unproven_seconds +Inf',
      'watchkeeper_backups 0',
    ]),
  );
  expect(told.filter((line) => line.startsWith('watchkeeper_rto'))).toEqual([]);
});

test('an unproven backup shortens the one age and not the other', async () => {
  const failed = sampleProof(sample, 'failed');
  const { keeping, clock } = await setUp({
    [`shop/${id}/manifest.json`]: manifest,
    [`shop/${id}/verified-1.json`]: failed,
  });
  await using _keeping = keeping;

  const told = lines(keeping, clock.now());

  expect(told).toContain('watchkeeper_rpo_seconds +Inf');
  expect(told).toContain('watchkeeper_rpo_unproven_seconds 7200');
  expect(told).toContain('watchkeeper_proof_last_attempt_timestamp_seconds 1772416869');
  expect(told).toContain('watchkeeper_backups_proven 0');
});

test('assertions are told by their names, as they were at the last verification that came to ask them', async () => {
  const asked = {
    ...sampleProof(sample, 'failed'),
    assertions: [
      { name: 'there are orders', passed: true },
      { name: 'all are paid', passed: false, detail: 'the result is not true' },
    ],
  };
  const later = { ...sampleProof(sample, 'inconclusive'), obstacle: 'disk', finishedAt: '2026-03-02T03:00:00.000Z' };
  const { keeping, clock } = await setUp({
    [`shop/${id}/manifest.json`]: manifest,
    [`shop/${id}/verified-1.json`]: asked,
    [`shop/${id}/verified-2.json`]: later,
  });
  await using _keeping = keeping;

  const samples = keeping.samples(clock.now()).filter(({ metric }) => metric.name === 'watchkeeper_proof_assertion');

  expect(samples.map(({ labelValues, value }) => [labelValues.at(-1), value])).toEqual([
    ['there are orders', 1],
    ['all are paid', 0],
  ]);
});

test('a store that cannot be read keeps what was known, says so, and its age grows', async () => {
  const { keeping, clock, store } = await setUp({ [`shop/${id}/manifest.json`]: manifest });
  await using _keeping = keeping;
  // biome-ignore lint/correctness/useYield: it fails before it gives anything.
  store.list = async function* () {
    throw new Error('unreachable');
  };

  await clock.advance(301_000);
  const told = lines(keeping, clock.now());

  expect(told).toContain('watchkeeper_backups 1');
  expect(told).toContain('watchkeeper_store_view_success{target="shop",store="local"} 0');
  expect(told).toContain('watchkeeper_store_view_age_seconds{target="shop",store="local"} 301');
});

test('nothing is said about a lineage whose store was never read: no backup would be a lie', async () => {
  const clock = new ManualClock('2026-03-02T04:00:00Z');
  const catalog = { storeName: 'local', read: () => Promise.reject(new Error('unreachable')) };
  await using keeping = createKeeping({
    catalogs: [catalog],
    lineages: [lineage],
    jobs: () => [],
    running: () => [],
    counts: new JobCounts(),
    clock,
    log: silentLog,
  });
  await clock.settle();

  const told = lines(keeping, clock.now());

  expect(told).toEqual([
    'watchkeeper_store_view_success{target="shop",store="local"} 0',
    'watchkeeper_store_view_age_seconds{target="shop",store="local"} 0',
  ]);
});

test('an attempt that was never finished is an attempt and a leftover, nothing else', async () => {
  const started = {
    format: 'watchkeeper-start/1',
    backupId: id,
    target: 'shop',
    schedule: 'nightly',
    database: 'shop',
    startedAt: '2026-03-02T02:00:00.000Z',
    host: 'a',
  };
  const { keeping, clock } = await setUp({ [`shop/${id}/started.json`]: started });
  await using _keeping = keeping;

  const told = lines(keeping, clock.now());

  expect(told).toContain('watchkeeper_backup_last_attempt_timestamp_seconds 1772416800');
  expect(told).toContain('watchkeeper_backup_last_success_timestamp_seconds 0');
  expect(told).toContain('watchkeeper_store_leftovers{target="shop",store="local"} 1');
});

test('a backup that failed and left nothing in the store was begun nevertheless', async () => {
  const counts = new JobCounts();
  const failed = {
    status: 'failed',
    reason: 'connection',
    error: new Error('refused'),
    durationSeconds: 1,
    tries: 1,
  } as const;
  const began = (at: string, kind: 'backup' | 'verify') =>
    counts.ended({ kind, lineage: { ...lineage, store: 'first' } }, { ...failed, startedAt: new Date(at) });
  began('2026-03-02T02:00:00Z', 'backup');
  began('2026-03-02T03:00:00Z', 'verify');
  const skipped = { status: 'skipped', reason: 'locked', durationSeconds: 1, tries: 1 } as const;
  counts.ended({ kind: 'backup', lineage }, { ...skipped, startedAt: new Date('2026-03-02T03:30:00Z') });
  const { keeping, clock } = await setUp({}, { counts });
  await using _keeping = keeping;

  expect(lines(keeping, clock.now())).toContain('watchkeeper_backup_last_attempt_timestamp_seconds 1772416800');
});

test('runs are counted by how they ended, failures by their reason, from 0 on', async () => {
  const counts = new JobCounts();
  const job = { kind: 'backup' as const, lineage };
  const ran = { startedAt: new Date(0), durationSeconds: 1, tries: 1 };
  counts.expect(job);
  const before = writeExposition([{ target: undefined, samples: counts.samples() }], 'text');

  counts.ended(job, { ...ran, status: 'failed', reason: 'store_full', error: new Error('x') });
  const after = writeExposition([{ target: undefined, samples: counts.samples() }], 'text');

  expect(before).toContain('kind="backup",status="failed"} 0');
  expect(after).toContain('kind="backup",status="failed"} 1');
  expect(after).toContain('kind="backup",reason="store_full"} 1');
});

test('a job tells when it is due, for how long it has been, and how far it is', async () => {
  const backup = recordingJob({ lineage });
  const proof = recordingJob({ kind: 'verify', lineage });
  const plan = { running: false, problem: undefined, failedLooks: 0, lastOutcome: undefined };
  const progress = { activity: 'dumping', doneBytes: 4_096 };
  const { keeping, clock } = await setUp(
    {},
    {
      jobs: () => [
        { ...plan, job: backup, dueAt: new Date('2026-03-02T04:00:00Z'), running: true },
        { ...plan, job: proof, dueAt: undefined, failedLooks: 3, problem: 'unreachable' },
      ],
      running: () => [{ job: backup, startedAt: new Date('2026-03-02T04:00:00Z'), tries: 1, progress }],
    },
  );
  await using _keeping = keeping;

  const told = lines(keeping, clock.now()).filter((line) => line.startsWith('watchkeeper_job_'));

  const labels = 'target="shop",schedule="nightly",database="shop",store="local"';
  expect(told.sort()).toEqual([
    `watchkeeper_job_due_failures_total{${labels},kind="backup"} 0`,
    `watchkeeper_job_due_failures_total{${labels},kind="verify"} 3`,
    `watchkeeper_job_next_due_timestamp_seconds{${labels},kind="backup"} 1772424000`,
    `watchkeeper_job_overdue_seconds{${labels},kind="backup"} 1`,
    `watchkeeper_job_overdue_seconds{${labels},kind="verify"} 0`,
    `watchkeeper_job_running_bytes{${labels},kind="backup"} 4096`,
    `watchkeeper_job_running{${labels},kind="backup"} 1`,
    `watchkeeper_job_running{${labels},kind="verify"} 0`,
  ]);
});

test('the last verdict is that of the last verification, even of an older backup', async () => {
  const older = { ...sample, at: '2026-03-01T02:00:00Z' };
  const provenLater = { ...sampleProof(older), finishedAt: '2026-03-02T03:00:00.000Z' };
  const { keeping, clock } = await setUp({
    [`shop/${id}/manifest.json`]: manifest,
    [`shop/${id}/verified-1.json`]: sampleProof(sample, 'inconclusive'),
    [`shop/${sampleId(older)}/manifest.json`]: sampleManifest(older),
    [`shop/${sampleId(older)}/verified-1.json`]: provenLater,
  });
  await using _keeping = keeping;

  const [row] = keeping.rows();
  const told = lines(keeping, clock.now());

  expect(row).toMatchObject({ verdict: 'proven', lastProofAt: new Date('2026-03-02T03:00:00Z') });
  expect(told).toContain('watchkeeper_rpo_seconds 93600');
  expect(told).toContain('watchkeeper_rpo_unproven_seconds 7200');
});

test('a backup whose manifest cannot be read is logged once, with the reason', async () => {
  const logged: unknown[] = [];
  const log = { ...silentLog, warn: (fields: unknown, message: string) => void logged.push([fields, message]) };
  const { keeping, clock } = await setUp({ [`shop/${id}/manifest.json`]: { format: 'watchkeeper-backup/2' } }, { log });
  await using _keeping = keeping;

  await clock.advance(11 * 60_000);

  expect(logged).toEqual([
    [
      { store: 'local', target: 'shop', backup: id, error: expect.stringContaining('not understood at format') },
      'the manifest of a backup cannot be read',
    ],
  ]);
});

test('what a run changed is read when it has ended', async () => {
  const { keeping, clock, store } = await setUp({});
  await using _keeping = keeping;
  await store.put(`shop/${id}/manifest.json`, Buffer.from(JSON.stringify(manifest)), signal);
  await clock.advance(20_000);

  const before = lines(keeping, clock.now());
  keeping.ended(recordingJob({ lineage }));
  await clock.settle();
  const after = lines(keeping, clock.now());

  expect(before).toContain('watchkeeper_backups 0');
  expect(after).toContain('watchkeeper_backups 1');
});

test('how much fits into a store is told with what the next backups will need, once everything in it was read', async () => {
  const older = { ...sample, at: '2026-03-01T02:00:00Z', sizeBytes: 700 };
  const { store, clock, keeping } = await setUp({
    [`shop/${id}/manifest.json`]: manifest,
    [`shop/${id}/data`]: 'x'.repeat(998),
    [`shop/${sampleId(older)}/manifest.json`]: sampleManifest(older),
    [`shop/${sampleId(older)}/data`]: 'x'.repeat(698),
  });
  await using _keeping = keeping;
  const bytesOf = (backup: string) =>
    [...store.objects].reduce((sum, [key, { bytes }]) => sum + (key.startsWith(backup) ? bytes.length : 0), 0);
  const [newest, before] = [bytesOf(`shop/${id}`), bytesOf(`shop/${sampleId(older)}`)];
  expect(lines(keeping, clock.now())).not.toContainEqual(expect.stringContaining('watchkeeper_store_free_bytes'));

  Object.assign(store, {
    room: async () => ({ sizeBytes: 1e6, freeBytes: 5e5, files: 100, freeFiles: 40, capacityBytes: 1e5 }),
  });
  await clock.advance(301_000);
  const told = lines(keeping, clock.now());

  expect(newest).toBeGreaterThan(before);
  expect(told).toEqual(
    expect.arrayContaining([
      'watchkeeper_store_size_bytes{store="local"} 100000',
      `watchkeeper_store_free_bytes{store="local"} ${1e5 - newest - before}`,
      'watchkeeper_store_files_limit{store="local"} 100',
      'watchkeeper_store_files_free{store="local"} 40',
      `watchkeeper_store_next_backups_bytes{store="local"} ${2 * newest - before}`,
    ]),
  );
});

describe('what was read', () => {
  const failing = { storeName: 'local', read: () => Promise.reject(new Error('unreachable')) };

  test('stands for the one that takes over, when the databases have changed and the store has just gone away', async () => {
    const { keeping, clock } = await setUp({ [`shop/${id}/manifest.json`]: manifest });
    await clock.advance(60_000);
    const { views } = keeping;
    await keeping[Symbol.asyncDispose]();

    const { keeping: next } = await setUp({}, { clock, views, catalogs: [failing] });
    await using _next = next;
    const told = lines(next, clock.now());

    expect(told).toContain('watchkeeper_backups 1');
    expect(told).toContain('watchkeeper_store_view_success{target="shop",store="local"} 0');
    expect(told).toContain('watchkeeper_store_view_age_seconds{target="shop",store="local"} 60');
  });

  test('of what is no longer configured is told no longer', async () => {
    const { keeping, clock } = await setUp({ [`shop/${id}/manifest.json`]: manifest });
    const { views } = keeping;
    await keeping[Symbol.asyncDispose]();

    const elsewhere = [{ ...lineage, target: 'other' }];
    const { keeping: next } = await setUp({}, { clock, views, lineages: elsewhere });
    await using _next = next;

    expect(lines(next, clock.now()).filter((line) => line.includes('target="shop"'))).toEqual([]);
  });

  test('is not replaced by what a slower reading found that began before', async () => {
    const contents = { entries: [], attempts: [], unreadable: [], strayMarks: [] };
    const attempt = { target: 'shop', backupId: 'x', modifiedAt: new Date(0), storedBytes: 1 };
    const readings: ((found: typeof contents) => void)[] = [];
    const catalog = {
      storeName: 'local',
      read: () => new Promise<typeof contents>((resolve) => void readings.push(resolve)),
    };
    const { keeping, clock } = await setUp({}, { catalogs: [catalog] });
    await using _keeping = keeping;
    await clock.advance(1_000);
    keeping.ended(recordingJob({ lineage }));

    readings[1]?.({ ...contents, attempts: [attempt] } as typeof contents);
    await clock.settle();
    readings[0]?.(contents);
    await clock.settle();

    expect(lines(keeping, clock.now())).toContain('watchkeeper_store_leftovers{target="shop",store="local"} 1');
  });

  test('is read again although a disk hangs when it is asked how much room it has', async () => {
    const { clock, store } = await setUp({});
    const catalog = new StoreCatalog('local', store, clock);
    const hanging = {
      storeName: 'local',
      read: catalog.read.bind(catalog),
      room: () => new Promise<never>(() => undefined),
    };
    const { keeping } = await setUp({}, { clock, catalogs: [hanging] });
    await using _keeping = keeping;

    await store.put(`shop/${id}/manifest.json`, Buffer.from(JSON.stringify(manifest)), signal);
    await clock.advance(121_000);
    await clock.advance(301_000);

    expect(lines(keeping, clock.now())).toContain('watchkeeper_backups 1');
  });
});
