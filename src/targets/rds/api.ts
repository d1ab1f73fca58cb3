import type {
  DBCluster,
  DBClusterSnapshot,
  DBInstance,
  DBInstanceAutomatedBackup,
  DBSnapshot,
  RDSClient,
  ResourcePendingMaintenanceActions,
} from '@aws-sdk/client-rds';
import type { AwsCalls } from '../aws/calls.ts';
import { allPages, asked, clientOptions, LateClient } from '../aws/client.ts';
import type { AwsAccess } from '../aws/settings.ts';

type Sdk = typeof import('@aws-sdk/client-rds');

/** Most that RDS gives at once. */
const MaxRecords = 100;
/** Fewest that RDS accepts as a size of a page. */
const leastRecords = 20;

/** What is asked of RDS's control plane, all of it free of charge. Every call rejects with an AwsFailure. */
export class RdsApi implements Disposable {
  readonly #client: LateClient<{ readonly sdk: Sdk; readonly client: RDSClient }>;

  constructor(access: AwsAccess, calls: AwsCalls) {
    this.#client = new LateClient(async () => {
      const sdk = await import('@aws-sdk/client-rds');
      const client = new sdk.RDSClient(clientOptions(access));
      calls.watch(client, 'rds');
      return { sdk, client };
    });
  }

  /** One small request: whether the credentials and the region are right and the service answers. */
  async prove(signal: AbortSignal): Promise<void> {
    const { sdk, client } = await this.#client.get();
    const command = new sdk.DescribeDBInstancesCommand({ MaxRecords: leastRecords });
    await asked('rds:DescribeDBInstances', signal, () => client.send(command, { abortSignal: signal }));
  }

  async instances(signal: AbortSignal): Promise<readonly DBInstance[]> {
    const { sdk, client } = await this.#client.get();
    return allPages('rds:DescribeDBInstances', async (Marker) => {
      const command = new sdk.DescribeDBInstancesCommand({ MaxRecords, Marker });
      const send = () => client.send(command, { abortSignal: signal });
      const page = await asked('rds:DescribeDBInstances', signal, send);
      return { items: page.DBInstances, after: page.Marker };
    });
  }

  /** Aurora and Multi-AZ clusters; Neptune and DocumentDB list theirs here too. */
  async clusters(signal: AbortSignal): Promise<readonly DBCluster[]> {
    const { sdk, client } = await this.#client.get();
    return allPages('rds:DescribeDBClusters', async (Marker) => {
      const command = new sdk.DescribeDBClustersCommand({ MaxRecords, Marker });
      const page = await asked('rds:DescribeDBClusters', signal, () => client.send(command, { abortSignal: signal }));
      return { items: page.DBClusters, after: page.Marker };
    });
  }

  /** The window to which each instance can be restored; those of deleted instances are there too. */
  async automatedBackups(signal: AbortSignal): Promise<readonly DBInstanceAutomatedBackup[]> {
    const { sdk, client } = await this.#client.get();
    return allPages('rds:DescribeDBInstanceAutomatedBackups', async (Marker) => {
      const command = new sdk.DescribeDBInstanceAutomatedBackupsCommand({ MaxRecords, Marker });
      const send = () => client.send(command, { abortSignal: signal });
      const page = await asked('rds:DescribeDBInstanceAutomatedBackups', signal, send);
      return { items: page.DBInstanceAutomatedBackups, after: page.Marker };
    });
  }

  /** Automated ones, manual ones and those of AWS Backup; of clusters see {@link clusterSnapshots}. */
  async snapshots(signal: AbortSignal): Promise<readonly DBSnapshot[]> {
    const { sdk, client } = await this.#client.get();
    return allPages('rds:DescribeDBSnapshots', async (Marker) => {
      const command = new sdk.DescribeDBSnapshotsCommand({ MaxRecords, Marker });
      const page = await asked('rds:DescribeDBSnapshots', signal, () => client.send(command, { abortSignal: signal }));
      return { items: page.DBSnapshots, after: page.Marker };
    });
  }

  async clusterSnapshots(signal: AbortSignal): Promise<readonly DBClusterSnapshot[]> {
    const { sdk, client } = await this.#client.get();
    return allPages('rds:DescribeDBClusterSnapshots', async (Marker) => {
      const command = new sdk.DescribeDBClusterSnapshotsCommand({ MaxRecords, Marker });
      const send = () => client.send(command, { abortSignal: signal });
      const page = await asked('rds:DescribeDBClusterSnapshots', signal, send);
      return { items: page.DBClusterSnapshots, after: page.Marker };
    });
  }

  async pendingMaintenance(signal: AbortSignal): Promise<readonly ResourcePendingMaintenanceActions[]> {
    const { sdk, client } = await this.#client.get();
    return allPages('rds:DescribePendingMaintenanceActions', async (Marker) => {
      const command = new sdk.DescribePendingMaintenanceActionsCommand({ MaxRecords, Marker });
      const send = () => client.send(command, { abortSignal: signal });
      const page = await asked('rds:DescribePendingMaintenanceActions', signal, send);
      return { items: page.PendingMaintenanceActions, after: page.Marker };
    });
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}
