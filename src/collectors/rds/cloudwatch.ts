import { events, group, level } from '../cloudwatch/declare-metrics.ts';
import type { CloudwatchMetric, CloudwatchService } from '../cloudwatch/service.ts';

const instance = ['DBInstanceIdentifier'];
const everyMinute = { periodSeconds: 60 } as const;
const averageAndMaximum: CloudwatchMetric['statistics'] = ['Average', 'Maximum'];
const averageAndMinimum: CloudwatchMetric['statistics'] = ['Average', 'Minimum'];
const highest = { of: ['instance'], statistics: averageAndMaximum, ...everyMinute };
const lowest = { of: ['instance'], statistics: averageAndMinimum, ...everyMinute };

const load = [
  level('CPUUtilization', 'Percent of the processors that are used', { ...highest, unit: 'percent' }),
  level('DatabaseConnections', 'Client connections', { ...highest, unit: 'connections' }),
  level('FreeableMemory', 'Bytes of memory that are free or could be freed', { ...lowest, unit: 'bytes' }),
  level('SwapUsage', 'Bytes of memory that are swapped out', { ...highest, unit: 'bytes' }),
];

const freeStorage = [
  level('FreeStorageSpace', 'Bytes of the volume that are free; not for Aurora, whose volume grows by itself', {
    ...lowest,
    of: ['volume'],
    unit: 'bytes',
  }),
  level('FreeLocalStorage', 'Bytes that are free for temporary files and logs of an Aurora instance', {
    ...lowest,
    of: ['aurora'],
    unit: 'bytes',
  }),
];

const input = [
  level('ReadLatency', 'Seconds of a read from the volume', { ...highest, unit: 'seconds' }),
  level('WriteLatency', 'Seconds of a write to the volume', { ...highest, unit: 'seconds' }),
  level('DiskQueueDepth', 'Reads and writes that wait for the volume', { ...highest, unit: 'requests' }),
  level('ReadIOPS', 'Reads from the volume each second', { ...highest, unit: 'reads per second' }),
  level('WriteIOPS', 'Writes to the volume each second', { ...highest, unit: 'writes per second' }),
  level('ReadThroughput', 'Bytes read from the volume each second', { ...highest, unit: 'bytes per second' }),
  level('WriteThroughput', 'Bytes written to the volume each second', { ...highest, unit: 'bytes per second' }),
];

const balance = { unit: 'percent', statistics: averageAndMinimum };
const credits = [
  level('BurstBalance', 'Percent of the credits for bursts that a gp2 volume has left; at 0 it is slow', {
    ...balance,
    of: ['gp2'],
  }),
  level('EBSIOBalance%', 'Percent of the credits for I/O operations that the machine has left', {
    ...balance,
    of: ['volume'],
  }),
  level('EBSByteBalance%', 'Percent of the credits for throughput that the machine has left', {
    ...balance,
    of: ['volume'],
  }),
  level('CPUCreditBalance', 'Processor credits that a burstable instance has left', {
    of: ['burstable'],
    unit: 'credits',
    statistics: averageAndMinimum,
  }),
];

const replicaLag = [
  level(
    'ReplicaLag',
    'Seconds that a read replica is behind. PostgreSQL: since the last change arrived, so it grows to five minutes when nothing is written; MySQL and MariaDB: -1 when replication has stopped, see rds_replica_lag_seconds',
    { ...highest, of: ['replica'], statistics: ['Average', 'Maximum', 'Minimum'], unit: 'seconds' },
  ),
  level('AuroraReplicaLag', 'Milliseconds that a reader of Aurora is behind its writer', {
    ...highest,
    of: ['reader'],
    unit: 'milliseconds',
  }),
];

const aurora = [
  level('VolumeBytesUsed', 'Bytes that the volume of an Aurora cluster holds', {
    of: ['cluster'],
    unit: 'bytes',
    statistics: ['Average'],
  }),
  level('AuroraVolumeBytesLeftTotal', 'Bytes by which the volume of an Aurora cluster can still grow', {
    of: ['cluster'],
    unit: 'bytes',
    statistics: averageAndMinimum,
  }),
  level('BufferCacheHitRatio', 'Percent of reads that Aurora answers from memory', {
    ...lowest,
    of: ['aurora'],
    unit: 'percent',
  }),
  level('CommitLatency', 'Milliseconds of a commit in Aurora', { ...highest, of: ['aurora'], unit: 'milliseconds' }),
  level('ServerlessDatabaseCapacity', 'Capacity units that an instance of Aurora Serverless v2 has', {
    ...highest,
    of: ['serverless'],
    unit: 'capacity units',
  }),
  level('ACUUtilization', 'Percent of the most capacity units that an instance of Aurora Serverless v2 may have', {
    ...highest,
    of: ['serverless'],
    unit: 'percent',
  }),
];

const postgres = [
  level('MaximumUsedTransactionIDs', 'Transaction ids that are used up; near 2.1 thousand million PostgreSQL stops', {
    of: ['postgres'],
    unit: 'transactions',
    statistics: ['Maximum'],
  }),
  level('TransactionLogsDiskUsage', 'Bytes of WAL on the volume', {
    of: ['postgres_volume'],
    unit: 'bytes',
    statistics: averageAndMaximum,
  }),
  level('TransactionLogsGeneration', 'Bytes of WAL that are written each second', {
    of: ['postgres_volume'],
    unit: 'bytes per second',
    statistics: averageAndMaximum,
  }),
  level('ReplicationSlotDiskUsage', 'Bytes of WAL that replication slots hold back', {
    of: ['postgres_volume'],
    unit: 'bytes',
    statistics: averageAndMaximum,
  }),
  level('OldestReplicationSlotLag', 'Bytes of WAL that the slot furthest behind has not received', {
    of: ['postgres_volume'],
    unit: 'bytes',
    statistics: averageAndMaximum,
  }),
];

const network = [
  level('NetworkReceiveThroughput', 'Bytes that arrive each second', { ...highest, unit: 'bytes per second' }),
  level('NetworkTransmitThroughput', 'Bytes that leave each second', { ...highest, unit: 'bytes per second' }),
];

const sessions = [
  level('DBLoad', 'Sessions that are active on average (Performance Insights)', {
    ...highest,
    of: ['insights'],
    unit: 'sessions',
  }),
  level('DBLoadCPU', 'Of these, those that use a processor', { ...highest, of: ['insights'], unit: 'sessions' }),
  level('DBLoadNonCPU', 'Of these, those that wait for something else', {
    ...highest,
    of: ['insights'],
    unit: 'sessions',
  }),
];

const backupStorage = [
  level('BackupRetentionPeriodStorageUsed', 'Bytes of automated backups of an Aurora cluster', {
    of: ['cluster'],
    unit: 'bytes',
    statistics: ['Average'],
  }),
  level('SnapshotStorageUsed', 'Bytes of snapshots of an Aurora cluster beyond its retention', {
    of: ['cluster'],
    unit: 'bytes',
    statistics: ['Average'],
  }),
  level('TotalBackupStorageBilled', 'Bytes of backups of an Aurora cluster that are billed', {
    of: ['cluster'],
    unit: 'bytes',
    statistics: ['Average'],
  }),
];

const agentJobs = [
  events('FailedSQLServerAgentJobsCount', 'Jobs of the SQL Server Agent that failed', {
    of: ['sqlserver'],
    unit: 'jobs',
  }),
];

/** What is read of RDS, the most important first. An instance is a subject of every kind that it is. */
export const rdsService: CloudwatchService = {
  namespace: 'AWS/RDS',
  prefix: 'aws_rds',
  kinds: {
    instance,
    /** With a volume of its own. */
    volume: instance,
    gp2: instance,
    burstable: instance,
    replica: instance,
    postgres: instance,
    postgres_volume: instance,
    sqlserver: instance,
    insights: instance,
    aurora: instance,
    reader: instance,
    serverless: instance,
    /** Of Aurora. */
    cluster: ['DBClusterIdentifier'],
  },
  groups: [
    group('load', 'Processor, connections and memory of instances.', load),
    group('free_space', 'Free bytes of the volumes.', freeStorage),
    group('input_output', 'Latency, operations, throughput and queue of the volumes.', input),
    group('replica_lag', 'How far read replicas are behind.', replicaLag),
    group('credits', 'Credits of volumes and burstable instances: when they are used up, all is slow.', credits),
    group('aurora', 'Volumes, cache, commits and serverless capacity of Aurora.', aurora),
    group('sql_server', 'Failed jobs of the SQL Server Agent.', agentJobs),
    group(
      'wal',
      'Transaction ids and WAL of PostgreSQL, as CloudWatch has them; a target of the engine postgres tells more, free of charge.',
      postgres,
      false,
    ),
    group('db_load', 'Active sessions, of instances with Performance Insights.', sessions, false),
    group('network', 'Bytes over the network.', network, false),
    group('backup_storage', 'Bytes of backups of Aurora.', backupStorage, false),
  ],
};
