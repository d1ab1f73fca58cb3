import { type AlertGroup, sameTarget, series } from './rule.ts';
import { thresholds } from './thresholds.ts';

const limits = thresholds.aws;
const database = `${sameTarget}, dbidentifier`;
const deadLetters = { queue: 'failed-orders', state: 'visible', dead_letter: 'true' };

/** RDS, ElastiCache, SQS and Lambda, and how AWS treats Watchkeeper. CloudWatch tells of periods of minutes, minutes later. */
export const awsAlerts: AlertGroup = {
  name: 'aws',
  about: 'RDS, ElastiCache, SQS and Lambda, and how AWS treats the requests of Watchkeeper.',
  alerts: [
    {
      name: 'AwsServiceDown',
      severity: 'critical',
      expression: 'rds_up == 0 or elasticache_up == 0 or sqs_up == 0 or lambda_up == 0',
      forMinutes: 5,
      summary: 'The API of AWS does not answer for {{ $labels.target }}',
      description: 'The service, the way to it, or the credentials. Nothing is known of what is watched there.',
      fires: { title: 'no answer', series: [series('rds_up', 1), series('sqs_up', 0)] },
      silent: [{ title: 'one scrape without an answer', series: [series('rds_up', '1 1 0 1+0x60')] }],
    },
    {
      name: 'AwsNothingWatched',
      severity: 'warning',
      expression: 'watchkeeper_aws_resources_watched == 0',
      forMinutes: 30,
      summary: 'Nothing is watched of {{ $labels.target }}: its selection fits nothing that is there',
      description:
        'AWS answers, and has none of what was chosen: the region, the account, the prefixes or the tags are wrong.',
      fires: { title: 'an account without what was chosen', series: [series('watchkeeper_aws_resources_watched', 0)] },
      silent: [
        { title: 'one table', series: [series('watchkeeper_aws_resources_watched', 1)] },
        {
          title: 'the first queue of a new account',
          series: [series('watchkeeper_aws_resources_watched', '0+0x20 1+0x60')],
        },
      ],
    },
    {
      name: 'RdsUnavailable',
      severity: 'critical',
      expression: 'rds_database_exists == 0 or rds_instance_available == 0 or rds_cluster_available == 0',
      forMinutes: 10,
      summary: 'Database {{ $labels.dbidentifier }} of {{ $labels.target }} does not serve',
      description: 'It is stopped, failed, being restarted or gone: rds_instance_info has its state.',
      fires: { title: 'stopped', series: [series('rds_database_exists', 1), series('rds_instance_available', 0)] },
      firesToo: [{ title: 'deleted', series: [series('rds_database_exists', 0)] }],
      silent: [{ title: 'a restart', series: [series('rds_instance_available', '1 0+0x5 1+0x60')] }],
    },
    {
      name: 'RdsCpuHigh',
      severity: 'warning',
      expression: `aws_rds_cpuutilization_average > ${limits.cpuPercent}`,
      forMinutes: 15,
      summary: 'The processor of database {{ $labels.dimension_DBInstanceIdentifier }} of {{ $labels.target }} is busy',
      description: '{{ $value | humanize }} % on average for a quarter of an hour.',
      fires: { title: 'nine tenths', series: [series('aws_rds_cpuutilization_average', 90)] },
      silent: [{ title: 'a short peak', series: [series('aws_rds_cpuutilization_average', '20 95+0x9 20+0x60')] }],
    },
    {
      name: 'RdsStorageLow',
      severity: 'warning',
      expression: `rds_free_storage_ratio < ${limits.freeStorageShare} unless on (${database}) (rds_max_allocated_storage_bytes > rds_allocated_storage_bytes)`,
      forMinutes: 15,
      summary: 'The volume of database {{ $labels.dbidentifier }} of {{ $labels.target }} is nearly full',
      description: '{{ $value | humanizePercentage }} are free, and it does not grow by itself.',
      fires: {
        title: 'a sixth is free',
        series: [
          series('rds_free_storage_ratio', 0.16),
          series('rds_allocated_storage_bytes', 100),
          series('rds_max_allocated_storage_bytes', 100),
        ],
      },
      firesToo: [{ title: 'no growth is allowed', series: [series('rds_free_storage_ratio', 0.16)] }],
      silent: [
        { title: 'a third is free', series: [series('rds_free_storage_ratio', 0.33)] },
        {
          title: 'it will grow',
          series: [
            series('rds_free_storage_ratio', 0.09),
            series('rds_allocated_storage_bytes', 100),
            series('rds_max_allocated_storage_bytes', 500),
          ],
        },
      ],
    },
    {
      name: 'RdsStorageFull',
      severity: 'critical',
      expression: `rds_free_storage_ratio < ${limits.freeStorageLeastShare}`,
      forMinutes: 5,
      summary: 'The volume of database {{ $labels.dbidentifier }} of {{ $labels.target }} is all but full',
      description: '{{ $value | humanizePercentage }} are free: soon nothing can be written, and the instance stops.',
      fires: { title: 'three per cent', series: [series('rds_free_storage_ratio', 0.03)] },
      silent: [{ title: 'a tenth is free', series: [series('rds_free_storage_ratio', 0.1)] }],
    },
    {
      name: 'RdsReplicaBehind',
      severity: 'warning',
      expression: `rds_replica_lag_seconds > ${limits.replicaLagSeconds} or rds_replication_running == 0`,
      forMinutes: 10,
      summary: 'Replica {{ $labels.dbidentifier }} of {{ $labels.target }} is behind',
      description: 'It is far behind its source, or replication has stopped.',
      fires: { title: 'an hour', series: [series('rds_replica_lag_seconds', 3_600)] },
      firesToo: [{ title: 'stopped', series: [series('rds_replication_running', 0)] }],
      silent: [
        {
          title: 'an idle PostgreSQL, of which RDS tells up to five minutes',
          series: [series('rds_replica_lag_seconds', 300), series('rds_replication_running', 1)],
        },
      ],
    },
    {
      name: 'RdsBackupsOff',
      severity: 'warning',
      expression: 'rds_automated_backups_enabled == 0',
      forMinutes: 60,
      summary: 'RDS makes no backups of {{ $labels.dbidentifier }} of {{ $labels.target }}',
      description: 'It can only be restored from snapshots that somebody makes.',
      fires: { title: 'retention 0', series: [series('rds_automated_backups_enabled', 0)] },
      silent: [{ title: 'on', series: [series('rds_automated_backups_enabled', 1)] }],
    },
    {
      name: 'RdsRecoveryBehind',
      severity: 'warning',
      expression: `time() - rds_latest_restorable_timestamp_seconds > ${limits.recoverySeconds} unless on (${database}) (rds_instance_available == 0 or rds_cluster_available == 0)`,
      forMinutes: 10,
      summary: 'Point-in-time recovery of {{ $labels.dbidentifier }} of {{ $labels.target }} is behind',
      description:
        'The latest instant to which it can be restored is {{ $value | humanizeDuration }} ago; five minutes are usual.',
      fires: {
        title: 'it stands still',
        series: [series('rds_latest_restorable_timestamp_seconds', 0)],
        fromMinute: 31,
      },
      silent: [
        { title: 'five minutes', series: [series('rds_latest_restorable_timestamp_seconds', '-300+60x60')] },
        {
          title: 'a database that is stopped',
          series: [series('rds_latest_restorable_timestamp_seconds', 0), series('rds_instance_available', 0)],
        },
      ],
    },
    {
      name: 'RdsSnapshotTooOld',
      severity: 'warning',
      expression: `time() - max by (${database}) (rds_snapshot_newest_timestamp_seconds) > ${limits.snapshotSeconds}`,
      forMinutes: 30,
      summary: 'The newest snapshot of {{ $labels.dbidentifier }} of {{ $labels.target }} is too old',
      description: 'It was made {{ $value | humanizeDuration }} ago; RDS makes one each day.',
      fires: {
        title: 'of the day before yesterday',
        series: [
          series('rds_snapshot_newest_timestamp_seconds', -limits.snapshotSeconds - 60, { type: 'automated' }),
          series('rds_snapshot_newest_timestamp_seconds', -9_000_000, { type: 'manual' }),
        ],
      },
      silent: [
        {
          title: 'an old one that somebody made, beside the daily ones',
          series: [
            series('rds_snapshot_newest_timestamp_seconds', -3_600, { type: 'automated' }),
            series('rds_snapshot_newest_timestamp_seconds', -9_000_000, { type: 'manual' }),
          ],
        },
      ],
    },
    {
      name: 'ElasticacheMemoryHigh',
      severity: 'warning',
      expression: `aws_elasticache_database_memory_usage_percentage_maximum > ${limits.cacheMemoryPercent}`,
      forMinutes: 15,
      summary: 'Cache {{ $labels.dimension_CacheClusterId }} of {{ $labels.target }} is nearly full',
      description: '{{ $value | humanize }} % of maxmemory: then keys are evicted or writes refused.',
      fires: {
        title: 'nearly all',
        series: [series('aws_elasticache_database_memory_usage_percentage_maximum', 95)],
      },
      silent: [{ title: 'half', series: [series('aws_elasticache_database_memory_usage_percentage_maximum', 50)] }],
    },
    {
      name: 'ElasticacheNodeUnavailable',
      severity: 'critical',
      expression:
        'elasticache_exists == 0 or elasticache_group_available == 0 or elasticache_node_available == 0 or elasticache_serverless_available == 0',
      forMinutes: 15,
      summary: 'A cache of {{ $labels.target }} does not serve',
      description: 'Cache {{ $labels.cache }}{{ $labels.cache_cluster }} is in another state than available, or gone.',
      fires: { title: 'a node', series: [series('elasticache_exists', 1), series('elasticache_node_available', 0)] },
      firesToo: [{ title: 'a serverless cache', series: [series('elasticache_serverless_available', 0)] }],
      silent: [{ title: 'a restart', series: [series('elasticache_node_available', '1 0+0x9 1+0x60')] }],
    },
    {
      name: 'ElasticacheServerlessFull',
      severity: 'warning',
      expression: `elasticache_serverless_storage_used_ratio > ${limits.serverlessShare} or elasticache_serverless_processing_used_ratio > ${limits.serverlessShare}`,
      forMinutes: 15,
      summary: 'Serverless cache {{ $labels.cache }} of {{ $labels.target }} is near its limit',
      description:
        '{{ $value | humanizePercentage }} of the data or of the processing units that are allowed: then keys are evicted, writes or commands refused.',
      fires: { title: 'its data', series: [series('elasticache_serverless_storage_used_ratio', 0.95)] },
      firesToo: [
        {
          title: 'its units',
          series: [
            series('elasticache_serverless_storage_used_ratio', 0.1),
            series('elasticache_serverless_processing_used_ratio', 1),
          ],
        },
      ],
      silent: [
        {
          title: 'a short rush',
          series: [series('elasticache_serverless_processing_used_ratio', '0.2 1+0x9 0.2+0x60')],
        },
      ],
    },
    {
      name: 'ElasticacheServerlessThrottled',
      severity: 'warning',
      expression: 'increase(aws_elasticache_throttled_cmds_total[15m]) > 0',
      forMinutes: 5,
      summary: 'Serverless cache {{ $labels.dimension_clusterId }} of {{ $labels.target }} refuses commands',
      description:
        '{{ $value | humanize }} in a quarter of an hour: the load grew faster than the cache can, or beyond its limit.',
      fires: {
        title: 'some in a period',
        series: [series('aws_elasticache_throttled_cmds_total', '0+0x10 40+0x60')],
        fromMinute: 11,
      },
      silent: [{ title: 'last week', series: [series('aws_elasticache_throttled_cmds_total', 900)] }],
    },
    {
      name: 'SqsDeadLetters',
      severity: 'warning',
      expression: 'sqs_messages{dead_letter="true", state="visible"} > 0',
      forMinutes: 5,
      summary: 'Messages of {{ $labels.target }} could not be processed: {{ $labels.queue }} is not empty',
      description:
        '{{ $value | humanize }} messages are in the dead-letter queue; when they are too old they are deleted.',
      fires: { title: 'three', series: [series('sqs_messages', 3, deadLetters)] },
      silent: [
        { title: 'empty', series: [series('sqs_messages', 0, deadLetters)] },
        { title: 'a queue at work', series: [series('sqs_messages', 900, { ...deadLetters, dead_letter: 'false' })] },
      ],
    },
    {
      name: 'SqsDeadLetterQueueMissing',
      severity: 'warning',
      expression: 'sqs_queue_exists == 0 or sqs_dead_letter_queue_exists == 0',
      forMinutes: 15,
      summary: 'A queue of {{ $labels.target }} is missing',
      description: 'Queue {{ $labels.queue }} is gone, or its dead-letter queue {{ $labels.dead_letter_queue }} is.',
      fires: { title: 'deleted', series: [series('sqs_queue_exists', 1), series('sqs_dead_letter_queue_exists', 0)] },
      silent: [{ title: 'all there', series: [series('sqs_dead_letter_queue_exists', 1)] }],
    },
    {
      name: 'LambdaErrorsHigh',
      severity: 'warning',
      expression: `lambda_error_ratio > ${limits.lambdaErrorShare}`,
      forMinutes: 10,
      summary: 'Function {{ $labels.function }} of {{ $labels.target }} fails',
      description: '{{ $value | humanizePercentage }} of its invocations failed.',
      fires: { title: 'a tenth', series: [series('lambda_error_ratio', 0.1)] },
      silent: [{ title: 'one in a hundred', series: [series('lambda_error_ratio', 0.01)] }],
    },
    {
      name: 'LambdaThrottled',
      severity: 'warning',
      expression: 'increase(aws_lambda_throttles_total[15m]) > 0',
      forMinutes: 5,
      summary: 'Invocations of function {{ $labels.dimension_FunctionName }} of {{ $labels.target }} are refused',
      description: '{{ $value | humanize }} in a quarter of an hour: no concurrency was left.',
      fires: {
        title: 'some in a period',
        series: [series('aws_lambda_throttles_total', '0+0x10 40+0x60')],
        fromMinute: 11,
      },
      silent: [{ title: 'last week', series: [series('aws_lambda_throttles_total', 900)] }],
    },
    {
      name: 'LambdaConcurrencyHigh',
      severity: 'warning',
      expression: `lambda_account_concurrency_used_ratio > ${limits.lambdaConcurrencyShare} or lambda_account_unreserved_concurrency_used_ratio > ${limits.lambdaConcurrencyShare}`,
      forMinutes: 10,
      summary: 'The concurrency of the functions of {{ $labels.target }} is nearly used up',
      description:
        '{{ $value | humanizePercentage }} of what the account may run at the same time: beyond it, every function is refused.',
      fires: { title: 'of the account', series: [series('lambda_account_concurrency_used_ratio', 0.95)] },
      firesToo: [
        {
          title: 'of what others have not reserved',
          series: [
            series('lambda_account_concurrency_used_ratio', 0.4),
            series('lambda_account_unreserved_concurrency_used_ratio', 1),
          ],
        },
      ],
      silent: [
        {
          title: 'a peak of five minutes',
          series: [series('lambda_account_concurrency_used_ratio', '0.3 1+0x4 0.3+0x60')],
        },
        {
          title: 'a function at the limit that somebody gave it',
          series: [
            series('lambda_function_reserved_concurrency_used_ratio', 1),
            series('lambda_account_concurrency_used_ratio', 0.2),
          ],
        },
      ],
    },
    {
      name: 'AwsThrottlesWatchkeeper',
      severity: 'warning',
      expression: `sum by (job, instance, service, operation) (increase(watchkeeper_aws_api_throttles_total[15m])) > ${limits.ownThrottlesInQuarter}`,
      forMinutes: 15,
      summary: 'AWS throttles Watchkeeper: {{ $labels.operation }} of {{ $labels.service }}',
      description:
        '{{ $value | humanize }} requests in a quarter of an hour were refused and sent again: backups become slow, figures late.',
      fires: {
        title: 'all the time',
        series: [series('watchkeeper_aws_api_throttles_total', '0+9x90', { reason: 'SlowDown' })],
        fromMinute: 6,
      },
      silent: [
        {
          title: 'a few at the beginning of a backup',
          series: [series('watchkeeper_aws_api_throttles_total', '0+0x5 20+0x60', { reason: 'SlowDown' })],
        },
      ],
    },
  ],
};
