import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Moto, startMoto } from '../../support/moto.ts';
import { type MotoDynamodb, motoDynamodb, watchedDynamodb } from '../../support/moto-dynamodb.ts';
import { scrapeOne, testScraper, valuesOf } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';
import { stubAwsCredentials } from '../../support/test-credentials.ts';

let moto: Moto;
let made: MotoDynamodb;

beforeAll(async () => {
  stubAwsCredentials();
  moto = await startMoto();
  made = motoDynamodb(moto.endpoint);
  await made.createTable('orders-eu', { Tags: [{ Key: 'team', Value: 'payments' }] });
  await made.createTable('orders-us', { Tags: [{ Key: 'team', Value: 'search' }] });
  await made.createTable('orders-scratch', { Tags: [{ Key: 'team', Value: 'payments' }] });
  await made.createTable('users');
});

afterAll(async () => {
  made?.[Symbol.dispose]();
  await moto?.[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
});

async function chosen(tables: Readonly<Record<string, unknown>>) {
  const given = { tables, cloudwatch: { enabled: false } };
  await using scraper = testScraper([watchedDynamodb({ endpoint: moto.endpoint }, given)]);
  const samples = await scrapeOne(scraper, 'ledger', testSignal());
  const notWatched = valuesOf(samples, 'dynamodb_tables_not_watched')[''];
  return { tables: Object.keys(valuesOf(samples, 'dynamodb_table_active')), notWatched };
}

test.each([
  ['all without a selection', {}, ['orders-eu', 'orders-scratch', 'orders-us', 'users'], 0],
  ['by name', { names: ['users'] }, ['users'], 0],
  [
    'by prefix, without those excluded',
    { prefixes: ['orders-'], exclude: ['orders-scratch'] },
    ['orders-eu', 'orders-us'],
    0,
  ],
  ['by name or prefix', { names: ['users'], prefixes: ['orders-u'] }, ['orders-us', 'users'], 0],
  ['by tag', { tags: { team: 'payments' } }, ['orders-eu', 'orders-scratch'], 0],
  ['by prefix and tag', { prefixes: ['orders-'], tags: { team: 'search' } }, ['orders-us'], 0],
  ['no more than the limit', { limit: 3 }, ['orders-eu', 'orders-scratch', 'orders-us'], 1],
  ['no more than the limit of those with the tag', { tags: { team: 'payments' }, limit: 1 }, ['orders-eu'], 1],
])('tables are chosen: %s', async (_, selection, tables, notWatched) => {
  expect(await chosen(selection)).toEqual({ tables, notWatched });
});

test('a table that is made later is found, and one that is deleted is gone', async () => {
  const given = { watch: { refresh: 300 }, cloudwatch: { enabled: false } };
  await using scraper = testScraper([watchedDynamodb({ endpoint: moto.endpoint }, given)]);
  const tables = async () => {
    const samples = await scrapeOne(scraper, 'ledger', testSignal());
    return Object.keys(valuesOf(samples, 'dynamodb_table_active'));
  };
  expect(await tables()).not.toContain('later');

  await made.createTable('later');
  await vi.waitFor(async () => expect(await tables()).toContain('later'), { timeout: 10_000, interval: 200 });
  await made.deleteTable('later');
  await vi.waitFor(async () => expect(await tables()).not.toContain('later'), { timeout: 10_000, interval: 200 });
});
