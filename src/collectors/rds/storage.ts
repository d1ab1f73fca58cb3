import type { DBInstance } from '@aws-sdk/client-rds';
import { metric, type Sample, sample } from '../../core/metric.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import type { RdsCollector } from './source.ts';
import { isAurora } from './subjects.ts';

const labels = ['dbidentifier'] as const;
const source = 'DescribeDBInstances';
/** RDS tells sizes in GiB. */
const gibibyte = 1024 ** 3;
const mebibyte = 1024 ** 2;

const allocated = metric({
  name: 'rds_allocated_storage_bytes',
  type: 'gauge',
  help: 'Bytes of the volume of an instance; absent for Aurora, whose volume grows by itself.',
  labels,
  source: `${source}, AllocatedStorage`,
  unit: 'bytes',
});

const maximum = metric({
  name: 'rds_max_allocated_storage_bytes',
  type: 'gauge',
  help: 'Bytes to which the volume may grow by itself; absent where it does not.',
  labels,
  source: `${source}, MaxAllocatedStorage`,
  unit: 'bytes',
});

const iops = metric({
  name: 'rds_provisioned_iops',
  type: 'gauge',
  help: 'I/O operations each second that the volume is provisioned for; absent where that is not chosen.',
  labels,
  source: `${source}, Iops`,
  unit: 'operations per second',
});

const throughput = metric({
  name: 'rds_provisioned_throughput_bytes_per_second',
  type: 'gauge',
  help: 'Bytes each second that the volume is provisioned for; absent where that is not chosen.',
  labels,
  source: `${source}, StorageThroughput`,
  unit: 'bytes per second',
});

export const storage: RdsCollector = {
  name: 'storage',
  about: 'Size of the volumes and what they are provisioned for.',
  scope: 'server',
  metrics: [allocated, maximum, iops, throughput],
  enabledByDefault: true,
  collect: (from, context) =>
    samplesOf(from.databases, context, (found) =>
      [...found.instances].flatMap(([dbidentifier, one]) => storageSamples(dbidentifier, one)),
    ),
};

function storageSamples(dbidentifier: string, one: DBInstance): Sample[] {
  const sizes = [
    [allocated, allocatedBytesOf(one)],
    [maximum, one.MaxAllocatedStorage === undefined ? undefined : one.MaxAllocatedStorage * gibibyte],
    [iops, one.Iops],
    [throughput, one.StorageThroughput === undefined ? undefined : one.StorageThroughput * mebibyte],
  ] as const;
  return sizes.flatMap(([of, value]) => (value === undefined ? [] : [sample(of, value, { dbidentifier })]));
}

/** Undefined for Aurora, of which RDS says 1. */
export function allocatedBytesOf({ AllocatedStorage, Engine }: DBInstance): number | undefined {
  return AllocatedStorage === undefined || isAurora(Engine) ? undefined : AllocatedStorage * gibibyte;
}
