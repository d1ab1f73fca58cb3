import { type AlertGroup, series } from './rule.ts';
import { thresholds } from './thresholds.ts';

const limits = thresholds.dynamodb;

/** DynamoDB tables, and what reading CloudWatch costs. CloudWatch tells of periods of minutes, minutes later. */
export const dynamodbAlerts: AlertGroup = {
  name: 'dynamodb',
  about: 'DynamoDB tables, and what reading CloudWatch costs.',
  alerts: [
    {
      name: 'DynamodbDown',
      severity: 'critical',
      expression: 'dynamodb_up == 0',
      forMinutes: 5,
      summary: 'DynamoDB does not answer for {{ $labels.target }}',
      description: 'The service, the way to it, or the credentials.',
      fires: { title: 'no answer', series: [series('dynamodb_up', 0)] },
      silent: [{ title: 'one scrape without an answer', series: [series('dynamodb_up', '1 1 0 1+0x60')] }],
    },
    {
      name: 'DynamodbTableMissing',
      severity: 'critical',
      expression: 'dynamodb_table_exists == 0',
      forMinutes: 5,
      summary: 'Table {{ $labels.table }} of {{ $labels.target }} is gone',
      description: 'The configuration calls it by name, and there is no such table in the account and region.',
      fires: { title: 'deleted', series: [series('dynamodb_table_exists', 0)] },
      silent: [{ title: 'there', series: [series('dynamodb_table_exists', 1)] }],
    },
    {
      name: 'DynamodbTableNotActive',
      severity: 'warning',
      expression: 'dynamodb_table_active == 0 or dynamodb_replica_active == 0',
      forMinutes: 30,
      summary: 'Table {{ $labels.table }} of {{ $labels.target }} is not active',
      description: 'It, or its replica in {{ $labels.replica_region }}, has been in another state for half an hour.',
      fires: { title: 'a replica', series: [series('dynamodb_table_active', 1), series('dynamodb_replica_active', 0)] },
      silent: [{ title: 'a change of capacity', series: [series('dynamodb_table_active', '1 0+0x9 1+0x60')] }],
    },
    {
      name: 'DynamodbKeyInaccessible',
      severity: 'critical',
      expression: 'dynamodb_table_encryption_key_inaccessible_timestamp_seconds > 0',
      forMinutes: 5,
      summary: 'DynamoDB cannot use the key of table {{ $labels.table }} of {{ $labels.target }}',
      description: 'The table cannot be read; after seven days it is archived.',
      fires: {
        title: 'disabled',
        series: [series('dynamodb_table_encryption_key_inaccessible_timestamp_seconds', 1_700_000_000)],
      },
      silent: [{ title: 'a table with its key', series: [series('dynamodb_table_active', 1)] }],
    },
    {
      name: 'DynamodbThrottled',
      severity: 'warning',
      expression: 'increase(dynamodb_throttle_events_total[15m]) > 0',
      forMinutes: 5,
      summary: 'Requests to table {{ $labels.table }} of {{ $labels.target }} are throttled',
      description:
        '{{ $value | humanize }} events of {{ $labels.direction }} in a quarter of an hour, index: "{{ $labels.index }}".',
      fires: {
        title: 'some in a period',
        series: [series('dynamodb_throttle_events_total', '0+0x10 40+0x60')],
        fromMinute: 11,
      },
      silent: [
        { title: 'an on-demand table at rest', series: [series('dynamodb_throttle_events_total', 0)] },
        { title: 'last week', series: [series('dynamodb_throttle_events_total', 900)] },
      ],
    },
    {
      name: 'DynamodbCapacityHigh',
      severity: 'warning',
      expression: `dynamodb_capacity_utilization_ratio > ${limits.capacityShare}`,
      forMinutes: 15,
      summary: 'Table {{ $labels.table }} of {{ $labels.target }} uses nearly all its capacity',
      description:
        '{{ $value | humanizePercentage }} for {{ $labels.direction }}; the ceiling is {{ $labels.ceiling }}.',
      fires: { title: 'nine tenths', series: [series('dynamodb_capacity_utilization_ratio', 0.9)] },
      silent: [{ title: 'an on-demand table at rest', series: [series('dynamodb_capacity_utilization_ratio', 0.001)] }],
    },
    {
      name: 'DynamodbSystemErrors',
      severity: 'warning',
      expression: `increase(aws_dynamodb_system_errors_total[15m]) > ${limits.systemErrorsInQuarter}`,
      forMinutes: 5,
      summary: 'DynamoDB fails for table {{ $labels.dimension_TableName }} of {{ $labels.target }}',
      description:
        '{{ $value | humanize }} requests ({{ $labels.dimension_Operation }}) failed within AWS in a quarter of an hour.',
      fires: {
        title: 'many',
        series: [series('aws_dynamodb_system_errors_total', '0+0x10 90+0x60')],
        fromMinute: 11,
      },
      silent: [{ title: 'one', series: [series('aws_dynamodb_system_errors_total', '0+0x10 1+0x60')] }],
    },
    {
      name: 'DynamodbRecoveryOff',
      severity: 'warning',
      expression: 'dynamodb_pitr_enabled == 0',
      forMinutes: 60,
      summary: 'Table {{ $labels.table }} of {{ $labels.target }} has no point-in-time recovery',
      description:
        'What is deleted or overwritten by mistake comes back from its last backup only. A restored table has it switched off.',
      fires: { title: 'off', series: [series('dynamodb_pitr_enabled', 0)] },
      silent: [{ title: 'on', series: [series('dynamodb_pitr_enabled', 1)] }],
    },
    {
      name: 'DynamodbRecoveryBehind',
      severity: 'warning',
      expression: `time() - dynamodb_pitr_latest_restorable_timestamp_seconds > ${limits.recoverySeconds}`,
      forMinutes: 10,
      summary: 'Point-in-time recovery of table {{ $labels.table }} of {{ $labels.target }} is behind',
      description:
        'The latest instant to which it can be restored is {{ $value | humanizeDuration }} ago; five minutes are usual.',
      fires: {
        title: 'it stands still',
        series: [series('dynamodb_pitr_latest_restorable_timestamp_seconds', 0)],
        fromMinute: 31,
      },
      silent: [
        { title: 'five minutes', series: [series('dynamodb_pitr_latest_restorable_timestamp_seconds', '-300+60x60')] },
      ],
    },
    {
      name: 'CloudwatchOverLimit',
      severity: 'warning',
      expression: 'increase(watchkeeper_cloudwatch_requests_over_limit_total[1h]) > 0',
      forMinutes: 15,
      summary: 'Watching {{ $labels.target }} would cost more than is allowed',
      description: 'Requests to CloudWatch are left out; alerts that need them are blind.',
      fires: {
        title: 'left out all the time',
        series: [series('watchkeeper_cloudwatch_requests_over_limit_total', '0+5x90')],
        fromMinute: 1,
      },
      silent: [{ title: 'never', series: [series('watchkeeper_cloudwatch_requests_over_limit_total', 0)] }],
    },
  ],
};
