import type { AwsTargetConfig } from '../targets/aws.ts';
import { type AwsEngine, unfoundedFamilies } from '../targets/needed-families.ts';
import type { Check } from './check.ts';

const minuteMs = 60_000;

/** Whether times are what AWS understands, and families that are switched on have those that they need. */
export function checkAws(
  check: Check,
  name: string,
  { engine, watch }: AwsTargetConfig & { readonly engine: AwsEngine },
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
  for (const { family, basis } of unfoundedFamilies(engine, watch.collectors)) {
    // One that is on by default is left off instead.
    if (watch.collectors[family] !== true) continue;
    check.problem([...path, 'collectors', basis], `the family "${family}" needs it; switch that one off too`);
  }
}
