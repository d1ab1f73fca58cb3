import type { Statistic } from './statistic.ts';

/** A metric of CloudWatch, as its service documents it. */
export interface CloudwatchMetric {
  /** As CloudWatch has it, e.g. `ReadThrottleEvents`. */
  readonly name: string;
  /** Kinds of subjects that have it: keys of the service's `kinds`. A wrong one gives nothing, and no error. */
  readonly of: readonly string[];
  /** Up to five cost as much as one. */
  readonly statistics: readonly [Statistic, ...Statistic[]];
  /** The service writes it this often. */
  readonly periodSeconds: 60 | 300;
  /** What it means that there is no point in a period: nothing happened, or nothing was measured. */
  readonly absent: 'zero' | 'nothing';
  readonly unit: string;
  /** What one value is, without the statistic, e.g. `Events of throttled reads`. */
  readonly what: string;
  /** Metric of the same subject: while it counts nothing, this one is not asked for, and is 0. */
  readonly onlyAfter?: string;
}

/** Metrics that are switched on and off together: one family. */
export interface CloudwatchGroup {
  /** Name of the family. */
  readonly name: string;
  readonly about: string;
  readonly enabledByDefault: boolean;
  readonly metrics: readonly CloudwatchMetric[];
}

/** All that is read of one service: data, no code. */
export interface CloudwatchService {
  readonly namespace: string;
  /** Begin of the names of its metrics here, as yet-another-cloudwatch-exporter has them: `aws_dynamodb`. */
  readonly prefix: string;
  /** Dimensions of each kind of subject, exactly those that CloudWatch wants. */
  readonly kinds: Readonly<Record<string, readonly string[]>>;
  /** The most important first: that is asked first when the limit of cost does not allow everything. */
  readonly groups: readonly CloudwatchGroup[];
}

/** Something that has metrics: a table, an index, an instance, a queue. */
export interface Subject {
  readonly kind: string;
  /** ARN, or `global` for what is about the account. */
  readonly name: string;
  /** In the order of the kind's dimensions. */
  readonly values: readonly string[];
}

/** What has metrics now. */
export interface Subjects {
  readonly all: readonly Subject[];
  /** Kinds of which not all could be found, and why: families with metrics of these fail. */
  readonly incomplete: ReadonlyMap<string, unknown>;
}

/** Where the subjects are; labels of every sample. */
export interface Place {
  readonly accountId: string;
  readonly region: string;
}
