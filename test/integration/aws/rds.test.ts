import {
  CreateDBClusterCommand,
  CreateDBInstanceCommand,
  type CreateDBInstanceCommandInput,
  CreateDBInstanceReadReplicaCommand,
  CreateDBSnapshotCommand,
  RDSClient,
} from '@aws-sdk/client-rds';
import { expect, test } from 'vitest';
import { awsGolden } from '../../support/aws-golden.ts';
import { motoOptions, watchedRds } from '../../support/moto-aws.ts';
import { valuesOf } from '../../support/scrape.ts';

const arn = (name: string) => `arn:aws:rds:eu-central-1:123456789012:${name}`;

/** A protected instance with a replica and snapshots, a small one without backups, Aurora with a reader, and one that is not chosen. */
async function makeDatabases(endpoint: string): Promise<void> {
  const rds = new RDSClient(motoOptions(endpoint));
  const make = (name: string, others: Partial<CreateDBInstanceCommandInput> = {}) =>
    rds.send(
      new CreateDBInstanceCommand({
        DBInstanceIdentifier: name,
        DBInstanceClass: 'db.m7g.large',
        Engine: 'postgres',
        EngineVersion: '16.4',
        AllocatedStorage: 100,
        MasterUsername: 'root',
        MasterUserPassword: 'not-a-secret',
        ...others,
      }),
    );
  await make('prod-ledger', {
    StorageType: 'gp3',
    MultiAZ: true,
    StorageEncrypted: true,
    DeletionProtection: true,
    BackupRetentionPeriod: 14,
    MaxAllocatedStorage: 500,
    EnableIAMDatabaseAuthentication: true,
  });
  await make('prod-small', { DBInstanceClass: 'db.t4g.micro', StorageType: 'gp2', BackupRetentionPeriod: 0 });
  await make('elsewhere');
  await rds.send(
    new CreateDBInstanceReadReplicaCommand({
      DBInstanceIdentifier: 'prod-ledger-copy',
      SourceDBInstanceIdentifier: 'prod-ledger',
      DBInstanceClass: 'db.m7g.large',
    }),
  );
  await rds.send(
    new CreateDBClusterCommand({
      DBClusterIdentifier: 'prod-aurora',
      Engine: 'aurora-postgresql',
      EngineVersion: '16.4',
      MasterUsername: 'root',
      MasterUserPassword: 'not-a-secret',
      BackupRetentionPeriod: 7,
      StorageEncrypted: true,
    }),
  );
  for (const name of ['aurora-one', 'aurora-two']) {
    await make(name, {
      Engine: 'aurora-postgresql',
      DBClusterIdentifier: 'prod-aurora',
      DBInstanceClass: 'db.serverless',
    });
  }
  await rds.send(
    new CreateDBSnapshotCommand({ DBInstanceIdentifier: 'prod-ledger', DBSnapshotIdentifier: 'before-the-migration' }),
  );
  rds.destroy();
}

/** What moto does not play: restore windows and pending maintenance. */
const lacking: Readonly<Record<string, string>> = {
  DescribeDBInstanceAutomatedBackups: `<DBInstanceAutomatedBackups>
    <DBInstanceAutomatedBackup><DBInstanceIdentifier>prod-ledger</DBInstanceIdentifier>
      <RestoreWindow><EarliestTime>2026-11-07T00:00:00Z</EarliestTime><LatestTime>2026-11-21T00:00:00Z</LatestTime></RestoreWindow>
    </DBInstanceAutomatedBackup>
    <DBInstanceAutomatedBackup><DBInstanceIdentifier>prod-small</DBInstanceIdentifier><DbiResourceId>db-OF-ANOTHER</DbiResourceId>
      <RestoreWindow><EarliestTime>2025-01-01T00:00:00Z</EarliestTime></RestoreWindow>
    </DBInstanceAutomatedBackup></DBInstanceAutomatedBackups>`,
  DescribePendingMaintenanceActions: `<PendingMaintenanceActions>
    <ResourcePendingMaintenanceActions><ResourceIdentifier>${arn('db:prod-ledger')}</ResourceIdentifier>
      <PendingMaintenanceActionDetails><PendingMaintenanceAction><Action>system-update</Action>
        <CurrentApplyDate>2026-12-01T02:00:00Z</CurrentApplyDate></PendingMaintenanceAction></PendingMaintenanceActionDetails>
    </ResourcePendingMaintenanceActions>
    <ResourcePendingMaintenanceActions><ResourceIdentifier>${arn('cluster:prod-aurora')}</ResourceIdentifier>
      <PendingMaintenanceActionDetails><PendingMaintenanceAction><Action>db-upgrade</Action></PendingMaintenanceAction></PendingMaintenanceActionDetails>
    </ResourcePendingMaintenanceActions></PendingMaintenanceActions>`,
};

function inQuery(call: string, result: string): string {
  return `<${call}Response xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><${call}Result>${result}</${call}Result></${call}Response>`;
}

const ledger = { DBInstanceIdentifier: 'prod-ledger' };
const gibibyte = 1024 ** 3;
const measured = [
  { metric: 'CPUUtilization', dimensions: ledger, value: 42, others: { Maximum: 91 } },
  { metric: 'FreeStorageSpace', dimensions: ledger, value: 30 * gibibyte, others: { Minimum: 25 * gibibyte } },
  { metric: 'WriteLatency', dimensions: ledger, value: 0.002 },
  { metric: 'ReplicaLag', dimensions: { DBInstanceIdentifier: 'prod-ledger-copy' }, value: 3, others: { Minimum: -1 } },
  { metric: 'AuroraReplicaLag', dimensions: { DBInstanceIdentifier: 'aurora-two' }, value: 20 },
  { metric: 'CPUCreditBalance', dimensions: { DBInstanceIdentifier: 'prod-small' }, value: 140 },
  { metric: 'VolumeBytesUsed', dimensions: { DBClusterIdentifier: 'prod-aurora' }, value: 7 * gibibyte },
  // Nobody asks for this one: an instance on gp3 has no such balance.
  { metric: 'BurstBalance', dimensions: ledger, value: 1 },
];

const played = awsGolden({
  engine: 'rds',
  make: makeDatabases,
  watched: watchedRds,
  select: { names: ['gone'], prefixes: ['prod-'] },
  measured,
  lacking: ({ call }) => {
    const body = lacking[call];
    return body === undefined ? undefined : { status: 200, body: inQuery(call, body) };
  },
  masked: /creation_timestamp|restorable|_snapshot_(newest|oldest)_timestamp|certificate_expiry/,
  maskedLabels: /(dbi_resource_id)="[^"]+"/g,
});

test('instances come with the cluster that is chosen, and what is called by name and not there is told', async () => {
  const samples = await played.scrape();

  expect(valuesOf(samples, 'rds_database_exists')).toEqual({
    'aurora-one': 1,
    'aurora-two': 1,
    'prod-aurora': 1,
    'prod-ledger': 1,
    'prod-ledger-copy': 1,
    'prod-small': 1,
    gone: 0,
  });
});

test('free storage is the least of the period against what is allocated', async () => {
  const samples = await played.scrape();

  expect(valuesOf(samples, 'rds_free_storage_ratio')).toEqual({ 'prod-ledger': 0.25 });
});

test('replication that stopped is told, and its -1 is no lag; Aurora’s milliseconds are seconds', async () => {
  const samples = await played.scrape();

  expect(valuesOf(samples, 'rds_replication_running')).toEqual({ 'prod-ledger-copy': 0 });
  expect(valuesOf(samples, 'rds_replica_lag_seconds')).toEqual({ 'aurora-two': 0.02, 'prod-ledger-copy': 3 });
});

test('backups that are off are told, and windows of an instance that had the name before are not shown', async () => {
  const samples = await played.scrape();

  expect(valuesOf(samples, 'rds_automated_backups_enabled')).toEqual({
    'prod-aurora cluster': 1,
    'prod-ledger instance': 1,
    'prod-ledger-copy instance': 1,
    'prod-small instance': 0,
  });
  const earliest = valuesOf(samples, 'rds_earliest_restorable_timestamp_seconds');
  expect(earliest['prod-ledger instance']).toBe(Date.parse('2026-11-07T00:00:00Z') / 1_000);
  expect(Object.keys(earliest)).not.toContain('prod-small instance');
});

test('what an instance cannot have is not asked, so it is not paid for', async () => {
  const asked = played.asked().map(({ metric, dimensions }) => `${metric} ${dimensions['DBInstanceIdentifier']}`);

  expect(asked).toContain('BurstBalance prod-small');
  expect(asked).not.toContain('BurstBalance prod-ledger');
  expect(asked).not.toContain('FreeStorageSpace aurora-one');
  expect(asked).not.toContain('AuroraReplicaLag aurora-one');
});
