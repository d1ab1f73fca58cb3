import { metric, type Sample, sample } from '../../core/metric.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import { CollectedInPart } from '../collector.ts';
import { type DatabaseKind, type Databases, databaseLabels, type RdsCollector, type Snapshots } from './source.ts';

const labels = [...databaseLabels, 'type'] as const;
const source = 'DescribeDBSnapshots, DescribeDBClusterSnapshots';
const gibibyte = 1024 ** 3;

const count = metric({
  name: 'rds_snapshots',
  type: 'gauge',
  help: 'Snapshots by type (automated, manual, awsbackup) and state (available, creating, failed and others).',
  labels: [...labels, 'status'],
  source,
  unit: 'snapshots',
});

const newest = metric({
  name: 'rds_snapshot_newest_timestamp_seconds',
  type: 'gauge',
  help: 'When the newest snapshot that is available was made, in seconds since 1970; absent where there is none.',
  labels,
  source: `${source}, SnapshotCreateTime`,
  unit: 'seconds',
});

const oldest = metric({
  name: 'rds_snapshot_oldest_timestamp_seconds',
  type: 'gauge',
  help: 'When the oldest snapshot that is available was made, in seconds since 1970.',
  labels,
  source: `${source}, SnapshotCreateTime`,
  unit: 'seconds',
});

const size = metric({
  name: 'rds_snapshot_newest_allocated_bytes',
  type: 'gauge',
  help: 'Bytes of the volume that the newest snapshot is of; what it takes itself is not told.',
  labels,
  source: `${source}, AllocatedStorage`,
  unit: 'bytes',
});

const encrypted = metric({
  name: 'rds_snapshot_newest_encrypted',
  type: 'gauge',
  help: 'Whether the newest snapshot that is available is encrypted.',
  labels,
  source: `${source}, Encrypted and StorageEncrypted`,
  unit: 'boolean',
});

export const snapshots: RdsCollector = {
  name: 'snapshots',
  about:
    'Snapshots of each database: how many, in which state, how old. Instances of a cluster have none of their own.',
  scope: 'server',
  metrics: [count, newest, oldest, size, encrypted],
  enabledByDefault: true,
  async collect(from, context) {
    const { value: databases, failure } = await from.databases.read(context.signal);
    const samples = await samplesOf(from.snapshots, context, (found) => snapshotSamples(databases, found));
    if (failure !== undefined) throw new CollectedInPart(samples, failure);
    return samples;
  },
};

/** A snapshot of an instance or a cluster. */
interface Snapshot {
  readonly of: string;
  readonly type: string;
  readonly status: string;
  readonly atSeconds: number;
  readonly bytes: number;
  readonly isEncrypted: boolean;
}

function snapshotSamples(databases: Databases, found: Snapshots): Sample[] {
  const ofInstances = found.ofInstances.map((one) =>
    toSnapshot({ ...one, of: one.DBInstanceIdentifier, isEncrypted: one.Encrypted }),
  );
  const ofClusters = found.ofClusters.map((one) =>
    toSnapshot({ ...one, of: one.DBClusterIdentifier, isEncrypted: one.StorageEncrypted }),
  );
  const alone = [...databases.instances].filter(([, { DBClusterIdentifier = '' }]) => DBClusterIdentifier === '');
  return [
    ...samplesOfKind(
      'instance',
      alone.map(([name]) => name),
      ofInstances,
    ),
    ...samplesOfKind('cluster', [...databases.clusters.keys()], ofClusters),
  ];
}

function toSnapshot(one: {
  readonly of: string | undefined;
  readonly SnapshotType?: string | undefined;
  readonly Status?: string | undefined;
  readonly SnapshotCreateTime?: Date | undefined;
  readonly AllocatedStorage?: number | undefined;
  readonly isEncrypted: boolean | undefined;
}): Snapshot {
  return {
    of: one.of ?? '',
    type: one.SnapshotType ?? '',
    status: one.Status ?? '',
    atSeconds: (one.SnapshotCreateTime?.getTime() ?? 0) / 1_000,
    bytes: (one.AllocatedStorage ?? 0) * gibibyte,
    isEncrypted: one.isEncrypted === true,
  };
}

function samplesOfKind(kind: DatabaseKind, names: readonly string[], all: readonly Snapshot[]): Sample[] {
  const byName = Map.groupBy(all, ({ of }) => of);
  return names.flatMap((dbidentifier) => {
    const byType = Map.groupBy(byName.get(dbidentifier) ?? [], ({ type }) => type);
    // That there is none is told of the usual types, so that an alert has something to look at.
    const types = new Set(['automated', 'manual', ...byType.keys()]);
    return [...types].flatMap((type) => samplesOfType({ dbidentifier, kind, type }, byType.get(type) ?? []));
  });
}

function samplesOfType(
  of: { readonly dbidentifier: string; readonly kind: DatabaseKind; readonly type: string },
  all: readonly Snapshot[],
): Sample[] {
  const byStatus = Map.groupBy(all, ({ status }) => status);
  const counts = [...new Set(['available', ...byStatus.keys()])].map((status) =>
    sample(count, byStatus.get(status)?.length ?? 0, { ...of, status }),
  );
  const available = (byStatus.get('available') ?? []).toSorted((a, b) => a.atSeconds - b.atSeconds);
  const [first] = available;
  const last = available.at(-1);
  if (first === undefined || last === undefined) return counts;
  return [
    ...counts,
    sample(newest, last.atSeconds, of),
    sample(oldest, first.atSeconds, of),
    sample(size, last.bytes, of),
    sample(encrypted, last.isEncrypted ? 1 : 0, of),
  ];
}
