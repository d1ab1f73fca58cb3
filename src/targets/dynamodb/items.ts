import type { AttributeValue, DynamoDBClient, KeysAndAttributes } from '@aws-sdk/client-dynamodb';
import type { AwsCalls } from '../aws/calls.ts';
import { asked, clientOptions, LateClient } from '../aws/client.ts';
import type { AwsAccess } from '../aws/settings.ts';

type Sdk = typeof import('@aws-sdk/client-dynamodb');

/** Attributes by name, as DynamoDB has them. */
export type Item = Readonly<Record<string, AttributeValue>>;

export interface ScanRequest {
  readonly table: string;
  /** Where the page before ended. */
  readonly after?: Item | undefined;
  /** Only how many items there are is wanted; it costs as much as reading them. */
  readonly countOnly?: boolean;
  /** One of `of` parts of the table, which are made by a hash of the partition key. */
  readonly segment?: { readonly index: number; readonly of: number };
  readonly limit?: number;
  /** Only these attributes; absent: all. */
  readonly attributes?: readonly string[] | undefined;
}

export interface ItemPage {
  readonly items: readonly Item[];
  readonly count: number;
  /** Where the next page begins; undefined after the last one. */
  readonly after: Item | undefined;
  /** Read capacity units that it took. */
  readonly units: number;
}

export interface GetRequest {
  readonly table: string;
  /** 100 at most, none twice. */
  readonly keys: readonly Item[];
  readonly attributes?: readonly string[] | undefined;
}

export interface GotItems {
  /** Those that are there, in no order. */
  readonly items: readonly Item[];
  /** Keys that DynamoDB did not get to: to be asked for again. */
  readonly unprocessed: readonly Item[];
  readonly units: number;
}

/**
 * What is read of items, always consistently: what was written before is seen. Every call costs read capacity and rejects
 * with an AwsFailure.
 */
export class DynamodbItems implements Disposable {
  readonly #client: LateClient<{ readonly sdk: Sdk; readonly client: DynamoDBClient }>;

  constructor(access: AwsAccess, calls: AwsCalls) {
    this.#client = new LateClient(async () => {
      const sdk = await import('@aws-sdk/client-dynamodb');
      const client = new sdk.DynamoDBClient(clientOptions(access));
      calls.watch(client, 'dynamodb');
      return { sdk, client };
    });
  }

  /** One page: 1 MiB, or `limit` items. */
  async scan(request: ScanRequest, signal: AbortSignal): Promise<ItemPage> {
    const { sdk, client } = await this.#client.get();
    const { table, after, countOnly = false, segment, limit, attributes } = request;
    const command = new sdk.ScanCommand({
      TableName: table,
      ConsistentRead: true,
      ReturnConsumedCapacity: 'TOTAL',
      ...(countOnly ? { Select: 'COUNT' } : {}),
      ...(after === undefined ? {} : { ExclusiveStartKey: after }),
      ...(segment === undefined ? {} : { Segment: segment.index, TotalSegments: segment.of }),
      ...(limit === undefined ? {} : { Limit: limit }),
      ...projection(attributes),
    });
    const page = await asked('dynamodb:Scan', signal, () => client.send(command, { abortSignal: signal }));
    return {
      items: page.Items ?? [],
      count: page.Count ?? 0,
      after: page.LastEvaluatedKey,
      units: page.ConsumedCapacity?.CapacityUnits ?? 0,
    };
  }

  async get({ table, keys, attributes }: GetRequest, signal: AbortSignal): Promise<GotItems> {
    const { sdk, client } = await this.#client.get();
    const wanted: KeysAndAttributes = { Keys: [...keys], ConsistentRead: true, ...projection(attributes) };
    const command = new sdk.BatchGetItemCommand({
      RequestItems: { [table]: wanted },
      ReturnConsumedCapacity: 'TOTAL',
    });
    const got = await asked('dynamodb:BatchGetItem', signal, () => client.send(command, { abortSignal: signal }));
    const units = (got.ConsumedCapacity ?? []).reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0);
    return {
      items: got.Responses?.[table] ?? [],
      unprocessed: got.UnprocessedKeys?.[table]?.Keys ?? [],
      units,
    };
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}

/** By placeholders: a name may be a reserved word, or have dots. */
function projection(attributes: readonly string[] | undefined) {
  if (attributes === undefined) return {};
  return {
    ProjectionExpression: attributes.map((_, index) => `#a${index}`).join(', '),
    ExpressionAttributeNames: Object.fromEntries(attributes.map((name, index) => [`#a${index}`, name])),
  };
}
