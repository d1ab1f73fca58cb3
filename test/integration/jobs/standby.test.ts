import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { backupJob } from '../../../src/jobs/backup-job.ts';
import { readManifest } from '../../../src/jobs/read-manifest.ts';
import { createRunner } from '../../../src/jobs/runner.ts';
import { parseSchedule } from '../../../src/jobs/schedule.ts';
import { StoreCatalog } from '../../../src/jobs/store-catalog.ts';
import { type PostgresAccess, withDatabase } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { everythingRolesSql, everythingSql } from '../../support/everything-database.ts';
import { gatedStore } from '../../support/gated-store.ts';
import { backUp, dumpMethod, lineageOf, verify } from '../../support/keeping.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { createDatabase, execute, startTestCluster, startTestStandby } from '../../support/postgres.ts';
import { testContext } from '../../support/test-context.ts';

let primary: Cluster;
let standby: Cluster;

beforeAll(async () => {
  primary = await startTestCluster({ settings: { wal_level: 'logical', wal_sender_timeout: '2s' } });
  standby = await startTestStandby(primary, 'standby', {
    settings: { max_standby_streaming_delay: '0', hot_standby_feedback: 'off' },
  });
});
afterAll(async () => {
  await standby[Symbol.asyncDispose]();
  await primary[Symbol.asyncDispose]();
});

/** Waits until the standby has replayed everything that the primary has written by now. */
async function replicated(): Promise<void> {
  const [now] = await execute(primary, 'postgres', 'SELECT pg_current_wal_insert_lsn() AS lsn');
  const replayed = `SELECT pg_last_wal_replay_lsn() >= '${now?.['lsn']}' AS done`;
  await expect.poll(() => execute(standby, 'postgres', replayed), { timeout: 20_000 }).toEqual([{ done: 't' }]);
}

test('everything is dumped from a standby as well, down to each definition', async () => {
  await execute(primary, 'postgres', everythingRolesSql);
  await createDatabase(primary, 'everything', everythingSql(primary.installation.major * 10_000));
  await replicated();
  const store = new MemoryStore();

  const manifest = await backUp(withDatabase(standby.access, 'everything'), store);
  const proof = await verify(manifest, store);

  expect(proof.reason).toBeUndefined();
  expect(proof.verdict).toBe('proven');
});

describe('the state of a backup of a standby', () => {
  const instantOf = async (sql: string) => Date.parse((await execute(standby, 'postgres', sql))[0]?.['at'] ?? '');
  const lastReplayed = () => instantOf("SELECT to_json(pg_last_xact_replay_timestamp()) #>> '{}' AS at");

  test('that is behind is as old as what it has replayed, whenever the dump was taken', async () => {
    const ledger = await fillLedger('ledger');
    await execute(standby, 'postgres', 'SELECT pg_wal_replay_pause()');
    const pausedMs = await lastReplayed();
    await execute(primary, 'ledger', 'INSERT INTO entries VALUES (2)');
    await delay(1_000);

    const manifest = await backUp(ledger, new MemoryStore());
    await execute(standby, 'postgres', 'SELECT pg_wal_replay_resume()');

    expect(Date.parse(manifest.snapshotAt)).toBeLessThanOrEqual(pausedMs);
    expect(Date.parse(manifest.startedAt)).toBeGreaterThan(pausedMs + 1_000);
    expect(manifest.facts.items).toContainEqual({ name: 'rows public.entries', value: '1', compare: 'equal' });
  });

  test('that is not behind is as old as the last word of its primary, however idle that is', async () => {
    const ledger = await fillLedger('idle');
    const lastMs = await lastReplayed();
    const said = "SELECT to_json(last_msg_send_time) #>> '{}' AS at FROM pg_stat_wal_receiver";
    await expect.poll(() => instantOf(said), { timeout: 20_000 }).toBeGreaterThan(lastMs + 1_500);

    const manifest = await backUp(ledger, new MemoryStore());

    expect(Date.parse(manifest.snapshotAt)).toBeGreaterThan(lastMs + 1_500);
  });

  test('whose receiver we may not look at is taken for older rather than for younger', async () => {
    const ledger = await fillLedger('modest');
    await execute(primary, 'modest', "CREATE ROLE modest LOGIN PASSWORD 'x'; GRANT SELECT ON entries TO modest");
    await replicated();
    const lastMs = await lastReplayed();
    const connection = { ...ledger.connection, user: 'modest' };
    const store = new MemoryStore();

    const manifest = await backUp({ ...ledger, connection }, store);

    expect(Date.parse(manifest.snapshotAt)).toBeGreaterThan(lastMs - 1_000);
    expect(Date.parse(manifest.snapshotAt)).toBeLessThanOrEqual(await lastReplayed());
  });
});

async function fillLedger(name: string): Promise<PostgresAccess> {
  await createDatabase(primary, name, 'CREATE TABLE entries AS SELECT 1 AS n');
  await replicated();
  return withDatabase(standby.access, name);
}

test('a dump that stands in the way of the standby is cancelled by it, fails cleanly, and the next try is proven', async () => {
  const shop = await fillShop();
  const store = new MemoryStore();
  const gate = gatedStore(store);
  const catalog = new StoreCatalog('test', store, systemClock);
  const job = backupJob({
    lineage: lineageOf(shop),
    access: shop,
    method: await dumpMethod(),
    destinations: [{ name: 'test', store: gate.store, catalog }],
    schedule: parseSchedule('0 2 * * *', 'UTC'),
    deadlineMs: 60_000,
  });
  const { clock, log, signal } = testContext();
  const lock = { signal: new AbortController().signal, async check() {}, async [Symbol.asyncDispose]() {} };
  const runner = createRunner({ clock, log, acquireLock: async () => lock, retries: 3, retryDelayMs: 500 });

  const running = runner.run(job, signal);
  await gate.reached;
  await execute(primary, 'shop', 'DELETE FROM large WHERE n % 2 = 0');
  await execute(primary, 'shop', 'VACUUM large');
  // The server can end the reading of pg_dump only when what it has read goes on.
  const [end] = await execute(primary, 'postgres', 'SELECT pg_current_wal_insert_lsn() AS lsn');
  await expect.poll(() => hasConflict(end?.['lsn'] ?? ''), { timeout: 20_000 }).toBe(true);
  gate.open();
  const outcome = await running;

  expect(outcome).toMatchObject({ status: 'succeeded' });
  expect(outcome.tries).toBeGreaterThan(1);
  const { entries, attempts } = await catalog.read('shop', signal);
  const manifest = await readManifest(store, entries[0]!.manifest, signal);
  expect(manifest.facts.items).toContainEqual({
    name: 'rows public.large',
    value: '200000',
    compare: 'equal',
  });
  expect((await verify(entries[0]!.manifest, store)).verdict).toBe('proven');
  expect(attempts).toEqual([]);
});

/**
 * The standby has cancelled a reader, or would like to: what was written before `end` has arrived, and is not replayed
 * though there was a second for it, because pg_dump waits for us and its server cannot be interrupted then.
 */
async function hasConflict(end: string): Promise<boolean> {
  const sql = `SELECT pg_last_wal_replay_lsn() AS lsn,
    pg_last_wal_receive_lsn() >= '${end}' AND pg_last_wal_replay_lsn() < '${end}' AS behind`;
  const conflicts = 'SELECT FROM pg_stat_database_conflicts WHERE confl_snapshot > 0';
  if ((await execute(standby, 'postgres', conflicts)).length > 0) return true;
  const [before] = await execute(standby, 'postgres', sql);
  await delay(1_000);
  const [after] = await execute(standby, 'postgres', sql);
  return before?.['behind'] === 't' && after?.['behind'] === 't' && before['lsn'] === after['lsn'];
}

async function fillShop(): Promise<PostgresAccess> {
  const fill =
    'CREATE TABLE large AS SELECT n, md5(n::text) || md5((n * 7)::text) AS t FROM generate_series(1, 400000) n';
  await createDatabase(primary, 'shop', fill);
  await replicated();
  return withDatabase(standby.access, 'shop');
}
