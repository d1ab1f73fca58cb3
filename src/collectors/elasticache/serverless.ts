import type { ServerlessCache } from '@aws-sdk/client-elasticache';
import { type Metric, metric, type Sample, sample } from '../../core/metric.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import type { ElasticacheCollector } from './source.ts';

const labels = ['cache'] as const;
const source = 'DescribeServerlessCaches';
/** AWS tells the limit in GB. */
const gigabyte = 1e9;

const gauge = (name: string, help: string, of: string, unit: string): Metric<'cache'> =>
  metric({ name, type: 'gauge', help, labels, source: `${source}, ${of}`, unit });

const available = gauge(
  'elasticache_serverless_available',
  'Whether the serverless cache is available, or being modified, in which it serves.',
  'Status',
  'boolean',
);
const authentication = gauge(
  'elasticache_serverless_authentication',
  'Whether clients need a user; Memcached has none.',
  'UserGroupId',
  'boolean',
);
const storageLimit = gauge(
  'elasticache_serverless_storage_limit_bytes',
  'Most bytes of data that the cache may hold, of GB of 10^9 bytes; beyond it keys are evicted or writes refused. Absent where no limit is set.',
  'CacheUsageLimits.DataStorage.Maximum',
  'bytes',
);
const processingLimit = gauge(
  'elasticache_serverless_processing_limit_units_per_second',
  'Most processing units (ECPU) that the cache may use each second; beyond it commands are throttled. Absent where no limit is set.',
  'CacheUsageLimits.ECPUPerSecond.Maximum',
  'units per second',
);

const info = metric({
  name: 'elasticache_serverless_info',
  type: 'gauge',
  help: 'Always 1; what the serverless cache is.',
  labels: [...labels, 'arn', 'engine', 'engine_version', 'status'],
  source,
  unit: 'info',
});

const serving = new Set(['available', 'modifying']);

export const serverless: ElasticacheCollector = {
  name: 'serverless',
  about: 'State and limits of each serverless cache.',
  scope: 'server',
  metrics: [available, authentication, storageLimit, processingLimit, info],
  enabledByDefault: true,
  collect: (from, context) =>
    samplesOf(from.caches, context, (found) => [...found.serverless].flatMap(([name, one]) => samplesOfOne(name, one))),
};

function samplesOfOne(cache: string, one: ServerlessCache): Sample[] {
  const { storageBytes, unitsPerSecond } = limitsOf(one);
  return [
    sample(available, serving.has(one.Status?.toLowerCase() ?? '') ? 1 : 0, { cache }),
    sample(authentication, (one.UserGroupId ?? '') === '' ? 0 : 1, { cache }),
    ...(storageBytes === undefined ? [] : [sample(storageLimit, storageBytes, { cache })]),
    ...(unitsPerSecond === undefined ? [] : [sample(processingLimit, unitsPerSecond, { cache })]),
    sample(info, 1, {
      cache,
      arn: one.ARN ?? '',
      engine: one.Engine ?? '',
      engine_version: one.FullEngineVersion ?? one.MajorEngineVersion ?? '',
      status: one.Status ?? '',
    }),
  ];
}

/** What the cache may use at the most; undefined where nothing is set. */
export function limitsOf({ CacheUsageLimits }: ServerlessCache): {
  readonly storageBytes: number | undefined;
  readonly unitsPerSecond: number | undefined;
} {
  const storage = CacheUsageLimits?.DataStorage?.Maximum;
  return {
    storageBytes: storage === undefined ? undefined : storage * gigabyte,
    unitsPerSecond: CacheUsageLimits?.ECPUPerSecond?.Maximum,
  };
}
