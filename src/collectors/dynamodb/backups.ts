import type { BackupSummary } from '@aws-sdk/client-dynamodb';
import { metric, type Sample, sample } from '../../core/metric.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import { CollectedInPart } from '../collector.ts';
import type { DynamodbCollector } from './source.ts';

const labels = ['table', 'type'] as const;
const types = ['USER', 'SYSTEM', 'AWS_BACKUP'] as const;

const count = metric({
  name: 'dynamodb_backups',
  type: 'gauge',
  help: 'On-demand backups by type (USER; SYSTEM is made when a table with point-in-time recovery is deleted) and state (AVAILABLE, CREATING, DELETED). What AWS Backup keeps in its vaults is not among them.',
  labels: [...labels, 'status'],
  source: 'ListBackups',
  unit: 'backups',
});

const newest = metric({
  name: 'dynamodb_backup_newest_timestamp_seconds',
  type: 'gauge',
  help: 'When the newest backup that is AVAILABLE was begun, in seconds since 1970; absent where there is none.',
  labels,
  source: 'ListBackups, BackupCreationDateTime',
  unit: 'seconds',
});

const newestSize = metric({
  name: 'dynamodb_backup_newest_size_bytes',
  type: 'gauge',
  help: 'Bytes of that backup.',
  labels,
  source: 'ListBackups, BackupSizeBytes',
  unit: 'bytes',
});

const oldest = metric({
  name: 'dynamodb_backup_oldest_timestamp_seconds',
  type: 'gauge',
  help: 'When the oldest backup that is AVAILABLE was begun, in seconds since 1970.',
  labels,
  source: 'ListBackups, BackupCreationDateTime',
  unit: 'seconds',
});

export const backups: DynamodbCollector = {
  name: 'backups',
  about: 'On-demand backups of each table: how many, in which state, how old.',
  scope: 'server',
  metrics: [count, newest, newestSize, oldest],
  enabledByDefault: true,
  async collect(source, context) {
    const { value, failure } = await source.tables.read(context.signal);
    const watched = [...value.described.keys(), ...value.missing];
    const samples = await samplesOf(source.backups, context, (found) =>
      watched.flatMap((table) => backupSamples(table, found)),
    );
    if (failure !== undefined) throw new CollectedInPart(samples, failure);
    return samples;
  },
};

function backupSamples(table: string, all: readonly BackupSummary[]): Sample[] {
  const own = all.filter(({ TableName }) => TableName === table);
  return types.flatMap((type) => {
    const ofType = own.filter(({ BackupType }) => BackupType === type);
    // That there is none is told of the usual type, so that an alert has something to look at.
    if (ofType.length === 0) return type === 'USER' ? [sample(count, 0, { table, type, status: 'AVAILABLE' })] : [];
    const states = new Set(['AVAILABLE', ...ofType.map(({ BackupStatus = '' }) => BackupStatus)]);
    const counts = [...states].map((status) =>
      sample(count, ofType.filter(({ BackupStatus }) => BackupStatus === status).length, { table, type, status }),
    );
    return [...counts, ...ageSamples({ table, type }, ofType)];
  });
}

function ageSamples(of: { readonly table: string; readonly type: string }, all: readonly BackupSummary[]): Sample[] {
  const available = all
    .filter(({ BackupStatus }) => BackupStatus === 'AVAILABLE')
    .sort((a, b) => secondsOf(a) - secondsOf(b));
  const [first] = available;
  const last = available.at(-1);
  if (first === undefined || last === undefined) return [];
  return [
    sample(newest, secondsOf(last), of),
    sample(oldest, secondsOf(first), of),
    ...(last.BackupSizeBytes === undefined ? [] : [sample(newestSize, last.BackupSizeBytes, of)]),
  ];
}

function secondsOf({ BackupCreationDateTime }: BackupSummary): number {
  return (BackupCreationDateTime?.getTime() ?? 0) / 1_000;
}
