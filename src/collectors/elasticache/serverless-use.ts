import { metric, sample } from '../../core/metric.ts';
import { samplesOfCloudwatch } from '../cloudwatch/family.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import { limitsOf } from './serverless.ts';
import type { ElasticacheCollector } from './source.ts';
import { serverlessSubject } from './subjects.ts';

const storage = metric({
  name: 'elasticache_serverless_storage_used_ratio',
  type: 'gauge',
  help: 'Most bytes of data in the newest period, of those that the serverless cache may hold. Absent where no limit is set.',
  labels: ['cache'],
  source: 'CloudWatch AWS/ElastiCache, Maximum of BytesUsedForCache divided by CacheUsageLimits.DataStorage.Maximum',
  unit: 'ratio',
});

const processing = metric({
  name: 'elasticache_serverless_processing_used_ratio',
  type: 'gauge',
  help: 'Processing units (ECPU) for each second of the newest period on average, of those that the serverless cache may use. Absent where no limit is set.',
  labels: ['cache'],
  source:
    'CloudWatch AWS/ElastiCache, Sum of ElastiCacheProcessingUnits divided by the seconds of the period and CacheUsageLimits.ECPUPerSecond.Maximum',
  unit: 'ratio',
});

export const serverlessUse: ElasticacheCollector = {
  name: 'serverless_use',
  about: 'What serverless caches use of their limits. Needs the families memory and processing.',
  scope: 'server',
  metrics: [storage, processing],
  enabledByDefault: true,
  collect: (source, context) =>
    samplesOfCloudwatch(source, context, async (memory, nowMs) => {
      const periodSeconds = source.settings.cloudwatch.period / 1_000;
      return await samplesOf(source.caches, context, (caches) =>
        [...caches.serverless].flatMap(([cache, one]) => {
          const subject = serverlessSubject(cache, one);
          const { storageBytes = 0, unitsPerSecond = 0 } = limitsOf(one);
          const bytes = memory.value('BytesUsedForCache', subject, 'Maximum', nowMs);
          const units = memory.value('ElastiCacheProcessingUnits', subject, 'Sum', nowMs);
          return [
            ...(bytes === undefined || storageBytes === 0 ? [] : [sample(storage, bytes / storageBytes, { cache })]),
            ...(units === undefined || unitsPerSecond === 0
              ? []
              : [sample(processing, units / periodSeconds / unitsPerSecond, { cache })]),
          ];
        }),
      );
    }),
};
