import type { BackupSummary, DescribeLimitsOutput, TableDescription } from '@aws-sdk/client-dynamodb';
import type { ByName } from '../cloudwatch/look-at-each.ts';
import type { Chosen } from '../cloudwatch/selection.ts';
import type { AwsSource } from '../cloudwatch/source.ts';
import type { Collector } from '../collector.ts';
import type { Refreshed } from '../refreshed.ts';
import type { DynamodbWatchSettings } from './settings.ts';

/** The tables that are watched. */
export type Tables = Chosen<TableDescription>;

/** Point-in-time recovery of a table. Instants are seconds since 1970. */
export interface Recovery {
  readonly enabled: boolean;
  readonly earliestSeconds: number | undefined;
  readonly latestSeconds: number | undefined;
  readonly periodDays: number | undefined;
}

/** What the families of DynamoDB read from: nothing of it is asked during a scrape. */
export interface DynamodbSource extends AwsSource {
  readonly tables: Refreshed<Tables>;
  readonly limits: Refreshed<DescribeLimitsOutput>;
  readonly recovery: Refreshed<ByName<Recovery>>;
  /** Whether items of a table have a time to live. */
  readonly timeToLive: Refreshed<ByName<boolean>>;
  readonly backups: Refreshed<readonly BackupSummary[]>;
  readonly settings: DynamodbWatchSettings;
}

export type DynamodbCollector = Collector<DynamodbSource>;
