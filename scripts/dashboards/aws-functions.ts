import { thresholds } from '../alerts/thresholds.ts';
import { chosen, inQuarter } from './board.ts';
import { lines, type Panel, table, yesOrNo } from './panel.ts';

const { aws } = thresholds;
const ofFunctions = `${chosen},function=~"$function"`;
const ofDimension = `${chosen},dimension_FunctionName=~"$function"`;
const functionLegend = '{{target}} {{dimension_FunctionName}}';
const byFunction = (expression: string) => `max by (target, function) (${expression})`;

const everyFunction = table({
  title: 'Every function',
  description: 'Failures and settings of each function of Lambda.',
  unit: 'none',
  labels: ['target', 'function'],
  queries: [
    {
      legend: 'Exists',
      expression: byFunction(`lambda_function_exists{${ofFunctions}}`),
      column: { words: yesOrNo, limits: { critical: 1, worse: 'below' } },
    },
    {
      legend: 'Failed',
      expression: byFunction(`lambda_error_ratio{${ofFunctions}}`),
      column: { unit: 'percentunit', decimals: 1, limits: { warning: aws.lambdaErrorShare } },
    },
    {
      legend: 'Reserved',
      expression: byFunction(`lambda_function_reserved_concurrency{${ofFunctions}}`),
    },
    {
      legend: 'Of that used',
      expression: byFunction(`lambda_function_reserved_concurrency_used_ratio{${ofFunctions}}`),
      column: { unit: 'percentunit', decimals: 0, limits: { warning: aws.lambdaConcurrencyShare } },
    },
    {
      legend: 'Is fed',
      expression: `min by (target, function) (lambda_event_source_enabled{${ofFunctions}})`,
      column: { words: yesOrNo },
    },
    {
      legend: 'Ends after',
      expression: byFunction(`lambda_function_timeout_seconds{${ofFunctions}}`),
      column: { unit: 's' },
    },
    {
      legend: 'Memory',
      expression: byFunction(`lambda_function_memory_bytes{${ofFunctions}}`),
      column: { unit: 'bytes' },
    },
    {
      legend: 'Changed',
      expression: `min by (target, function) (time() - lambda_function_modified_timestamp_seconds{${ofFunctions}})`,
      column: { unit: 's' },
    },
  ],
});

/** Functions of Lambda. */
export const functions: readonly Panel[] = [
  everyFunction,
  lines({
    title: 'Invocations',
    description: 'Within a quarter of an hour, with or without success; refused ones are not among them.',
    unit: 'short',
    min: 0,
    expression: `topk(20, ${inQuarter('aws_lambda_invocations_total', ofDimension)})`,
    legend: functionLegend,
  }),
  lines({
    title: 'Invocations that failed',
    description: 'Share of the newest period: an error of the code, a timeout, or too little memory.',
    unit: 'percentunit',
    min: 0,
    limits: { warning: aws.lambdaErrorShare },
    expression: `lambda_error_ratio{${ofFunctions}}`,
    legend: '{{target}} {{function}}',
  }),
  lines({
    title: 'Invocations that were refused',
    description:
      'Throttles within a quarter of an hour: no concurrency was left, of the function or of the account. Reserve some, or ask AWS for more.',
    unit: 'none',
    min: 0,
    limits: { warning: 1 },
    expression: inQuarter('aws_lambda_throttles_total', ofDimension),
    legend: functionLegend,
  }),
  lines({
    title: 'Invocations at the same time',
    description: 'Most of the newest period, by function and of the account, and the quota of the account.',
    unit: 'none',
    min: 0,
    queries: [
      {
        expression: `topk(20, aws_lambda_concurrent_executions_maximum{${ofDimension},name!="global"})`,
        legend: functionLegend,
      },
      {
        expression: `aws_lambda_concurrent_executions_maximum{${chosen},name="global"}`,
        legend: '{{target}} the account',
      },
      { expression: `lambda_account_concurrency_limit{${chosen}}`, legend: '{{target}} quota of the account' },
    ],
  }),
  lines({
    title: 'Share of the concurrency',
    description:
      'Of what is reserved for a function, of the quota of the account, and of what is left to functions without their own. At 100 % invocations are refused.',
    unit: 'percentunit',
    min: 0,
    limits: { warning: aws.lambdaConcurrencyShare },
    queries: [
      {
        expression: `topk(20, lambda_function_reserved_concurrency_used_ratio{${ofFunctions}})`,
        legend: '{{target}} {{function}}',
      },
      { expression: `lambda_account_concurrency_used_ratio{${chosen}}`, legend: '{{target}} the account' },
      {
        expression: `lambda_account_unreserved_concurrency_used_ratio{${chosen}}`,
        legend: '{{target}} without their own',
      },
    ],
  }),
  lines({
    title: 'Duration, slowest hundredth',
    description: '99th percentile of the newest period. What takes longer than the function’s timeout is ended.',
    unit: 'ms',
    min: 0,
    expression: `topk(20, aws_lambda_duration_p99{${ofDimension}})`,
    legend: functionLegend,
  }),
  lines({
    title: 'Behind the stream',
    description:
      'Most milliseconds between a record coming into its stream and the function reading it. At the retention it is lost.',
    unit: 'ms',
    min: 0,
    expression: `aws_lambda_iterator_age_maximum{${ofDimension}}`,
    legend: functionLegend,
  }),
  lines({
    title: 'Events that were lost',
    description:
      'Within a quarter of an hour: given up, or neither the dead-letter queue nor the destination took them.',
    unit: 'none',
    min: 0,
    limits: { warning: 1 },
    queries: [
      {
        expression: inQuarter('aws_lambda_async_events_dropped_total', ofDimension),
        legend: `${functionLegend} given up`,
      },
      {
        expression: inQuarter('aws_lambda_dead_letter_errors_total', ofDimension),
        legend: `${functionLegend} dead-letter queue`,
      },
      {
        expression: inQuarter('aws_lambda_destination_delivery_failures_total', ofDimension),
        legend: `${functionLegend} destination`,
      },
    ],
  }),
];
