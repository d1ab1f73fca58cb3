import { setTimeout as delay } from 'node:timers/promises';
import type { LiveFleet } from '../../test/support/live-fleet.ts';
import { execute } from '../../test/support/postgres.ts';

/** Work that comes and goes, so that the lines of the pictures have a shape. Ends with the signal. */
export async function makeWork({ servers }: LiveFleet, signal: AbortSignal): Promise<void> {
  const { shop, pool, cache } = servers;
  await execute(shop, 'shop', prepareSql);
  const workers: readonly (readonly [everyMs: number, work: (busy: number) => Promise<unknown>])[] = [
    [150, (busy) => execute(pool, 'shop', sellSql(busy))],
    [250, (busy) => execute(pool, 'shop', lookSql(busy))],
    [400, (busy) => execute(shop, 'shop', `SELECT pg_sleep(${(busy / 4).toFixed(2)}), count(*) FROM sales`)],
    [900, (busy) => execute(shop, 'shop', reportSql(busy))],
    [60, (busy) => keepSessions(cache, busy)],
  ];
  await Promise.all(
    workers.map(async ([everyMs, work]) => {
      while (!signal.aborted) {
        const busy = 0.5 + 0.5 * Math.sin(Date.now() / 25_000);
        await work(busy).catch(() => undefined);
        await delay(everyMs * (1.5 - busy), undefined, { signal }).catch(() => undefined);
      }
    }),
  );
}

const prepareSql = `CREATE TABLE sales (id bigserial PRIMARY KEY, customer int, amount numeric, note text);
CREATE INDEX ON sales (customer)`;

const sellSql = (busy: number) =>
  `INSERT INTO sales (customer, amount, note) SELECT i % 50, i, repeat('n', 200) FROM generate_series(1, ${Math.ceil(20 + busy * 200)}) AS i`;

const lookSql = (busy: number) =>
  `SELECT sum(amount) FROM sales WHERE customer = ${Math.floor(busy * 49)}; UPDATE orders SET state = 'seen' WHERE id <= ${Math.ceil(busy * 40)}`;

/** Sorts more than fits into its memory, and removes what is old. */
const reportSql = (busy: number) =>
  `SET work_mem = '64kB'; SELECT note, count(*) FROM (SELECT * FROM sales ORDER BY note, amount LIMIT ${Math.ceil(2_000 + busy * 20_000)}) AS s GROUP BY note; DELETE FROM sales WHERE id < (SELECT max(id) - 20000 FROM sales)`;

async function keepSessions(cache: LiveFleet['servers']['cache'], busy: number): Promise<void> {
  const key = `session:${Math.floor(Math.random() * 5_000)}`;
  for (let at = 0; at < 1 + busy * 12; at++) {
    await cache.call('SET', `${key}:${at}`, 'x'.repeat(1_000), 'EX', String(30 + Math.ceil(busy * 60)));
    await cache.call('GET', `session:${Math.floor(Math.random() * 5_000)}:1`);
  }
  await cache.call('HSET', 'carts', key, 'apples');
}
