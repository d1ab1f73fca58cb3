import { thresholds } from '../alerts/thresholds.ts';
import { caches } from './aws-caches.ts';
import { functions } from './aws-functions.ts';
import { type Board, chosen, inQuarter, targetVariable } from './board.ts';
import { lines, type Panel, stat, table, upOrDown, yesOrNo } from './panel.ts';

const { aws, dynamodb: limits } = thresholds;
const ofTables = `${chosen},table=~"$table"`;
const ofDimension = `${chosen},dimension_TableName=~"$table"`;
const rate = (metric: string) => `rate(${metric}{${chosen}}[$__rate_interval])`;
/** Metrics that are named as yet-another-cloudwatch-exporter names them call the table otherwise. */
const withTable = (expression: string) => `label_replace(${expression}, "table", "$1", "dimension_TableName", "(.*)")`;
const capacityLegend = '{{target}} {{table}} {{index}} {{direction}}';
const operationLegend = '{{target}} {{dimension_TableName}} {{dimension_Operation}}';
const unitsPerSecond = 'suffix: units/s';

const now: readonly Panel[] = [
  stat({
    title: 'DynamoDB answers',
    description: 'Whether DynamoDB answers with our credentials. Down: the service, the way to it, or the credentials.',
    unit: 'none',
    words: upOrDown,
    text: 'value_and_name',
    expression: `dynamodb_up{${chosen}}`,
    legend: '{{target}}',
  }),
  stat({
    title: 'Tables gone or not active',
    description: 'Tables that the configuration names and that are not there, tables and replicas that are not ACTIVE.',
    unit: 'none',
    limits: { critical: 1 },
    expression: `count(dynamodb_table_exists{${ofTables}} == 0 or dynamodb_table_active{${ofTables}} == 0 or dynamodb_replica_active{${ofTables}} == 0) or vector(0)`,
    legend: 'tables',
  }),
  stat({
    title: 'Throttled lately',
    description:
      'Events of throttling within a quarter of an hour. The panel Throttling by reason tells what to raise.',
    unit: 'none',
    decimals: 0,
    limits: { warning: 1 },
    expression: `sum(${inQuarter('dynamodb_throttle_events_total', ofTables)})`,
    legend: 'events',
  }),
  stat({
    title: 'Fullest capacity',
    description:
      'Consumed units for each unit that is allowed, of the fullest table or index. At 100 % requests are throttled.',
    unit: 'percentunit',
    limits: { warning: limits.capacityShare },
    expression: `max(dynamodb_capacity_utilization_ratio{${ofTables}})`,
    legend: 'share',
  }),
  stat({
    title: 'Tables without recovery',
    description:
      'Tables whose point-in-time recovery is off: what is deleted by mistake comes back from the last backup only.',
    unit: 'none',
    limits: { warning: 1 },
    expression: `count(dynamodb_pitr_enabled{${ofTables}} == 0) or vector(0)`,
    legend: 'tables',
  }),
  stat({
    title: 'CloudWatch, a month',
    description: 'US dollars that reading CloudWatch costs in 31 days with what is switched on. The limit is kept.',
    unit: 'currencyUSD',
    expression: `sum(watchkeeper_cloudwatch_estimated_monthly_cost_dollars{${chosen}})`,
    legend: 'cost',
  }),
];

const everyTable = table({
  title: 'Every table',
  description: 'State, size and safety of each table. AWS counts items and bytes about every six hours.',
  unit: 'none',
  labels: ['target', 'table'],
  queries: [
    {
      legend: 'Active',
      expression: `min by (target, table) (dynamodb_table_active{${ofTables}})`,
      column: { words: yesOrNo, limits: { critical: 1, worse: 'below' } },
    },
    {
      legend: 'Items',
      expression: `max by (target, table) (${withTable(`aws_dynamodb_item_count{${ofDimension},dimension_GlobalSecondaryIndexName=""}`)})`,
      column: { unit: 'short' },
    },
    {
      legend: 'Size',
      expression: `max by (target, table) (${withTable(`aws_dynamodb_table_size_bytes{${ofDimension}}`)})`,
      column: { unit: 'bytes' },
    },
    {
      legend: 'Fullest capacity',
      expression: `max by (target, table) (dynamodb_capacity_utilization_ratio{${ofTables}})`,
      column: { unit: 'percentunit', decimals: 1, limits: { warning: limits.capacityShare } },
    },
    {
      legend: 'Recovery on',
      expression: `max by (target, table) (dynamodb_pitr_enabled{${ofTables}})`,
      column: { words: yesOrNo, limits: { warning: 1, worse: 'below' } },
    },
    {
      legend: 'Newest backup',
      expression: `min by (target, table) (time() - dynamodb_backup_newest_timestamp_seconds{${ofTables}})`,
      column: { unit: 's' },
    },
    {
      legend: 'Protected from deletion',
      expression: `max by (target, table) (dynamodb_table_deletion_protection{${ofTables}})`,
      column: { words: yesOrNo },
    },
    {
      legend: 'Items expire',
      expression: `max by (target, table) (dynamodb_ttl_enabled{${ofTables}})`,
      column: { words: yesOrNo },
    },
  ],
});

const capacity: readonly Panel[] = [
  lines({
    title: 'Consumed capacity',
    description:
      'Units for each second of the newest period, of the twenty busiest tables and indexes. A table is without its indexes.',
    unit: unitsPerSecond,
    min: 0,
    expression: `topk(20, dynamodb_consumed_capacity_units_per_second{${ofTables}})`,
    legend: capacityLegend,
  }),
  lines({
    title: 'Share of what is allowed',
    description:
      'Against provisioned capacity, the maximum of an on-demand table, or the quota of a table: the name ends with which.',
    unit: 'percentunit',
    min: 0,
    limits: { warning: limits.capacityShare },
    expression: `topk(20, dynamodb_capacity_utilization_ratio{${ofTables}})`,
    legend: `${capacityLegend} {{ceiling}}`,
  }),
  lines({
    title: 'Throttling',
    description: 'Events within a quarter of an hour. Throttled writes of an index hold up the writes of its table.',
    unit: 'none',
    min: 0,
    expression: inQuarter('dynamodb_throttle_events_total', ofTables),
    legend: capacityLegend,
  }),
  lines({
    title: 'Throttling by reason',
    description:
      'What ran out: key_range_throughput is one hot partition, which more capacity does not help; account_limit: ask AWS for a higher quota.',
    unit: 'none',
    min: 0,
    expression: `sum by (target, table, reason) (${inQuarter('dynamodb_throttle_events_by_reason_total', ofTables)})`,
    legend: '{{target}} {{table}} {{reason}}',
  }),
];

const requests: readonly Panel[] = [
  lines({
    title: 'Latency, mean',
    description: 'Within DynamoDB, without the network, of requests that succeeded: mean of the newest period.',
    unit: 'ms',
    min: 0,
    expression: `topk(20, aws_dynamodb_successful_request_latency_average{${ofDimension}})`,
    legend: operationLegend,
  }),
  lines({
    title: 'Latency, slowest hundredth',
    description: '99th percentile of the newest period, by table and operation.',
    unit: 'ms',
    min: 0,
    expression: `topk(20, aws_dynamodb_successful_request_latency_p99{${ofDimension}})`,
    legend: operationLegend,
  }),
  lines({
    title: 'Requests',
    description: 'That succeeded within a quarter of an hour, by table and operation.',
    unit: 'short',
    min: 0,
    expression: `topk(20, ${inQuarter('aws_dynamodb_successful_request_latency_sample_count_total', ofDimension)})`,
    legend: operationLegend,
  }),
  lines({
    title: 'Failures',
    description:
      'Within a quarter of an hour. System errors are AWS’s: try again. User errors are of the whole account: a wrong request, or missing rights.',
    unit: 'none',
    min: 0,
    limits: { warning: limits.systemErrorsInQuarter },
    queries: [
      {
        expression: inQuarter('aws_dynamodb_system_errors_total', ofDimension),
        legend: `${operationLegend} system errors`,
      },
      { expression: inQuarter('aws_dynamodb_user_errors_total', chosen), legend: '{{target}} user errors' },
    ],
  }),
  lines({
    title: 'Refused writes',
    description: 'Within a quarter of an hour: conditions that did not hold, and collisions of transactions.',
    unit: 'none',
    min: 0,
    queries: [
      {
        expression: inQuarter('aws_dynamodb_conditional_check_failed_requests_total', ofDimension),
        legend: '{{target}} {{dimension_TableName}} conditions',
      },
      {
        expression: inQuarter('aws_dynamodb_transaction_conflict_total', ofDimension),
        legend: '{{target}} {{dimension_TableName}} transactions',
      },
    ],
  }),
  lines({
    title: 'Replication of global tables',
    description: 'Milliseconds until an item appears in the other region, on average. So much is lost with a region.',
    unit: 'ms',
    min: 0,
    expression: `aws_dynamodb_replication_latency_average{${ofDimension}}`,
    legend: '{{target}} {{dimension_TableName}} → {{dimension_ReceivingRegion}}',
  }),
];

const ofDatabases = `${chosen},dbidentifier=~"$database"`;
const ofInstances = `${chosen},dimension_DBInstanceIdentifier=~"$database"`;
const instanceLegend = '{{target}} {{dimension_DBInstanceIdentifier}}';
const byDatabase = (expression: string) => `max by (target, dbidentifier) (${expression})`;

const everyDatabase = table({
  title: 'Every RDS database',
  description:
    'State and safety of each instance of RDS and Aurora. A database on the Internet, or without automated backups, is seldom meant.',
  unit: 'none',
  labels: ['target', 'dbidentifier'],
  queries: [
    {
      legend: 'Available',
      expression: byDatabase(`rds_instance_available{${ofDatabases}}`),
      column: { words: yesOrNo, limits: { critical: 1, worse: 'below' } },
    },
    {
      legend: 'Storage free',
      expression: byDatabase(`rds_free_storage_ratio{${ofDatabases}}`),
      column: {
        unit: 'percentunit',
        decimals: 0,
        limits: { warning: aws.freeStorageShare, critical: aws.freeStorageLeastShare, worse: 'below' },
      },
    },
    {
      legend: 'Backups on',
      expression: byDatabase(`rds_automated_backups_enabled{${ofDatabases}}`),
      column: { words: yesOrNo, limits: { warning: 1, worse: 'below' } },
    },
    {
      legend: 'Restorable back to',
      expression: byDatabase(`rds_backup_retention_period_seconds{${ofDatabases}}`),
      column: { unit: 's' },
    },
    {
      legend: 'Two zones',
      expression: byDatabase(`rds_instance_multi_az{${ofDatabases}}`),
      column: { words: yesOrNo },
    },
    {
      legend: 'Encrypted',
      expression: byDatabase(`rds_instance_storage_encrypted{${ofDatabases}}`),
      column: { words: yesOrNo },
    },
    {
      legend: 'Protected from deletion',
      expression: byDatabase(`rds_instance_deletion_protection{${ofDatabases}}`),
      column: { words: yesOrNo },
    },
    {
      legend: 'On the Internet',
      expression: byDatabase(`rds_instance_publicly_accessible{${ofDatabases}}`),
      column: { words: yesOrNo, limits: { warning: 1 } },
    },
  ],
});

const databases: readonly Panel[] = [
  everyDatabase,
  lines({
    title: 'Processors of RDS',
    description: 'Highest share of the processors that was used within the newest period.',
    unit: 'percent',
    min: 0,
    limits: { warning: aws.cpuPercent },
    expression: `aws_rds_cpuutilization_maximum{${ofInstances}}`,
    legend: instanceLegend,
  }),
  lines({
    title: 'Connections of RDS',
    description:
      'Most client connections of the newest period. Watched as PostgreSQL too, its board tells of what share.',
    unit: 'none',
    min: 0,
    expression: `aws_rds_database_connections_maximum{${ofInstances}}`,
    legend: instanceLegend,
  }),
  lines({
    title: 'Memory that is free',
    description: 'Least bytes of memory that were free or could be freed. Near 0 the instance swaps, then restarts.',
    unit: 'bytes',
    min: 0,
    expression: `aws_rds_freeable_memory_minimum{${ofInstances}}`,
    legend: instanceLegend,
  }),
  lines({
    title: 'Storage that is free',
    description: 'Share of the volume. A full one stops the database; Aurora grows by itself and is not shown.',
    unit: 'percentunit',
    min: 0,
    limits: { warning: aws.freeStorageShare, critical: aws.freeStorageLeastShare, worse: 'below' },
    expression: `rds_free_storage_ratio{${ofDatabases}}`,
    legend: '{{target}} {{dbidentifier}}',
  }),
  lines({
    title: 'Latency of the volume',
    description:
      'Mean time of a read and of a write. Suddenly high on gp2 or burstable instances: the credits are used up.',
    unit: 's',
    min: 0,
    queries: [
      { expression: `aws_rds_read_latency_average{${ofInstances}}`, legend: `${instanceLegend} read` },
      { expression: `aws_rds_write_latency_average{${ofInstances}}`, legend: `${instanceLegend} write` },
    ],
  }),
  lines({
    title: 'Lag of read replicas',
    description: 'Most seconds behind. Of an idle PostgreSQL it grows without anything being wrong: nothing arrives.',
    unit: 's',
    min: 0,
    limits: { warning: aws.replicaLagSeconds },
    expression: `rds_replica_lag_seconds{${ofDatabases}}`,
    legend: '{{target}} {{dbidentifier}}',
  }),
];

const queues: readonly Panel[] = [
  lines({
    title: 'Messages that wait',
    description: 'Visible messages of each queue. Growing without end: whoever takes them is too slow, or away.',
    unit: 'none',
    min: 0,
    expression: `sqs_messages{${chosen},state="visible"}`,
    legend: '{{target}} {{queue}}',
  }),
  lines({
    title: 'Messages in dead-letter queues',
    description: 'Messages that were tried too often. Any is one that somebody has to look at.',
    unit: 'none',
    min: 0,
    limits: { warning: 1 },
    expression: `sqs_messages{${chosen},state="visible",dead_letter="true"}`,
    legend: '{{target}} {{queue}}',
  }),
  lines({
    title: 'Age of the oldest message',
    description: 'For so long the oldest message of a queue has waited. At the retention it is lost.',
    unit: 's',
    min: 0,
    expression: `aws_sqs_approximate_age_of_oldest_message_maximum{${chosen}}`,
    legend: '{{target}} {{dimension_QueueName}}',
  }),
  lines({
    title: 'Messages sent and deleted',
    description: 'Within a quarter of an hour. Deleted means done; fewer than sent: the queue grows.',
    unit: 'none',
    min: 0,
    queries: [
      {
        expression: inQuarter('aws_sqs_number_of_messages_sent_total', chosen),
        legend: '{{target}} {{dimension_QueueName}} sent',
      },
      {
        expression: inQuarter('aws_sqs_number_of_messages_deleted_total', chosen),
        legend: '{{target}} {{dimension_QueueName}} deleted',
      },
    ],
  }),
];

const safety: readonly Panel[] = [
  lines({
    title: 'Recovery is behind by',
    description: 'Age of the latest instant to which a table can be restored. Five minutes are usual.',
    unit: 's',
    min: 0,
    limits: { warning: limits.recoverySeconds },
    expression: `time() - dynamodb_pitr_latest_restorable_timestamp_seconds{${ofTables}}`,
    legend: '{{target}} {{table}}',
  }),
  lines({
    title: 'Age of the newest on-demand backup',
    description: 'Of those that are AVAILABLE. What AWS Backup keeps in its vaults is not seen.',
    unit: 's',
    min: 0,
    expression: `time() - dynamodb_backup_newest_timestamp_seconds{${ofTables}}`,
    legend: '{{target}} {{table}} {{type}}',
  }),
];

const watching: readonly Panel[] = [
  lines({
    title: 'Cost of CloudWatch',
    description:
      'Estimated for 31 days, and the limits that are kept, of each target and of all. Above them, the least important metrics are left out.',
    unit: 'currencyUSD',
    min: 0,
    queries: [
      {
        expression: `watchkeeper_cloudwatch_estimated_monthly_cost_dollars{${chosen}}`,
        legend: '{{target}} estimated',
      },
      { expression: `watchkeeper_cloudwatch_monthly_limit_dollars{${chosen}}`, legend: '{{target}} limit' },
      {
        expression: `sum by (job, instance) (watchkeeper_cloudwatch_estimated_monthly_cost_dollars{${chosen}})`,
        legend: '{{instance}} all estimated',
      },
      {
        expression: `max by (job, instance) (watchkeeper_cloudwatch_common_monthly_limit_dollars{${chosen}})`,
        legend: '{{instance}} limit of all',
      },
    ],
  }),
  lines({
    title: 'Left out because of the limit',
    description: 'Metrics within an hour that would have passed the limit. Alerts that need them are blind.',
    unit: 'none',
    min: 0,
    limits: { warning: 1 },
    expression: `increase(watchkeeper_cloudwatch_requests_over_limit_total{${chosen}}[1h])`,
    legend: '{{target}}',
  }),
  lines({
    title: 'Calls to AWS',
    description: 'In each second, by call.',
    unit: 'reqps',
    min: 0,
    expression: `sum by (target, service, call) (${rate('watchkeeper_aws_requests_total')})`,
    legend: '{{target}} {{service}} {{call}}',
  }),
  lines({
    title: 'Calls that AWS throttled or refused',
    description:
      'In each second. Throttled ones are tried again later; refused ones need a right: see watchkeeper check.',
    unit: 'reqps',
    min: 0,
    queries: [
      {
        expression: `sum by (target, call) (${rate('watchkeeper_aws_throttled_requests_total')})`,
        legend: '{{target}} {{call}} throttled',
      },
      {
        expression: `sum by (target, call) (${rate('watchkeeper_aws_failed_requests_total')})`,
        legend: '{{target}} {{call}} failed',
      },
    ],
  }),
  lines({
    title: 'Age of what CloudWatch told',
    description: 'Since the end of the newest period that was read: all figures of CloudWatch are so old.',
    unit: 's',
    min: 0,
    expression: `time() - watchkeeper_cloudwatch_newest_period_end_timestamp_seconds{${chosen}}`,
    legend: '{{target}}',
  }),
];

/** Tables of DynamoDB, databases of RDS, caches, queues, functions, and what reading CloudWatch costs. */
export const awsBoard: Board = {
  name: 'aws',
  title: 'Watchkeeper / DynamoDB and AWS',
  description:
    'Tables of DynamoDB: throttling, capacity, latency, recovery. Databases of RDS, caches of ElastiCache, queues of SQS, functions of Lambda. What reading CloudWatch costs.',
  variables: [
    targetVariable('watchkeeper_aws_requests_total'),
    { name: 'table', label: 'Table', query: `label_values(dynamodb_table_info{${chosen}}, table)` },
    { name: 'database', label: 'RDS database', query: `label_values(rds_instance_info{${chosen}}, dbidentifier)` },
    { name: 'cache', label: 'Cache', query: `label_values(elasticache_exists{${chosen}}, cache)` },
    { name: 'function', label: 'Function', query: `label_values(lambda_function_exists{${chosen}}, function)` },
  ],
  from: 'now-24h',
  rows: [
    { title: 'Now', panels: now },
    { title: 'Tables', panels: [everyTable] },
    { title: 'Capacity', panels: capacity },
    { title: 'Requests', panels: requests },
    { title: 'Safety', panels: safety },
    { title: 'RDS and Aurora', panels: databases },
    { title: 'ElastiCache', panels: caches },
    { title: 'SQS', panels: queues },
    { title: 'Lambda', panels: functions },
    { title: 'Watching AWS', panels: watching },
  ],
};
