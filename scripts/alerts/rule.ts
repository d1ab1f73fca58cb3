/**
 * critical: somebody is woken: data is being lost, service is refused, or either is hours away.
 * warning: somebody looks today, in working hours.
 * info: nobody is told; it stands on the boards and explains other alerts.
 */
export type Severity = 'critical' | 'warning' | 'info';

/** Samples once a minute: a number that stays, or promtool's notation (`0+60x30`, `1 _ 1`). Labels not given get a value of their own. */
export interface TestSeries {
  readonly metric: string;
  readonly values: number | string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** What Prometheus sees from minute 0 on. */
export interface AlertCase {
  readonly title: string;
  readonly series: readonly TestSeries[];
}

/** A case in which the alert must stay silent until `untilMinute` (default: long after it would have fired). */
export interface SilentCase extends AlertCase {
  readonly untilMinute?: number;
}

/** A case in which the condition holds from `fromMinute` on (default 0): the alert fires when `for` has passed, not before. */
export interface FiringCase extends AlertCase {
  readonly fromMinute?: number;
}

export interface Alert {
  /** Engine first, then what is wrong; also the name of its runbook. */
  readonly name: string;
  readonly severity: Severity;
  /** PromQL; ranges of 5 minutes at least, so that a scrape a minute is enough. */
  readonly expression: string;
  readonly forMinutes: number;
  /** One line with the target. */
  readonly summary: string;
  /** What it means for data or users, with the value. */
  readonly description: string;
  readonly fires: FiringCase;
  readonly firesToo?: readonly FiringCase[];
  /** Healthy servers that a careless rule would call ill. At least one. */
  readonly silent: readonly SilentCase[];
}

export interface AlertGroup {
  /** Of the file `alerts/NAME.rules.yaml`, and the value of the label `area`. */
  readonly name: string;
  readonly about: string;
  readonly alerts: readonly Alert[];
}

/** What tells one target of one daemon from another, for `on (…)`. */
export const sameTarget = 'job, instance, target';

/** What tells one lineage from another, for `on (…)`. */
export const sameLineage = `${sameTarget}, schedule, database, store`;

/** A series of a test. */
export function series(
  metric: string,
  values: number | string,
  labels: Readonly<Record<string, string>> = {},
): TestSeries {
  return { metric, values, labels };
}
