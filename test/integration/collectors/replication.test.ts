import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { replication } from '../../../src/collectors/postgres/replication.ts';
import { postgresWatchSettings } from '../../../src/collectors/postgres/settings.ts';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import type { Sample } from '../../../src/core/metric.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { execute, startTestCluster, startTestStandby } from '../../support/postgres.ts';
import { scrapeOne, singleValue, testScraper, valuesOf, watched } from '../../support/scrape.ts';
import { testContext, testSignal } from '../../support/test-context.ts';

let primary: Cluster;
let standby: Cluster;

beforeAll(async () => {
  // A base backup can be taken from a standby only where pages are written in full.
  primary = await startTestCluster({ settings: { autovacuum: 'off', full_page_writes: 'on' } });
  standby = await startTestStandby(primary, 'replica', { settings: { wal_retrieve_retry_interval: '100ms' } });
  await execute(primary, 'postgres', 'CREATE TABLE replicated (id int)');
  await untilReplayed();
});

afterAll(async () => {
  await standby?.[Symbol.asyncDispose]();
  await primary?.[Symbol.asyncDispose]();
});

async function untilReplayed(): Promise<void> {
  const [position] = await execute(primary, 'postgres', 'SELECT pg_current_wal_lsn() AS lsn');
  const sql = `SELECT 1 WHERE pg_last_wal_replay_lsn() >= '${position?.['lsn']}'`;
  await vi.waitFor(async () => expect(await execute(standby, 'postgres', sql)).toHaveLength(1), { timeout: 20_000 });
}

async function scrapeServer(server: Cluster): Promise<readonly Sample[]> {
  await using scraper = testScraper([watched('server', server.access)]);
  return await scrapeOne(scraper, 'server', testSignal());
}

/** Scrapes until `check` holds. */
async function eventually(server: Cluster, check: (samples: readonly Sample[]) => void): Promise<void> {
  await vi.waitFor(async () => check(await scrapeServer(server)), { timeout: 20_000, interval: 200 });
}

test('each side tells its role, and every family succeeds on both', async () => {
  const ofPrimary = await scrapeServer(primary);
  const ofStandby = await scrapeServer(standby);

  expect(singleValue(ofPrimary, 'pg_replication_is_replica')).toBe(0);
  expect(singleValue(ofStandby, 'pg_replication_is_replica')).toBe(1);
  for (const samples of [ofPrimary, ofStandby]) {
    const failed = Object.entries(valuesOf(samples, 'watchkeeper_collector_success')).filter(
      ([, value]) => value !== 1,
    );
    expect(failed).toEqual([]);
  }
});

test('a primary gives no lag of its own, and no receiver', async () => {
  const samples = await scrapeServer(primary);

  expect(singleValue(samples, 'pg_replication_standby_lag_seconds')).toBeUndefined();
  expect(singleValue(samples, 'pg_replication_receiver_up')).toBeUndefined();
  expect(valuesOf(samples, 'watchkeeper_collector_applicable')).toMatchObject({ wal_receiver: 0, standbys: 1 });
});

test('an idle primary is no lag, however old its last transaction is', async () => {
  await execute(primary, 'postgres', 'INSERT INTO replicated VALUES (1)');
  await untilReplayed();
  await systemClock.sleep(1_100);

  await eventually(standby, (samples) => {
    expect(singleValue(samples, 'pg_replication_standby_lag_seconds')).toBe(0);
    expect(singleValue(samples, 'pg_replication_receiver_up')).toBe(1);
    expect(singleValue(samples, 'pg_replication_last_replay_seconds')).toBeGreaterThan(1);
  });
});

/** The standby's replay stands still, with a transaction to do, after a time without any. */
async function stopReplay(): Promise<number> {
  await untilReplayed();
  await systemClock.sleep(1_100);
  const [row] = await execute(standby, 'postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'startup'");
  const startup = Number(row?.['pid']);
  process.kill(startup, 'SIGSTOP');
  onTestFinished(() => void process.kill(startup, 'SIGCONT'));
  await execute(primary, 'postgres', 'INSERT INTO replicated VALUES (1)');
  const received = 'SELECT 1 WHERE pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()';
  await vi.waitFor(async () => expect(await execute(standby, 'postgres', received)).toHaveLength(1), {
    timeout: 20_000,
  });
  return startup;
}

/** The family, whose waits begin with `onSleep`. */
async function collectOnStandby(onSleep: () => void): Promise<readonly Sample[]> {
  const signal = testSignal();
  await using session = await openSession(standby.access, { signal });
  const clock: Clock = {
    ...systemClock,
    sleep(ms, given) {
      onSleep();
      return systemClock.sleep(ms, given);
    },
  };
  return await replication.collect(
    { session, settings: postgresWatchSettings.parse({}) },
    testContext({ signal, clock }),
  );
}

test('the first transaction after a quiet time is no lag of that time while it is being replayed', async () => {
  const startup = await stopReplay();

  const samples = await collectOnStandby(() => process.kill(startup, 'SIGCONT'));

  const sinceLast = singleValue(samples, 'pg_replication_last_replay_seconds') ?? 0;
  expect(sinceLast).toBeGreaterThan(1.1);
  expect(singleValue(samples, 'pg_replication_standby_lag_seconds')).toBeGreaterThan(0);
  expect(singleValue(samples, 'pg_replication_standby_lag_seconds')).toBeLessThan(sinceLast);
});

test('a replay that stands still is lag, although the link stands and nobody paused it', async () => {
  await stopReplay();

  const samples = await collectOnStandby(() => undefined);

  const sinceLast = singleValue(samples, 'pg_replication_last_replay_seconds');
  expect(singleValue(samples, 'pg_replication_receiver_up')).toBe(1);
  expect(singleValue(samples, 'pg_replication_standby_lag_seconds')).toBe(sinceLast);
});

test('positions of both sides are the same once everything is replayed', async () => {
  await untilReplayed();

  await vi.waitFor(async () => {
    const [ofPrimary, ofStandby] = [await scrapeServer(primary), await scrapeServer(standby)];
    const written = singleValue(ofPrimary, 'pg_replication_current_wal_lsn_bytes');
    expect(written).toBeGreaterThan(0);
    expect(singleValue(ofStandby, 'pg_replication_replayed_wal_lsn_bytes')).toBe(written);
    expect(Object.values(valuesOf(ofPrimary, 'pg_stat_replication_pg_wal_lsn_diff'))).toEqual([0]);
    expect(Object.values(valuesOf(ofPrimary, 'pg_stat_replication_flush_lag_bytes'))).toEqual([0]);
  });
});

test('a paused replay is lag in bytes and in seconds, and is told', async () => {
  await execute(standby, 'postgres', 'SELECT pg_wal_replay_pause()');
  await execute(primary, 'postgres', 'INSERT INTO replicated SELECT generate_series(1, 1000)');

  try {
    await eventually(standby, (samples) => {
      expect(singleValue(samples, 'pg_replication_replay_paused')).toBe(1);
      expect(singleValue(samples, 'pg_replication_standby_lag_seconds')).toBeGreaterThan(0);
    });
    await eventually(primary, (samples) => {
      expect(Object.values(valuesOf(samples, 'pg_stat_replication_pg_wal_lsn_diff'))[0]).toBeGreaterThan(1_000);
      expect(Object.values(valuesOf(samples, 'pg_stat_replication_replay_lag_bytes'))[0]).toBeGreaterThan(1_000);
      expect(Object.values(valuesOf(samples, 'pg_stat_replication_write_lag_bytes'))).toEqual([0]);
    });
  } finally {
    await execute(standby, 'postgres', 'SELECT pg_wal_replay_resume()');
  }
});

test('a standby that commits wait for is told', async () => {
  await execute(primary, 'postgres', "ALTER SYSTEM SET synchronous_standby_names = 'replica'");
  await execute(primary, 'postgres', 'SELECT pg_reload_conf()');

  try {
    await eventually(primary, (samples) => {
      expect(singleValue(samples, 'pg_stat_replication_synchronous_required')).toBe(1);
      expect(valuesOf(samples, 'pg_stat_replication_standbys')).toEqual({ async: 0, potential: 0, sync: 1, quorum: 0 });
    });
  } finally {
    await execute(primary, 'postgres', 'ALTER SYSTEM RESET synchronous_standby_names');
    await execute(primary, 'postgres', 'SELECT pg_reload_conf()');
  }
  await eventually(primary, (samples) => {
    expect(singleValue(samples, 'pg_stat_replication_synchronous_required')).toBe(0);
    expect(valuesOf(samples, 'pg_stat_replication_standbys')).toMatchObject({ async: 1, sync: 0 });
  });
});

test('a standby that tells which rows its queries need is told as what keeps dead rows', async () => {
  await execute(standby, 'postgres', 'ALTER SYSTEM SET hot_standby_feedback = on');
  await execute(standby, 'postgres', 'ALTER SYSTEM SET wal_receiver_status_interval = 1');
  await execute(standby, 'postgres', 'SELECT pg_reload_conf()');

  try {
    await eventually(primary, (samples) => {
      expect(valuesOf(samples, 'pg_xmin_horizon_holders')).toMatchObject({ replication_slot: 1 });
      expect(valuesOf(samples, 'pg_replication_slots_xmin_age_transactions')['replica physical']).toBeDefined();
    });
  } finally {
    await execute(standby, 'postgres', 'ALTER SYSTEM RESET hot_standby_feedback');
    await execute(standby, 'postgres', 'ALTER SYSTEM RESET wal_receiver_status_interval');
    await execute(standby, 'postgres', 'SELECT pg_reload_conf()');
  }
});

test('a standby of a standby: the one in between tells what it sends on, and every family succeeds on both', async () => {
  await using last = await startTestStandby(standby, 'cascaded');
  const upstream = "SELECT 1 FROM pg_stat_replication WHERE application_name = 'cascaded' AND state = 'streaming'";
  await vi.waitFor(async () => expect(await execute(standby, 'postgres', upstream)).toHaveLength(1), {
    timeout: 20_000,
  });

  for (const server of [standby, last]) {
    await eventually(server, (samples) => {
      expect(singleValue(samples, 'pg_replication_is_replica')).toBe(1);
      expect(singleValue(samples, 'pg_replication_receiver_up')).toBe(1);
      expect(Object.values(valuesOf(samples, 'watchkeeper_collector_success'))).not.toContain(0);
    });
  }
  const between = await scrapeServer(standby);
  expect(Object.values(valuesOf(between, 'pg_stat_replication_streaming'))).toEqual([1]);
  expect(valuesOf(between, 'pg_replication_slots_active')['cascaded ']).toBe(1);
}, 60_000);

test('a cut link is told by both sides: the receiver is down, and the lag grows although all that came is replayed', async () => {
  await untilReplayed();
  await execute(standby, 'postgres', "ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1'");
  await execute(standby, 'postgres', 'SELECT pg_reload_conf()');

  try {
    await eventually(standby, (samples) => {
      expect(singleValue(samples, 'pg_replication_receiver_up')).toBe(0);
      // This is what postgres_exporter says, and why it is not enough.
      expect(singleValue(samples, 'pg_replication_lag_seconds')).toBe(0);
    });
    const before = singleValue(await scrapeServer(standby), 'pg_replication_standby_lag_seconds') ?? 0;
    await eventually(standby, (samples) =>
      expect(singleValue(samples, 'pg_replication_standby_lag_seconds')).toBeGreaterThan(before),
    );
    const ofPrimary = await scrapeServer(primary);
    expect(singleValue(ofPrimary, 'pg_stat_replication_streaming')).toBe(0);
    expect(valuesOf(ofPrimary, 'pg_replication_slots_active')).toEqual({ 'replica ': 0 });
  } finally {
    await execute(standby, 'postgres', 'ALTER SYSTEM RESET primary_conninfo');
    await execute(standby, 'postgres', 'SELECT pg_reload_conf()');
  }
});

test('WAL that an unused slot holds back is told in bytes', async () => {
  await execute(primary, 'postgres', "SELECT pg_create_physical_replication_slot('forgotten', true)");
  await execute(primary, 'postgres', 'INSERT INTO replicated SELECT generate_series(1, 10000)');

  const samples = await scrapeServer(primary);
  await execute(primary, 'postgres', "SELECT pg_drop_replication_slot('forgotten')");

  expect(valuesOf(samples, 'pg_replication_slots_retained_bytes')['forgotten physical ']).toBeGreaterThan(100_000);
  expect(valuesOf(samples, 'pg_replication_slots_slot_is_active')['forgotten physical']).toBe(0);
});

test('a slot that lost its WAL is told', async () => {
  await using server = await startTestCluster({
    settings: { max_slot_wal_keep_size: "'1MB'", min_wal_size: "'32MB'", max_wal_size: "'32MB'", autovacuum: 'off' },
  });
  await execute(server, 'postgres', "SELECT pg_create_physical_replication_slot('forgotten', true)");
  for (let segment = 0; segment < 4; segment++) {
    await execute(server, 'postgres', 'CREATE TABLE IF NOT EXISTS t (a int); INSERT INTO t VALUES (1)');
    await execute(server, 'postgres', 'SELECT pg_switch_wal()');
    await execute(server, 'postgres', 'CHECKPOINT');
  }

  const samples = await scrapeServer(server);

  expect(valuesOf(samples, 'pg_replication_slots_wal_status')).toEqual({ 'forgotten physical lost': 1 });
  expect(Object.values(valuesOf(samples, 'watchkeeper_collector_success'))).not.toContain(0);
});
