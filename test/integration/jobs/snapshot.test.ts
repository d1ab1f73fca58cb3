import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exportSnapshot } from '../../../src/jobs/backup/postgres-snapshot.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { gatedStore } from '../../support/gated-store.ts';
import { backUp, dumpMethod, verify } from '../../support/keeping.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { testSignal } from '../../support/test-context.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startTestCluster();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const waitingForLock = "SELECT FROM pg_stat_activity WHERE datname = 'growing' AND wait_event_type = 'Lock'";

test('a table made while the backup waits for a lock is in the dump and in the facts', async () => {
  const signal = testSignal();
  const growing = await createDatabase(cluster, 'growing', 'CREATE TABLE held AS SELECT 1 AS a');
  await using locker = await openSession(growing, { signal });
  await locker.query('BEGIN', { signal });
  await locker.query('LOCK TABLE held IN ACCESS EXCLUSIVE MODE', { signal });
  const store = new MemoryStore();
  const backup = backUp(growing, store, await dumpMethod({ lockTimeoutMs: 60_000 }));
  await expect.poll(() => execute(cluster, 'postgres', waitingForLock), { timeout: 10_000 }).toHaveLength(1);
  await execute(cluster, 'growing', 'CREATE TABLE fresh AS SELECT generate_series(1, 3) AS a');
  await locker.query('COMMIT', { signal });

  const manifest = await backup;
  const proof = await verify(manifest, store);

  expect(manifest.facts.items).toContainEqual({ name: 'rows public.fresh', value: '3', compare: 'equal' });
  expect(proof).toMatchObject({ verdict: 'proven' });
});

test('the server soon ends what it still does for a backup that was given up', async () => {
  const quiet = await createDatabase(cluster, 'quiet');
  const stop = new AbortController();
  await using snapshot = await exportSnapshot(quiet, { lockTimeoutMs: 1_000, signal: stop.signal });
  const sessions = "SELECT FROM pg_stat_activity WHERE datname = 'quiet' AND application_name LIKE 'watchkeeper%'";

  const reading = snapshot.session.query('SELECT pg_sleep(600)', { signal: stop.signal });
  stop.abort(new Error('given up'));

  await expect(reading).rejects.toThrow('given up');
  await expect.poll(() => execute(cluster, 'postgres', sessions), { timeout: 15_000 }).toEqual([]);
});

test('a source with many indexes does not run out of locks because it is measured', async () => {
  await using small = await startTestCluster({ settings: { max_locks_per_transaction: '10', max_connections: '20' } });
  const wide = await createDatabase(small, 'wide');
  const indexes = Array.from({ length: 12 }, () => 'CREATE INDEX ON %1$I (a);').join(' ');
  const make = (from: number) => `DO $$ BEGIN FOR n IN ${from}..${from + 9} LOOP
    EXECUTE format('CREATE TABLE %1$I (a int); ${indexes}', 'table_' || n); END LOOP; END $$`;
  for (let from = 0; from < 100; from += 10) await execute(wide, 'wide', make(from));

  const manifest = await backUp(wide, new MemoryStore());

  expect(manifest.facts.items).toContainEqual({ name: 'objects indexes', value: '1200', compare: 'equal' });
});

test('a firewall that forgets silent connections hears of those of a backup every half minute', async () => {
  const fill = 'CREATE TABLE large AS SELECT md5(n::text) || md5((n * 7)::text) AS t FROM generate_series(1, 500000) n';
  const guarded = await createDatabase(cluster, 'guarded', fill);
  const gate = gatedStore(new MemoryStore());
  const backup = backUp(guarded, gate.store);
  await gate.reached;

  // A connection that has just asked something waits for the answer and not for its next keep-alive.
  const guardedConnections = () => keepAliveTimersTo(guarded.connection.port).filter((seconds) => seconds <= 30);
  await expect.poll(guardedConnections, { timeout: 20_000 }).toHaveLength(2);
  gate.open();
  await backup;
});

/** Seconds until the next keep-alive of each open connection to the port (Linux: proc(5), timer 02, in 1/100 s). */
function keepAliveTimersTo(port: number): number[] {
  const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1);
  const fields = rows.map((row) => row.trim().split(/\s+/));
  const open = fields.filter(
    ([, , remote, state]) => Number.parseInt(remote?.split(':')[1] ?? '', 16) === port && state === '01',
  );
  return open.map((field) => {
    const [timer, ticks = ''] = field[5]?.split(':') ?? [];
    return timer === '02' ? Number.parseInt(ticks, 16) / 100 : Number.POSITIVE_INFINITY;
  });
}
