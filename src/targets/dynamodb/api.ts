import type {
  BackupSummary,
  ContinuousBackupsDescription,
  DescribeLimitsOutput,
  DynamoDBClient,
  TableDescription,
  TimeToLiveDescription,
} from '@aws-sdk/client-dynamodb';
import type { AwsCalls } from '../aws/calls.ts';
import { asked, clientOptions, LateClient, unlessMissing } from '../aws/client.ts';
import type { AwsAccess } from '../aws/settings.ts';

type Sdk = typeof import('@aws-sdk/client-dynamodb');

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
  async tableNames(signal: AbortSignal): Promise<string[]> {
    const { sdk, client } = await this.#client.get();
    const names: string[] = [];
    let after: string | undefined;
    do {
      const command = new sdk.ListTablesCommand(after === undefined ? {} : { ExclusiveStartTableName: after });
      const page = await asked('dynamodb:ListTables', signal, () => client.send(command, { abortSignal: signal }));
      names.push(...(page.TableNames ?? []));
      after = page.LastEvaluatedTableName;
    } while (after !== undefined);
    return names;
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
  async backups(signal: AbortSignal): Promise<BackupSummary[]> {
    const { sdk, client } = await this.#client.get();
    const found: BackupSummary[] = [];
    let after: string | undefined;
    do {
      const command = new sdk.ListBackupsCommand({
        BackupType: 'ALL',
        ...(after === undefined ? {} : { ExclusiveStartBackupArn: after }),
      });
      const page = await asked('dynamodb:ListBackups', signal, () => client.send(command, { abortSignal: signal }));
      found.push(...(page.BackupSummaries ?? []));
      after = page.LastEvaluatedBackupArn;
    } while (after !== undefined);
    return found;
  }

  async limits(signal: AbortSignal): Promise<DescribeLimitsOutput> {
    const { sdk, client } = await this.#client.get();
    const send = () => client.send(new sdk.DescribeLimitsCommand({}), { abortSignal: signal });
    return asked('dynamodb:DescribeLimits', signal, send);
  }

  async tags(arn: string, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const { sdk, client } = await this.#client.get();
    const tags = new Map<string, string>();
    let after: string | undefined;
    do {
      const command = new sdk.ListTagsOfResourceCommand({
        ResourceArn: arn,
        ...(after === undefined ? {} : { NextToken: after }),
      });
      const send = () => client.send(command, { abortSignal: signal });
      const page = await asked('dynamodb:ListTagsOfResource', signal, send);
      for (const { Key, Value } of page.Tags ?? []) tags.set(Key ?? '', Value ?? '');
      after = page.NextToken;
    } while (after !== undefined);
    return tags;
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}
