import { metric, sample } from '../../core/metric.ts';
import { samplesOfCloudwatch } from '../cloudwatch/family.ts';
import type { RdsCollector } from './source.ts';
import { allocatedBytesOf } from './storage.ts';

const ratio = metric({
  name: 'rds_free_storage_ratio',
  type: 'gauge',
  help: 'Least free bytes of the volume in the newest period for each byte that is allocated. Absent for Aurora.',
  labels: ['dbidentifier'],
  source: 'CloudWatch AWS/RDS, Minimum of FreeStorageSpace divided by AllocatedStorage',
  unit: 'ratio',
});

export const freeStorage: RdsCollector = {
  name: 'free_storage',
  about: 'Free part of each volume. Needs the family free_space.',
  scope: 'server',
  metrics: [ratio],
  enabledByDefault: true,
  collect: (source, context) =>
    samplesOfCloudwatch(source, context, async (memory, nowMs) => {
      const { value: databases } = await source.databases.read(context.signal);
      return [...databases.instances].flatMap(([dbidentifier, one]) => {
        const subject = { kind: 'volume', name: one.DBInstanceArn ?? '', values: [dbidentifier] };
        const free = memory.value('FreeStorageSpace', subject, 'Minimum', nowMs);
        const allocated = allocatedBytesOf(one);
        return free === undefined || allocated === undefined ? [] : [sample(ratio, free / allocated, { dbidentifier })];
      });
    }),
};
