import { metric, sample } from '../../core/metric.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import type { DynamodbCollector } from './source.ts';

const active = metric({
  name: 'dynamodb_replica_active',
  type: 'gauge',
  help: 'Whether the replica of a global table in another region is ACTIVE.',
  labels: ['table', 'replica_region'],
  source: 'DescribeTable, Replicas',
  unit: 'boolean',
});

const info = metric({
  name: 'dynamodb_replica_info',
  type: 'gauge',
  help: 'Always 1; state of a replica, e.g. INACCESSIBLE_ENCRYPTION_CREDENTIALS or REGION_DISABLED.',
  labels: ['table', 'replica_region', 'status'],
  source: 'DescribeTable, Replicas',
  unit: 'info',
});

export const replicas: DynamodbCollector = {
  name: 'replicas',
  about: 'State of the replicas of global tables.',
  scope: 'server',
  metrics: [active, info],
  enabledByDefault: true,
  collect: (source, context) =>
    samplesOf(source.tables, context, ({ described }) =>
      [...described].flatMap(([table, { Replicas = [] }]) =>
        Replicas.flatMap(({ RegionName: region = '', ReplicaStatus: status = '' }) => [
          sample(active, status === 'ACTIVE' ? 1 : 0, { table, replica_region: region }),
          sample(info, 1, { table, replica_region: region, status }),
        ]),
      ),
    ),
};
