import type { DBInstanceAutomatedBackup } from '@aws-sdk/client-rds';
import { metric, type Sample, sample } from '../../core/metric.ts';
import { withSamplesOf } from '../cloudwatch/source.ts';
import { CollectedInPart } from '../collector.ts';
import { type DatabaseKind, type Databases, databaseLabels, type RdsCollector } from './source.ts';
import { isReplica } from './subjects.ts';

const secondsPerDay = 86_400;

const enabled = metric({
  name: 'rds_automated_backups_enabled',
  type: 'gauge',
  help: 'Whether RDS makes backups by itself, so that the database can be restored to any second of the retention. Absent for read replicas that make none: they are restored from their source.',
  labels: databaseLabels,
  source: 'DescribeDBInstances and DescribeDBClusters, BackupRetentionPeriod',
  unit: 'boolean',
});

const retention = metric({
  name: 'rds_backup_retention_period_seconds',
  type: 'gauge',
  help: 'How far back the database can be restored at most; 0 when automated backups are off.',
  labels: databaseLabels,
  source: 'DescribeDBInstances and DescribeDBClusters, BackupRetentionPeriod',
  unit: 'seconds',
});

const latest = metric({
  name: 'rds_latest_restorable_timestamp_seconds',
  type: 'gauge',
  help: 'Latest instant to which the database can be restored, in seconds since 1970; about five minutes ago. time() less this is what a loss of the database would cost.',
  labels: databaseLabels,
  source: 'DescribeDBInstances and DescribeDBClusters, LatestRestorableTime',
  unit: 'seconds',
});

const earliest = metric({
  name: 'rds_earliest_restorable_timestamp_seconds',
  type: 'gauge',
  help: 'Earliest instant to which the database can be restored, in seconds since 1970.',
  labels: databaseLabels,
  source: 'DescribeDBInstanceAutomatedBackups, RestoreWindow, and DescribeDBClusters, EarliestRestorableTime',
  unit: 'seconds',
});

export const recovery: RdsCollector = {
  name: 'recovery',
  about:
    'To when databases can be restored, and how long backups are kept. Instances of a cluster are restored with it.',
  scope: 'server',
  metrics: [enabled, retention, latest, earliest],
  enabledByDefault: true,
  async collect(source, context) {
    const { value: databases, failure } = await source.databases.read(context.signal);
    const samples = [...recoveryOfInstances(databases), ...recoveryOfClusters(databases)];
    const toWindows = (found: readonly DBInstanceAutomatedBackup[]) => windowsOf(databases, found);
    const all = await withSamplesOf(samples, source.automatedBackups, context, toWindows);
    if (failure !== undefined) throw new CollectedInPart(all, failure);
    return all;
  },
};

interface Recovery {
  readonly days: number | undefined;
  readonly latest: Date | undefined;
  readonly hasOwnBackups: boolean;
}

function recoveryOfInstances({ instances }: Databases): Sample[] {
  return [...instances]
    .filter(([, { DBClusterIdentifier = '' }]) => DBClusterIdentifier === '')
    .flatMap(([dbidentifier, one]) => {
      const { BackupRetentionPeriod: days, LatestRestorableTime } = one;
      const found = { days, latest: LatestRestorableTime, hasOwnBackups: !isReplica(one) };
      return recoverySamples({ dbidentifier, kind: 'instance' }, found);
    });
}

function recoveryOfClusters({ clusters }: Databases): Sample[] {
  return [...clusters].flatMap(([dbidentifier, one]) => {
    const of = { dbidentifier, kind: 'cluster' } as const;
    const { BackupRetentionPeriod: days, LatestRestorableTime, EarliestRestorableTime: from } = one;
    return [
      ...recoverySamples(of, { days, latest: LatestRestorableTime, hasOwnBackups: true }),
      ...(from === undefined ? [] : [sample(earliest, from.getTime() / 1_000, of)]),
    ];
  });
}

function recoverySamples(
  of: { readonly dbidentifier: string; readonly kind: DatabaseKind },
  { days, latest: until, hasOwnBackups }: Recovery,
): Sample[] {
  return [
    ...(days === undefined ? [] : [sample(retention, days * secondsPerDay, of)]),
    ...(days === undefined || !(hasOwnBackups || days > 0) ? [] : [sample(enabled, days > 0 ? 1 : 0, of)]),
    ...(until === undefined ? [] : [sample(latest, until.getTime() / 1_000, of)]),
  ];
}

/** Backups of instances that were deleted are listed too. */
function windowsOf({ instances }: Databases, backups: readonly DBInstanceAutomatedBackup[]): Sample[] {
  return backups.flatMap(({ DBInstanceIdentifier = '', DbiResourceId, RestoreWindow }) => {
    const from = RestoreWindow?.EarliestTime;
    const one = instances.get(DBInstanceIdentifier);
    // Another instance may have had the name before.
    const isSame = one !== undefined && (DbiResourceId === undefined || one.DbiResourceId === DbiResourceId);
    if (!isSame || from === undefined) return [];
    return [sample(earliest, from.getTime() / 1_000, { dbidentifier: DBInstanceIdentifier, kind: 'instance' })];
  });
}
