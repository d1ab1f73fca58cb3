import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { backupJob } from '../../../src/jobs/backup-job.ts';
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
  primary = await startTestCluster({ settings: { wal_level: 'logical' } });
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
  expect(entries[0]?.manifest.facts.items).toContainEqual({
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
