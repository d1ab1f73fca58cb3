import type {
  BackupSummary,
  ContinuousBackupsDescription,
  DescribeLimitsOutput,
  DynamoDBClient,
  TableDescription,
  TimeToLiveDescription,
} from '@aws-sdk/client-dynamodb';
import type { AwsCalls } from '../aws/calls.ts';
import { allPages, asked, clientOptions, LateClient, unlessMissing } from '../aws/client.ts';
import type { AwsAccess } from '../aws/settings.ts';

type Sdk = typeof import('@aws-sdk/client-dynamodb');

/** There may be any number of tables, and of backups: 100 are on a page. */
const unbounded = Number.POSITIVE_INFINITY;

/** What is asked of DynamoDB's control plane, all of it free of charge. Every call rejects with an AwsFailure. */
export class DynamodbApi implements Disposable {
  readonly #client: LateClient<{ readonly sdk: Sdk; readonly client: DynamoDBClient }>;

  constructor(access: AwsAccess, calls: AwsCalls) {
    this.#client = new LateClient(async () => {
      const sdk = await import('@aws-sdk/client-dynamodb');
      const client = new sdk.DynamoDBClient(clientOptions(access));
      calls.watch(client, 'dynamodb');
      return { sdk, client };
    });
  }

  /** One small request: whether the credentials and the region are right and the service answers. */
  async prove(signal: AbortSignal): Promise<void> {
    const { sdk, client } = await this.#client.get();
    await asked('dynamodb:ListTables', signal, () =>
      client.send(new sdk.ListTablesCommand({ Limit: 1 }), { abortSignal: signal }),
    );
  }

  /** Names of all tables of the account in the region. */
  async tableNames(signal: AbortSignal): Promise<readonly string[]> {
    const { sdk, client } = await this.#client.get();
    const ask = async (ExclusiveStartTableName: string | undefined) => {
      const command = new sdk.ListTablesCommand({ ExclusiveStartTableName });
      const page = await asked('dynamodb:ListTables', signal, () => client.send(command, { abortSignal: signal }));
      return { items: page.TableNames, after: page.LastEvaluatedTableName };
    };
    return await allPages('dynamodb:ListTables', ask, unbounded);
  }

  /** Undefined when there is no such table. */
  async table(name: string, signal: AbortSignal): Promise<TableDescription | undefined> {
    const { sdk, client } = await this.#client.get();
    const command = new sdk.DescribeTableCommand({ TableName: name });
    const send = () => client.send(command, { abortSignal: signal });
    return unlessMissing(async () => (await asked('dynamodb:DescribeTable', signal, send)).Table);
  }

  async timeToLive(name: string, signal: AbortSignal): Promise<TimeToLiveDescription | undefined> {
    const { sdk, client } = await this.#client.get();
    const command = new sdk.DescribeTimeToLiveCommand({ TableName: name });
    const send = () => client.send(command, { abortSignal: signal });
    return unlessMissing(async () => (await asked('dynamodb:DescribeTimeToLive', signal, send)).TimeToLiveDescription);
  }

  async continuousBackups(name: string, signal: AbortSignal): Promise<ContinuousBackupsDescription | undefined> {
    const { sdk, client } = await this.#client.get();
    const command = new sdk.DescribeContinuousBackupsCommand({ TableName: name });
    const send = () => client.send(command, { abortSignal: signal });
    return unlessMissing(
      async () => (await asked('dynamodb:DescribeContinuousBackups', signal, send)).ContinuousBackupsDescription,
    );
  }

  /** On-demand and system backups of all tables; those that AWS Backup keeps are not among them. */
  async backups(signal: AbortSignal): Promise<readonly BackupSummary[]> {
    const { sdk, client } = await this.#client.get();
    const ask = async (ExclusiveStartBackupArn: string | undefined) => {
      const command = new sdk.ListBackupsCommand({ BackupType: 'ALL', ExclusiveStartBackupArn });
      const page = await asked('dynamodb:ListBackups', signal, () => client.send(command, { abortSignal: signal }));
      return { items: page.BackupSummaries, after: page.LastEvaluatedBackupArn };
    };
    return await allPages('dynamodb:ListBackups', ask, unbounded);
  }

  async limits(signal: AbortSignal): Promise<DescribeLimitsOutput> {
    const { sdk, client } = await this.#client.get();
    const send = () => client.send(new sdk.DescribeLimitsCommand({}), { abortSignal: signal });
    return asked('dynamodb:DescribeLimits', signal, send);
  }

  async tags(arn: string, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const { sdk, client } = await this.#client.get();
    const tags = await allPages('dynamodb:ListTagsOfResource', async (NextToken) => {
      const command = new sdk.ListTagsOfResourceCommand({ ResourceArn: arn, NextToken });
      const send = () => client.send(command, { abortSignal: signal });
      const page = await asked('dynamodb:ListTagsOfResource', signal, send);
      return { items: page.Tags, after: page.NextToken };
    });
    return new Map(tags.map(({ Key, Value }) => [Key ?? '', Value ?? '']));
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}
