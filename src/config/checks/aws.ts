import type { AwsTargetConfig } from '../targets/aws.ts';
import type { Check } from './check.ts';

const minuteMs = 60_000;
/** Derived figures are of no use without what they are made of. */
const needed = {
  dynamodb: { utilization: ['consumed_capacity'], throttling: ['throttle_events'] },
  rds: { free_storage: ['free_space'], replicas: ['replica_lag'] },
  elasticache: { serverless_use: ['memory', 'processing'] },
  sqs: {},
  lambda: {
    error_rate: ['invocations'],
    reserved_concurrency_use: ['concurrency'],
    account_concurrency_use: ['concurrency'],
  },
} as const;

/** Whether times are what AWS understands, and families that need others have them. */
export function checkAws(
  check: Check,
  name: string,
  { engine, watch }: AwsTargetConfig & { readonly engine: keyof typeof needed },
): void {
  const path = ['targets', name, 'watch'];
  const { period, delay } = watch.cloudwatch;
  if (period < minuteMs || period % minuteMs !== 0) {
    check.problem([...path, 'cloudwatch', 'period'], 'must be whole minutes, one at least');
  }
  if (delay < minuteMs) {
    check.warning(
      [...path, 'cloudwatch', 'delay'],
      'less than a minute: AWS still adds to a period then, and sums are low',
    );
  }
  for (const key of ['refresh', 'backupRefresh', 'concurrencyRefresh'] as const) {
    const interval = watch[key];
    if (interval !== undefined && interval < 10_000)
      check.problem([...path, key], 'must be 10 s at least: AWS limits how often it is asked');
  }
  for (const [family, bases] of Object.entries<readonly string[]>(needed[engine])) {
    if (watch.collectors[family] === false) continue;
    for (const basis of bases.filter((one) => watch.collectors[one] === false)) {
      check.problem([...path, 'collectors', basis], `the family "${family}" needs it; switch that one off too`);
    }
  }
}
