import { events, group, level } from '../cloudwatch/declare-metrics.ts';
import type { CloudwatchService } from '../cloudwatch/service.ts';
import type { Statistic } from '../cloudwatch/statistic.ts';

const tableAndIndex = ['table', 'index'];

const directions = [
  { name: 'Read', what: 'read', consumed: 'ConsumedReadCapacityUnits', account: 'AccountMaxReads' },
  { name: 'Write', what: 'write', consumed: 'ConsumedWriteCapacityUnits', account: 'AccountMaxWrites' },
] as const;

const reasons = [
  { name: 'ProvisionedThroughput', what: 'the provisioned capacity was used up' },
  { name: 'KeyRangeThroughput', what: 'one partition had too much to do (hot key)' },
  { name: 'AccountLimit', what: 'a quota of the account or of tables was reached' },
  { name: 'MaxOnDemandThroughput', what: 'the maximum that is configured for on-demand was reached' },
] as const;

const throttling = [
  ...directions.map(({ name, what }) =>
    events(
      `${name}ThrottleEvents`,
      `Events of throttled ${what}s; one request can be several, one for each item and index`,
      {
        of: tableAndIndex,
        unit: 'events',
      },
    ),
  ),
  ...directions.flatMap((direction) =>
    reasons.map((reason) =>
      events(
        `${direction.name}${reason.name}ThrottleEvents`,
        `Events of ${direction.what}s that were throttled because ${reason.what}`,
        {
          // AWS documents this one for tables alone.
          of: direction.name === 'Write' && reason.name === 'AccountLimit' ? ['table'] : tableAndIndex,
          unit: 'events',
          onlyAfter: `${direction.name}ThrottleEvents`,
        },
      ),
    ),
  ),
];

const capacity = directions.map(({ what, consumed }) =>
  events(consumed, `Units of ${what} capacity that were consumed; of a table without those of its indexes`, {
    of: tableAndIndex,
    unit: 'units',
  }),
);

const latencyStatistics: readonly [Statistic, ...Statistic[]] = ['Average', 'Maximum', 'p99', 'SampleCount'];

const operations = [
  events('ThrottledRequests', 'Requests that were throttled; a batch counts when all of its items were', {
    of: ['operation'],
    unit: 'requests',
  }),
  events('SystemErrors', 'Requests that failed within AWS (HTTP 500)', { of: ['operation'], unit: 'requests' }),
  level(
    'SuccessfulRequestLatency',
    'Milliseconds in the service of requests that succeeded; SampleCount is their number',
    {
      of: ['operation'],
      unit: 'milliseconds',
      statistics: latencyStatistics,
      periodSeconds: 60,
    },
  ),
];

const errors = [
  events(
    'UserErrors',
    'Requests that were refused as wrong (HTTP 400), without throttling and failed conditions, of the whole account in the region',
    { of: ['account'], unit: 'requests' },
  ),
  events('ConditionalCheckFailedRequests', 'Writes whose condition did not hold', { of: ['table'], unit: 'requests' }),
  events('TransactionConflict', 'Items on which a transaction and another request collided', {
    of: ['table'],
    unit: 'items',
  }),
];

const replication = [
  level('ReplicationLatency', 'Milliseconds until an item appears in the other region of a global table', {
    of: ['replica'],
    unit: 'milliseconds',
    statistics: ['Average', 'Maximum'],
  }),
];

const account = directions.flatMap(({ name, what, account: most }) => [
  level(
    `AccountProvisioned${name}CapacityUtilization`,
    `Percent of the quota of the account for provisioned ${what} capacity`,
    {
      of: ['account'],
      unit: 'percent',
      statistics: ['Maximum'],
    },
  ),
  level(
    `MaxProvisionedTable${name}CapacityUtilization`,
    `Percent of the quota of a table that the table or index with the most provisioned ${what} capacity has`,
    { of: ['account'], unit: 'percent', statistics: ['Maximum'] },
  ),
  level(most, `Quota of ${what} capacity of the account; not for on-demand tables`, {
    of: ['account'],
    unit: 'units per second',
    statistics: ['Maximum'],
  }),
  level(most.replace('Max', 'MaxTableLevel'), `Quota of ${what} capacity of one table; also for on-demand tables`, {
    of: ['account'],
    unit: 'units per second',
    statistics: ['Maximum'],
  }),
]);

const timeToLive = [
  events('TimeToLiveDeletedItemCount', 'Items that were deleted because their time was over', {
    of: ['table'],
    unit: 'items',
  }),
];

const returned = [
  {
    ...events('ReturnedItemCount', 'Items that queries and scans gave', { of: ['operation'], unit: 'items' }),
    statistics: ['Sum', 'Average'] as [Statistic, Statistic],
  },
];

const indexBuilds = [
  level('OnlineIndexPercentageProgress', 'Percent of an index that is built', {
    of: ['index'],
    unit: 'percent',
    statistics: ['Maximum'],
  }),
];

const provisioned = directions.flatMap(({ name, what }) => [
  level(`Provisioned${name}CapacityUnits`, `Provisioned units of ${what} capacity for each second`, {
    of: tableAndIndex,
    unit: 'units per second',
    statistics: ['Average'],
  }),
  level(`OnDemandMax${name}RequestUnits`, `Most ${what} units for each second that are configured for on-demand`, {
    of: tableAndIndex,
    unit: 'units per second',
    statistics: ['Average'],
  }),
]);

const kinesis = [
  level('AgeOfOldestUnreplicatedRecord', 'Milliseconds that the oldest change waits to reach Kinesis', {
    of: ['kinesis'],
    unit: 'milliseconds',
    statistics: ['Maximum'],
  }),
  ...[
    ['FailedToReplicateRecordCount', 'Changes that did not reach Kinesis', 'records'],
    ['ThrottledPutRecordCount', 'Changes that Kinesis throttled', 'records'],
    ['ConsumedChangeDataCaptureUnits', 'Units of change data capture that were consumed', 'units'],
  ].map(([name = '', what = '', unit = '']) => events(name, what, { of: ['kinesis'], unit, periodSeconds: 300 })),
];

const faults = [
  events('FaultInjectionServiceInducedErrors', 'Errors that an experiment of AWS FIS made', {
    of: ['operation'],
    unit: 'requests',
  }),
];

/** What is read of DynamoDB, the most important first. */
export const dynamodbService: CloudwatchService = {
  namespace: 'AWS/DynamoDB',
  prefix: 'aws_dynamodb',
  kinds: {
    account: [],
    table: ['TableName'],
    index: ['TableName', 'GlobalSecondaryIndexName'],
    operation: ['TableName', 'Operation'],
    replica: ['TableName', 'ReceivingRegion'],
    kinesis: ['TableName', 'DelegatedOperation'],
  },
  groups: [
    group(
      'throttle_events',
      'Events of throttling of tables and indexes, all and by reason. Reasons are asked for only after there was an event.',
      throttling,
    ),
    group('consumed_capacity', 'Units that tables and indexes consume.', capacity),
    group(
      'request_errors',
      'Refused requests of the account, failed conditions and conflicts of transactions.',
      errors,
    ),
    group(
      'operations',
      'Throttled and failed requests and latency of tables by operation. Operations are those that were used within two weeks.',
      operations,
    ),
    group('replication_latency', 'Latency of global tables between regions.', replication),
    group('account_usage', 'Quotas of the account and how much of them is used.', account),
    group(
      'index_builds',
      'Progress of indexes that are being built, as CloudWatch has it; the family indexes tells of them free of charge.',
      indexBuilds,
      false,
    ),
    group(
      'provisioned_capacity',
      'Provisioned capacity as CloudWatch has it; the family capacity tells of it free of charge.',
      provisioned,
      false,
    ),
    group('ttl_deletions', 'Items that time to live deleted.', timeToLive, false),
    group('returned_items', 'Items that queries and scans return.', returned, false),
    group('kinesis_streams', 'Changes on their way to Kinesis.', kinesis, false),
    group('fault_injection', 'Errors that experiments made.', faults, false),
  ],
};
