import type { CacheCluster, ReplicationGroup, ServerlessCache } from '@aws-sdk/client-elasticache';
import type { ByName } from '../cloudwatch/look-at-each.ts';
import type { AwsSource } from '../cloudwatch/source.ts';
import type { Collector } from '../collector.ts';
import type { Refreshed } from '../refreshed.ts';
import type { CacheSnapshot } from './cache-snapshots.ts';
import type { ElasticacheWatchSettings } from './settings.ts';

/** The caches that are watched: replication groups, clusters (those of the groups, and others), serverless caches. */
export interface Caches {
  readonly groups: ByName<ReplicationGroup>;
  readonly clusters: ByName<CacheCluster>;
  readonly serverless: ByName<ServerlessCache>;
  /** Called by name in the configuration, and not there. */
  readonly missing: readonly string[];
  /** Beyond the limit. */
  readonly notWatched: number;
}

/** What the families of ElastiCache read from: nothing of it is asked during a scrape. */
export interface ElasticacheSource extends AwsSource {
  readonly caches: Refreshed<Caches>;
  readonly snapshots: Refreshed<readonly CacheSnapshot[]>;
  readonly settings: ElasticacheWatchSettings;
}

export type ElasticacheCollector = Collector<ElasticacheSource>;
