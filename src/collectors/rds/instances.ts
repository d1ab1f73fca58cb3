import type { DBInstance } from '@aws-sdk/client-rds';
import { type Metric, metric, type Sample, sample } from '../../core/metric.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import type { Databases, RdsCollector } from './source.ts';

const labels = ['dbidentifier'] as const;
const source = 'DescribeDBInstances';

const available = metric({
  name: 'rds_instance_available',
  type: 'gauge',
  help: 'Whether the instance serves: its state is available, or one in which it does (backing-up, modifying, storage-optimization and others).',
  labels,
  source: `${source}, DBInstanceStatus`,
  unit: 'boolean',
});

const info = metric({
  name: 'rds_instance_info',
  type: 'gauge',
  help: 'Always 1; what the instance is. The cluster and the source of a read replica are empty where there is none.',
  labels: [
    ...labels,
    'arn',
    'dbi_resource_id',
    'engine',
    'engine_version',
    'instance_class',
    'status',
    'storage_type',
    'availability_zone',
    'cluster',
    'replica_of',
    'ca_certificate_identifier',
  ],
  source,
  unit: 'info',
});

const boolean = (name: string, help: string, of: string): Metric<'dbidentifier'> =>
  metric({ name, type: 'gauge', help, labels, source: `${source}, ${of}`, unit: 'boolean' });

const multiAz = boolean(
  'rds_instance_multi_az',
  'Whether there is a standby in another availability zone; of an instance of Aurora ask for its cluster.',
  'MultiAZ',
);
const encrypted = boolean('rds_instance_storage_encrypted', 'Whether the storage is encrypted.', 'StorageEncrypted');
const protectedAgainstDeletion = boolean(
  'rds_instance_deletion_protection',
  'Whether the instance is protected against being deleted.',
  'DeletionProtection',
);
const publicly = boolean(
  'rds_instance_publicly_accessible',
  'Whether the instance has an address on the Internet.',
  'PubliclyAccessible',
);
const iam = boolean(
  'rds_instance_iam_authentication',
  'Whether users can log in with tokens of IAM.',
  'IAMDatabaseAuthenticationEnabled',
);
const minorUpgrades = boolean(
  'rds_instance_auto_minor_version_upgrade',
  'Whether RDS installs minor versions by itself in the maintenance window.',
  'AutoMinorVersionUpgrade',
);

const created = metric({
  name: 'rds_instance_creation_timestamp_seconds',
  type: 'gauge',
  help: 'When the instance was made, in seconds since 1970; a restore makes a new one.',
  labels,
  source: `${source}, InstanceCreateTime`,
  unit: 'seconds',
});

const certificate = metric({
  name: 'rds_certificate_expiry_timestamp_seconds',
  type: 'gauge',
  help: 'When the certificate of the server expires, in seconds since 1970.',
  labels,
  source: `${source}, CertificateDetails`,
  unit: 'seconds',
});

const exists = metric({
  name: 'rds_database_exists',
  type: 'gauge',
  help: 'Whether there is such an instance or cluster in this account and region; 0 only for those that the configuration calls by name.',
  labels,
  source: `${source}, DescribeDBClusters`,
  unit: 'boolean',
});

const notWatched = metric({
  name: 'rds_databases_not_watched',
  type: 'gauge',
  help: 'Instances and clusters that are chosen and left out because of databases.limit.',
  labels: [],
  source: `${source}, DescribeDBClusters`,
  unit: 'databases',
});

/** States in which an instance takes connections, as RDS documents them. */
const serving = new Set([
  'available',
  'backing-up',
  'configuring-enhanced-monitoring',
  'configuring-iam-database-auth',
  'configuring-log-exports',
  'modifying',
  'renaming',
  'resetting-master-credentials',
  'storage-config-upgrade',
  'storage-full',
  'storage-initialization',
  'storage-optimization',
]);

export const instances: RdsCollector = {
  name: 'instances',
  about: 'State and settings of each instance.',
  scope: 'server',
  metrics: [
    exists,
    available,
    info,
    multiAz,
    encrypted,
    protectedAgainstDeletion,
    publicly,
    iam,
    minorUpgrades,
    created,
    certificate,
    notWatched,
  ],
  enabledByDefault: true,
  collect: (from, context) => samplesOf(from.databases, context, databaseSamples),
};

function databaseSamples(found: Databases): Sample[] {
  const names = [...found.instances.keys(), ...found.clusters.keys()];
  return [
    ...names.map((dbidentifier) => sample(exists, 1, { dbidentifier })),
    ...found.missing.map((dbidentifier) => sample(exists, 0, { dbidentifier })),
    ...[...found.instances].flatMap(([dbidentifier, one]) => instanceSamples(dbidentifier, one)),
    sample(notWatched, found.notWatched, {}),
  ];
}

function instanceSamples(dbidentifier: string, one: DBInstance): Sample[] {
  const booleans = [
    [multiAz, one.MultiAZ],
    [encrypted, one.StorageEncrypted],
    [protectedAgainstDeletion, one.DeletionProtection],
    [publicly, one.PubliclyAccessible],
    [iam, one.IAMDatabaseAuthenticationEnabled],
    [minorUpgrades, one.AutoMinorVersionUpgrade],
  ] as const;
  const instants = [
    [created, one.InstanceCreateTime],
    [certificate, one.CertificateDetails?.ValidTill],
  ] as const;
  return [
    sample(available, serving.has(one.DBInstanceStatus ?? '') ? 1 : 0, { dbidentifier }),
    sample(info, 1, infoLabels(dbidentifier, one)),
    ...booleans.map(([of, value]) => sample(of, value === true ? 1 : 0, { dbidentifier })),
    ...instants.flatMap(([of, at]) => (at === undefined ? [] : [sample(of, at.getTime() / 1_000, { dbidentifier })])),
  ];
}

function infoLabels(dbidentifier: string, one: DBInstance) {
  return {
    dbidentifier,
    arn: one.DBInstanceArn ?? '',
    dbi_resource_id: one.DbiResourceId ?? '',
    engine: one.Engine ?? '',
    engine_version: one.EngineVersion ?? '',
    instance_class: one.DBInstanceClass ?? '',
    status: one.DBInstanceStatus ?? '',
    storage_type: one.StorageType ?? '',
    availability_zone: one.AvailabilityZone ?? '',
    cluster: one.DBClusterIdentifier ?? '',
    replica_of: one.ReadReplicaSourceDBInstanceIdentifier ?? one.ReadReplicaSourceDBClusterIdentifier ?? '',
    ca_certificate_identifier: one.CACertificateIdentifier ?? '',
  };
}
