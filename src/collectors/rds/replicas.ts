import { metric, type Sample, sample } from '../../core/metric.ts';
import { samplesOfCloudwatch } from '../cloudwatch/family.ts';
import type { CloudwatchMemory } from '../cloudwatch/memory.ts';
import type { Subject } from '../cloudwatch/service.ts';
import type { RdsCollector } from './source.ts';
import { subjectsOf } from './subjects.ts';

const labels = ['dbidentifier'] as const;

const lag = metric({
  name: 'rds_replica_lag_seconds',
  type: 'gauge',
  help: 'Most seconds that a read replica, or a reader of Aurora, was behind in the newest period; absent while replication has stopped. Of PostgreSQL it grows to five minutes when nothing is written.',
  labels,
  source: 'CloudWatch AWS/RDS, Maximum of ReplicaLag or AuroraReplicaLag',
  unit: 'seconds',
});

const running = metric({
  name: 'rds_replication_running',
  type: 'gauge',
  help: 'Whether a read replica replicates: 0 when the lag that RDS tells was -1 in the newest period (MySQL and MariaDB). Of PostgreSQL look at the lag.',
  labels,
  source: 'CloudWatch AWS/RDS, Minimum of ReplicaLag',
  unit: 'boolean',
});

export const replicas: RdsCollector = {
  name: 'replicas',
  about: 'How far read replicas and readers of Aurora are behind, in seconds. Needs the family replica_lag.',
  scope: 'server',
  metrics: [lag, running],
  enabledByDefault: true,
  collect: (source, context) =>
    samplesOfCloudwatch(source, context, async (memory, nowMs) => {
      const { value: databases } = await source.databases.read(context.signal);
      return subjectsOf(databases).flatMap((subject) => lagOf(subject, memory, nowMs));
    }),
};

function lagOf(subject: Subject, memory: CloudwatchMemory, nowMs: number): Sample[] {
  const [dbidentifier = ''] = subject.values;
  if (subject.kind === 'reader') {
    const milliseconds = memory.value('AuroraReplicaLag', subject, 'Maximum', nowMs);
    return milliseconds === undefined ? [] : [sample(lag, milliseconds / 1_000, { dbidentifier })];
  }
  if (subject.kind !== 'replica') return [];
  const most = memory.value('ReplicaLag', subject, 'Maximum', nowMs);
  const least = memory.value('ReplicaLag', subject, 'Minimum', nowMs);
  return [
    ...(least === undefined ? [] : [sample(running, least < 0 ? 0 : 1, { dbidentifier })]),
    ...(most === undefined || most < 0 ? [] : [sample(lag, most, { dbidentifier })]),
  ];
}
