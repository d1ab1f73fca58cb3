import { expect, test } from 'vitest';
import { isDynamodbLocalInstalled, startDynamodbLocal } from '../../support/dynamodb-local.ts';
import { motoDynamodb, watchedDynamodb } from '../../support/moto-dynamodb.ts';
import { scrapeOne, testScraper, valuesOf } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';
import { useAwsCredentials } from '../../support/test-credentials.ts';

useAwsCredentials();

test.skipIf(!isDynamodbLocalInstalled)(
  'DynamoDB Local is watched: what it does not know does not apply, and nothing fails',
  async () => {
    await using local = await startDynamodbLocal();
    using made = motoDynamodb(local.endpoint);
    await made.createTable('orders', {
      BillingMode: 'PROVISIONED',
      ProvisionedThroughput: { ReadCapacityUnits: 10, WriteCapacityUnits: 5 },
    });
    await made.createTable('ordinals');
    await made.enableTimeToLive('ordinals');
    const given = { tables: { names: ['orders', 'gone'], prefixes: ['ord'] }, cloudwatch: { enabled: false } };
    await using scraper = testScraper([watchedDynamodb({ endpoint: local.endpoint }, given)]);

    const samples = await scrapeOne(scraper, 'ledger', testSignal());

    const success = valuesOf(samples, 'watchkeeper_collector_success');
    expect(Object.entries(success).filter(([, value]) => value !== 1)).toEqual([]);
    expect(Object.keys(success)).toEqual(expect.arrayContaining(['tables', 'capacity', 'limits', 'ttl']));
    expect(valuesOf(samples, 'dynamodb_up')).toEqual({ '': 1 });
    expect(valuesOf(samples, 'dynamodb_table_exists')).toEqual({ orders: 1, ordinals: 1, gone: 0 });
    expect(valuesOf(samples, 'dynamodb_provisioned_capacity_units_per_second')).toEqual({
      'orders  read': 10,
      'orders  write': 5,
    });
    expect(valuesOf(samples, 'dynamodb_ttl_enabled')).toEqual({ orders: 0, ordinals: 1 });
    expect(valuesOf(samples, 'dynamodb_backups')).toEqual({});
  },
);
