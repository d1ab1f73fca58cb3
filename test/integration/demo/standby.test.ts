import { expect, test } from 'vitest';
import { startStandby } from '../../../src/commands/demo/standby.ts';
import { systemClock } from '../../../src/core/clock.ts';
import {
  createDatabase,
  execute,
  startTestCluster,
  startTestStandby,
  testInstallation,
} from '../../support/postgres.ts';
import { testSignal } from '../../support/test-context.ts';

test('a standby streams what the primary writes, and calls itself by the name of its slot', async () => {
  await using primary = await startTestCluster();
  await using standby = await startTestStandby(primary, 'north');

  await createDatabase(primary, 'shop', 'CREATE TABLE orders (id int); INSERT INTO orders VALUES (7)');
  await execute(primary, 'postgres', 'SELECT pg_switch_wal()');

  await expect.poll(() => execute(standby, 'shop', 'SELECT id FROM orders').catch(() => [])).toEqual([{ id: '7' }]);
  expect(await execute(standby, 'postgres', 'SELECT pg_is_in_recovery() AS is')).toEqual([{ is: 't' }]);
  expect(await execute(primary, 'postgres', 'SELECT application_name AS name FROM pg_stat_replication')).toEqual([
    { name: 'north' },
  ]);
  expect(await execute(primary, 'postgres', 'SELECT slot_name, active FROM pg_replication_slots')).toEqual([
    { slot_name: 'north', active: 't' },
  ]);
});

test('a standby of a primary that wants a password logs in with it', async () => {
  await using primary = await startTestCluster({ password: 'the superuser’s secret', listen: 'socket' });
  await using standby = await startTestStandby(primary, 'south', { listen: 'socket' });

  await execute(primary, 'postgres', 'CREATE TABLE marks (id int)');

  await expect.poll(() => execute(standby, 'postgres', 'SELECT * FROM marks').catch(() => 'not yet')).toEqual([]);
});

test('without pg_basebackup it is told in words', async () => {
  const installation = { ...(await testInstallation()), programs: new Set(['postgres'] as const) };
  const primary = { installation, access: {} } as unknown as Parameters<typeof startStandby>[0];

  const surroundings = { name: 'watchkeeper-test-', user: undefined, clock: systemClock, signal: testSignal() };
  const start = startStandby(primary, { ...surroundings, slot: 'west' });

  await expect(start).rejects.toThrow('there is no pg_basebackup in ');
});
