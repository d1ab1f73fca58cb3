import type { DBCluster } from '@aws-sdk/client-rds';
import { type Metric, metric, type Sample, sample } from '../../core/metric.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import type { RdsCollector } from './source.ts';

const labels = ['dbidentifier'] as const;
const source = 'DescribeDBClusters';

const boolean = (name: string, help: string, of: string): Metric<'dbidentifier'> =>
  metric({ name, type: 'gauge', help, labels, source: `${source}, ${of}`, unit: 'boolean' });

const available = boolean(
  'rds_cluster_available',
  'Whether the cluster serves: its state is available, or one in which it does (backing-up, modifying and others).',
  'Status',
);
const multiAz = boolean('rds_cluster_multi_az', 'Whether its instances are in several availability zones.', 'MultiAZ');
const encrypted = boolean('rds_cluster_storage_encrypted', 'Whether the storage is encrypted.', 'StorageEncrypted');
const protectedAgainstDeletion = boolean(
  'rds_cluster_deletion_protection',
  'Whether the cluster is protected against being deleted.',
  'DeletionProtection',
);

const members = metric({
  name: 'rds_cluster_members',
  type: 'gauge',
  help: 'Instances of the cluster by role, writer or reader; a cluster without a writer takes no changes.',
  labels: [...labels, 'role'],
  source: `${source}, DBClusterMembers`,
  unit: 'instances',
});

const info = metric({
  name: 'rds_cluster_info',
  type: 'gauge',
  help: 'Always 1; what the cluster is.',
  labels: [...labels, 'arn', 'engine', 'engine_version', 'engine_mode', 'status', 'replica_of'],
  source,
  unit: 'info',
});

const serving = new Set(['available', 'backing-up', 'modifying', 'renaming', 'resetting-master-credentials']);

export const clusters: RdsCollector = {
  name: 'clusters',
  about: 'State and settings of each cluster: Aurora, and Multi-AZ clusters.',
  scope: 'server',
  metrics: [available, multiAz, encrypted, protectedAgainstDeletion, members, info],
  enabledByDefault: true,
  collect: (from, context) =>
    samplesOf(from.databases, context, (found) =>
      [...found.clusters].flatMap(([dbidentifier, one]) => clusterSamples(dbidentifier, one)),
    ),
};

function clusterSamples(dbidentifier: string, one: DBCluster): Sample[] {
  const all = one.DBClusterMembers ?? [];
  const writers = all.filter(({ IsClusterWriter }) => IsClusterWriter === true).length;
  const booleans = [
    [available, serving.has(one.Status ?? '')],
    [multiAz, one.MultiAZ],
    [encrypted, one.StorageEncrypted],
    [protectedAgainstDeletion, one.DeletionProtection],
  ] as const;
  return [
    ...booleans.map(([of, value]) => sample(of, value === true ? 1 : 0, { dbidentifier })),
    sample(members, writers, { dbidentifier, role: 'writer' }),
    sample(members, all.length - writers, { dbidentifier, role: 'reader' }),
    sample(info, 1, {
      dbidentifier,
      arn: one.DBClusterArn ?? '',
      engine: one.Engine ?? '',
      engine_version: one.EngineVersion ?? '',
      engine_mode: one.EngineMode ?? '',
      status: one.Status ?? '',
      replica_of: one.ReplicationSourceIdentifier ?? '',
    }),
  ];
}
