import type { ResourcePendingMaintenanceActions } from '@aws-sdk/client-rds';
import { metric, type Sample, sample } from '../../core/metric.ts';
import { withSamplesOf } from '../cloudwatch/source.ts';
import { CollectedInPart } from '../collector.ts';
import { type DatabaseKind, type Databases, databaseLabels, type RdsCollector } from './source.ts';

const pending = metric({
  name: 'rds_pending_maintenance',
  type: 'gauge',
  help: 'Always 1; maintenance that waits, by action (system-update, db-upgrade, ca-certificate-rotation and others). Some of it interrupts service.',
  labels: [...databaseLabels, 'action'],
  source: 'DescribePendingMaintenanceActions',
  unit: 'info',
});

const applied = metric({
  name: 'rds_pending_maintenance_apply_timestamp_seconds',
  type: 'gauge',
  help: 'When RDS carries it out by itself, in seconds since 1970; absent while no date is set.',
  labels: [...databaseLabels, 'action'],
  source: 'DescribePendingMaintenanceActions, CurrentApplyDate',
  unit: 'seconds',
});

const modifications = metric({
  name: 'rds_pending_modifications',
  type: 'gauge',
  help: 'Settings of the instance that were changed and wait for the maintenance window or a restart.',
  labels: ['dbidentifier'],
  source: 'DescribeDBInstances, PendingModifiedValues',
  unit: 'settings',
});

const restarts = metric({
  name: 'rds_parameter_group_pending_reboot',
  type: 'gauge',
  help: 'Whether parameters were changed that need a restart of the instance.',
  labels: ['dbidentifier'],
  source: 'DescribeDBInstances, ParameterApplyStatus',
  unit: 'boolean',
});

export const maintenance: RdsCollector = {
  name: 'maintenance',
  about: 'Maintenance and changes that wait for their time.',
  scope: 'server',
  metrics: [pending, applied, modifications, restarts],
  enabledByDefault: true,
  async collect(source, context) {
    const { value: databases, failure } = await source.databases.read(context.signal);
    const changes = changesOf(databases);
    const all = await withSamplesOf(changes, source.maintenance, context, (found) => actionsOf(databases, found));
    if (failure !== undefined) throw new CollectedInPart(all, failure);
    return all;
  },
};

function changesOf({ instances }: Databases): Sample[] {
  return [...instances].flatMap(([dbidentifier, { PendingModifiedValues = {}, DBParameterGroups = [] }]) => {
    const waiting = Object.values(PendingModifiedValues).filter((value) => value !== undefined);
    const isRestartPending = DBParameterGroups.some(
      ({ ParameterApplyStatus }) => ParameterApplyStatus === 'pending-reboot',
    );
    return [
      sample(modifications, waiting.length, { dbidentifier }),
      sample(restarts, isRestartPending ? 1 : 0, { dbidentifier }),
    ];
  });
}

function actionsOf({ instances, clusters }: Databases, found: readonly ResourcePendingMaintenanceActions[]): Sample[] {
  const byArn = new Map<string | undefined, { readonly dbidentifier: string; readonly kind: DatabaseKind }>([
    ...[...instances].map(([name, one]) => [one.DBInstanceArn, { dbidentifier: name, kind: 'instance' }] as const),
    ...[...clusters].map(([name, one]) => [one.DBClusterArn, { dbidentifier: name, kind: 'cluster' }] as const),
  ]);
  return found.flatMap(({ ResourceIdentifier, PendingMaintenanceActionDetails = [] }) => {
    const database = byArn.get(ResourceIdentifier);
    if (database === undefined) return [];
    return PendingMaintenanceActionDetails.flatMap(({ Action: action = '', CurrentApplyDate: at }) => [
      sample(pending, 1, { ...database, action }),
      ...(at === undefined ? [] : [sample(applied, at.getTime() / 1_000, { ...database, action })]),
    ]);
  });
}
