import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkSamples } from '../../../src/collectors/check-samples.ts';
import { NotApplicable } from '../../../src/collectors/collector.ts';
import { writeExposition } from '../../../src/collectors/exposition.ts';
import { clients } from '../../../src/collectors/pgbouncer/clients.ts';
import { pgbouncerCollectors } from '../../../src/collectors/pgbouncer/index.ts';
import { peerPools } from '../../../src/collectors/pgbouncer/peer-pools.ts';
import { pools } from '../../../src/collectors/pgbouncer/pools.ts';
import type { PgbouncerCollector, PgbouncerSource } from '../../../src/collectors/pgbouncer/source.ts';
import { statsTotals } from '../../../src/collectors/pgbouncer/stats-totals.ts';
import type { Sample } from '../../../src/core/metric.ts';
import type { Row } from '../../../src/targets/libpq/client-session.ts';
import { type ConsoleView, ViewMissing } from '../../../src/targets/pgbouncer/console.ts';
import { testContext } from '../../support/test-context.ts';

const folder = join(import.meta.dirname, 'pgbouncer');

type Views = Partial<Record<ConsoleView, Row[]>>;

/** A console that answers what was written down. */
function sourceOf(views: Views, rowLimit: number): PgbouncerSource {
  const show = async (view: ConsoleView) => {
    const rows = views[view];
    if (rows === undefined) throw new ViewMissing(`there is no SHOW ${view}`);
    return rows;
  };
  const console = { show, version: undefined, versionText: '', usable: true, destroy: () => undefined };
  return {
    console: { ...console, [Symbol.asyncDispose]: async () => undefined },
    settings: { applicationNameLimit: 50, rowLimit },
  };
}

async function collected(collector: PgbouncerCollector, views: Views, rowLimit = 1_000): Promise<readonly Sample[]> {
  const samples = await collector.collect(sourceOf(views, rowLimit), testContext());
  checkSamples(collector, samples, undefined);
  return samples;
}

// What PgBouncer of these versions really answered: a pool with two servers and a client that waits, a client with TLS and
// prepared statements, a request to cancel that is on its way to a peer.
test.each(['1.24', '1.26'])('PgBouncer %s gives the page that is written down', async (version) => {
  const views = JSON.parse(await readFile(join(folder, `${version}.json`), 'utf8')) as Views;

  const samples = await Promise.all(pgbouncerCollectors.map((collector) => collected(collector, views)));

  const page = writeExposition([{ target: 'pooler', samples: samples.flat() }], 'text').split('\n');
  const text = page.filter((line) => !line.startsWith('# HELP')).join('\n');
  await expect(text).toMatchFileSnapshot(join(folder, `${version}.txt`));
});

test('numbers beyond 64 bits with a sign are read, and columns that nobody knows are passed over', async () => {
  const row = {
    database: 'shop',
    wait_time: '17588200675878996039',
    xact_count: '9',
    brand_new: 'x',
    query_count: null,
  };

  const samples = await collected(statsTotals, { STATS_TOTALS: [row] });

  expect(samples.map(({ metric, value }) => [metric.name, value])).toEqual([
    ['pgbouncer_stats_totals_client_wait_seconds_total', 17_588_200_675_878.996],
    ['pgbouncer_stats_totals_sql_transactions_pooled_total', 9],
    ['watchkeeper_collector_rows_dropped', 0],
  ]);
});

test('a column that is no number fails its family with its name', async () => {
  const rows = [{ database: 'shop', xact_count: 'many' }];

  await expect(collected(statsTotals, { STATS_TOTALS: rows })).rejects.toThrow(
    'column "xact_count" is no number: many',
  );
});

test('a view that the version does not have is nothing to measure', async () => {
  await expect(collected(peerPools, {})).rejects.toThrow(NotApplicable);
});

test('of more pools than the limit those are shown where clients wait, then those with the most', async () => {
  const pool = (database: string, active: number, waiting: number): Row => ({
    database,
    user: 'app',
    cl_active: String(active),
    cl_waiting: String(waiting),
  });
  const rows = [pool('idle', 0, 0), pool('starving', 0, 1), pool('quiet', 3, 0), pool('busy', 90, 0)];

  const samples = await collected(pools, { POOLS: rows }, 2);

  const waiting = samples.filter(({ metric }) => metric.name === 'pgbouncer_pools_client_waiting_connections');
  expect(waiting.map(({ labelValues, value }) => [labelValues[0], value])).toEqual([
    ['starving', 1],
    ['busy', 0],
  ]);
  expect(samples.at(-1)).toMatchObject({ labelValues: ['pools', ''], value: 2 });
});

test('of clients in more pools than the limit those of the fullest pools are counted', async () => {
  const client = (database: string): Row => ({ database, user: 'app', state: 'active', application_name: 'web' });
  const rows = [client('small'), client('large'), client('large')];

  const samples = await collected(clients, { CLIENTS: rows }, 1);

  const shown = samples.filter(({ metric }) => metric.name === 'pgbouncer_clients');
  expect(shown.map(({ labelValues, value }) => [labelValues[0], value])).toEqual([['large', 2]]);
  expect(samples.at(-1)).toMatchObject({ labelValues: ['clients', ''], value: 1 });
});
