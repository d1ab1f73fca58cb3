import type { BackupSummary, DescribeLimitsOutput, TableDescription } from '@aws-sdk/client-dynamodb';
import type { Sample } from '../../core/metric.ts';
import type { WorkContext } from '../../core/work-context.ts';
import type { AwsCalls } from '../../targets/aws/calls.ts';
import { AwsFailure } from '../../targets/aws/failure.ts';
import type { CloudwatchBudget } from '../cloudwatch/budget.ts';
import type { CloudwatchSource } from '../cloudwatch/family.ts';
import type { CloudwatchFeed } from '../cloudwatch/feed.ts';
import { CollectedInPart, type Collector, NotApplicable } from '../collector.ts';
import type { Look, Refreshed } from '../refreshed.ts';
import type { ByTable } from './look-at-each.ts';
import type { DynamodbWatchSettings } from './settings.ts';

/** The tables that are watched. */
export interface Tables {
  readonly described: ByTable<TableDescription>;
  /** Called by name in the configuration, and not there. */
  readonly missing: readonly string[];
  /** Beyond the limit. */
  readonly notWatched: number;
}

/** Point-in-time recovery of a table. Instants are seconds since 1970. */
export interface Recovery {
  readonly enabled: boolean;
  readonly earliestSeconds: number | undefined;
  readonly latestSeconds: number | undefined;
  readonly periodDays: number | undefined;
}

/** What the families of DynamoDB read from: nothing of it is asked during a scrape. */
export interface DynamodbSource extends CloudwatchSource {
  readonly tables: Refreshed<Tables>;
  readonly limits: Refreshed<DescribeLimitsOutput>;
  readonly recovery: Refreshed<ByTable<Recovery>>;
  /** Whether items of a table have a time to live. */
  readonly timeToLive: Refreshed<ByTable<boolean>>;
  readonly backups: Refreshed<readonly BackupSummary[]>;
  readonly feed: CloudwatchFeed | undefined;
  readonly budget: CloudwatchBudget;
  readonly calls: AwsCalls;
  readonly settings: DynamodbWatchSettings;
}

export type DynamodbCollector = Collector<DynamodbSource>;

/**
 * Samples of what was looked up in the background. What could not be read makes the family fail, and the rest is shown.
 * Throws {@link NotApplicable} where the service does not know the call, as DynamoDB Local does not know backups.
 */
export async function samplesOf<T>(
  refreshed: Refreshed<T>,
  { signal }: WorkContext,
  toSamples: (value: T) => readonly Sample[],
): Promise<readonly Sample[]> {
  const { value, failure } = await readOf(refreshed, signal);
  const samples = toSamples(value);
  if (failure !== undefined) throw new CollectedInPart(samples, failure);
  return samples;
}

async function readOf<T>(refreshed: Refreshed<T>, signal: AbortSignal): Promise<Look<T>> {
  try {
    return await refreshed.read(signal);
  } catch (error) {
    if (error instanceof AwsFailure && error.kind === 'unsupported') {
      throw new NotApplicable(error.message, { cause: error });
    }
    throw error;
  }
}
