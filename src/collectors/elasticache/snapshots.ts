import { metric, type Sample, sample } from '../../core/metric.ts';
import { withSamplesOf } from '../cloudwatch/source.ts';
import { CollectedInPart } from '../collector.ts';
import type { CacheSnapshot } from './cache-snapshots.ts';
import { isAlone } from './choose-caches.ts';
import type { Caches, ElasticacheCollector } from './source.ts';

const secondsPerDay = 86_400;

const retention = metric({
  name: 'elasticache_snapshot_retention_period_seconds',
  type: 'gauge',
  help: 'How long snapshots are kept that ElastiCache makes by itself every day; 0 when it makes none.',
  labels: ['cache'],
  source: 'DescribeReplicationGroups, DescribeCacheClusters and DescribeServerlessCaches, SnapshotRetentionLimit',
  unit: 'seconds',
});

const count = metric({
  name: 'elasticache_snapshots',
  type: 'gauge',
  help: 'Snapshots by who made them (automated, manual) and state (available, creating, failed, ...).',
  labels: ['cache', 'type', 'status'],
  source: 'DescribeSnapshots, DescribeServerlessCacheSnapshots',
  unit: 'snapshots',
});

const newest = metric({
  name: 'elasticache_snapshot_newest_timestamp_seconds',
  type: 'gauge',
  help: 'State of the data in the newest snapshot that is available, in seconds since 1970: of several shards the oldest. Absent where there is none.',
  labels: ['cache', 'type'],
  source: 'DescribeSnapshots, SnapshotCreateTime; DescribeServerlessCacheSnapshots, CreateTime',
  unit: 'seconds',
});

export const snapshots: ElasticacheCollector = {
  name: 'snapshots',
  about:
    'Snapshots of replication groups, clusters and serverless caches: how many, in which state, how old. Nodes of Memcached have none.',
  scope: 'server',
  metrics: [retention, count, newest],
  enabledByDefault: true,
  async collect(from, context) {
    const { value: caches, failure } = await from.caches.read(context.signal);
    const retained = [...retentionOf(caches)].map(([cache, days]) =>
      sample(retention, days * secondsPerDay, { cache }),
    );
    const toSamples = (all: readonly CacheSnapshot[]) => snapshotSamples(caches, all);
    const samples = await withSamplesOf(retained, from.snapshots, context, toSamples);
    if (failure !== undefined) throw new CollectedInPart(samples, failure);
    return samples;
  },
};

/** Days, of everything that can have snapshots. */
function retentionOf({ groups, clusters, serverless }: Caches): Map<string, number> {
  const alone = [...clusters].filter(([, one]) => isAlone(one) && one.Engine !== 'memcached');
  return new Map([...groups, ...alone, ...serverless].map(([name, one]) => [name, one.SnapshotRetentionLimit ?? 0]));
}

function snapshotSamples(caches: Caches, all: readonly CacheSnapshot[]): Sample[] {
  const byCache = Map.groupBy(all, ({ cache }) => cache);
  return [...retentionOf(caches).keys()].flatMap((cache) => {
    const byType = Map.groupBy(byCache.get(cache) ?? [], ({ type }) => type);
    // That there is none is told of the usual types, so that an alert has something to look at.
    return [...new Set(['automated', 'manual', ...byType.keys()])].flatMap((type) =>
      samplesOfType({ cache, type }, byType.get(type) ?? []),
    );
  });
}

function samplesOfType(of: { readonly cache: string; readonly type: string }, all: readonly CacheSnapshot[]): Sample[] {
  const byStatus = Map.groupBy(all, ({ status }) => status);
  const counts = [...new Set(['available', ...byStatus.keys()])].map((status) =>
    sample(count, byStatus.get(status)?.length ?? 0, { ...of, status }),
  );
  const instants = (byStatus.get('available') ?? []).flatMap(({ atMs }) => atMs ?? []);
  return instants.length === 0 ? counts : [...counts, sample(newest, Math.max(...instants) / 1_000, of)];
}
