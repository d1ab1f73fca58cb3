import type {
  DBCluster,
  DBClusterSnapshot,
  DBInstance,
  DBInstanceAutomatedBackup,
  DBSnapshot,
  ResourcePendingMaintenanceActions,
} from '@aws-sdk/client-rds';
import type { ByName } from '../cloudwatch/look-at-each.ts';
import type { AwsSource } from '../cloudwatch/source.ts';
import type { Collector } from '../collector.ts';
import type { Refreshed } from '../refreshed.ts';
import type { RdsWatchSettings } from './settings.ts';

/** The databases that are watched: instances, those of the clusters too, and clusters. */
export interface Databases {
  readonly instances: ByName<DBInstance>;
  readonly clusters: ByName<DBCluster>;
  /** Called by name in the configuration, and not there. */
  readonly missing: readonly string[];
  /** Beyond the limit. */
  readonly notWatched: number;
}

export interface Snapshots {
  readonly ofInstances: readonly DBSnapshot[];
  readonly ofClusters: readonly DBClusterSnapshot[];
}

/** What the families of RDS read from: nothing of it is asked during a scrape. */
export interface RdsSource extends AwsSource {
  readonly databases: Refreshed<Databases>;
  readonly automatedBackups: Refreshed<readonly DBInstanceAutomatedBackup[]>;
  readonly snapshots: Refreshed<Snapshots>;
  readonly maintenance: Refreshed<readonly ResourcePendingMaintenanceActions[]>;
  readonly settings: RdsWatchSettings;
}

export type RdsCollector = Collector<RdsSource>;

/** Labels of what is about an instance or a cluster. */
export const databaseLabels = ['dbidentifier', 'kind'] as const;
export type DatabaseKind = 'instance' | 'cluster';
