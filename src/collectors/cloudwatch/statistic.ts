/** As CloudWatch names them; percentiles are `p50` to `p99.9`. */
export type Statistic = 'Sum' | 'Average' | 'Maximum' | 'Minimum' | 'SampleCount' | `p${number}`;

/** Statistics of one metric that cost as much as one. */
export const statisticsPerBilledRequest = 5;

/** Whether values of successive periods may be added. */
export function isCountable(statistic: Statistic): boolean {
  return statistic === 'Sum' || statistic === 'SampleCount';
}

/** `ReadThrottleEvents` → `read_throttle_events`, `CPUUtilization` → `cpuutilization`, as yet-another-cloudwatch-exporter does it. */
export function snakeCase(name: string): string {
  return name
    .replaceAll('%', '_percent')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/[^A-Za-z0-9_]/g, '_')
    .toLowerCase();
}
