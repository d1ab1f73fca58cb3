import type { CloudwatchGroup, CloudwatchMetric } from './service.ts';

interface Given {
  /** Kinds of subjects that have it. */
  readonly of: readonly string[];
  readonly unit: string;
  readonly periodSeconds?: 60 | 300;
  readonly onlyAfter?: string;
}

/** What happened: no point means that nothing did. Written every minute where nothing else is said. */
export function events(name: string, what: string, { periodSeconds = 60, ...given }: Given): CloudwatchMetric {
  return { name, what, statistics: ['Sum'], absent: 'zero', periodSeconds, ...given };
}

/** What was measured: no point means that nothing was. Written every five minutes where nothing else is said. */
export function level(
  name: string,
  what: string,
  { periodSeconds = 300, ...given }: Given & { readonly statistics: CloudwatchMetric['statistics'] },
): CloudwatchMetric {
  return { name, what, absent: 'nothing', periodSeconds, ...given };
}

/** Metrics that are a family. */
export function group(
  name: string,
  about: string,
  metrics: readonly CloudwatchMetric[],
  enabledByDefault = true,
): CloudwatchGroup {
  return { name, about, metrics, enabledByDefault };
}
