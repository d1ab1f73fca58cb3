import {
  type AttributeValue,
  BatchWriteItemCommand,
  type CreateTableCommandInput,
  DeleteItemCommand,
  DynamoDBClient,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { motoDynamodb, testRegion } from './moto-dynamodb.ts';

export type TestItem = Readonly<Record<string, AttributeValue>>;

/** Tables with items, on whatever answers at the endpoint as DynamoDB does. */
export interface DynamodbTables extends Disposable {
  /** With `id` of type S as its key, unless said otherwise. */
  create(name: string, items: readonly TestItem[], changes?: Partial<CreateTableCommandInput>): Promise<void>;
  put(name: string, item: TestItem): Promise<void>;
  remove(name: string, key: TestItem): Promise<void>;
}

const itemsAtOnce = 25;

export function dynamodbTables(endpoint: string): DynamodbTables {
  const credentials = { accessKeyId: 'testing', secretAccessKey: 'testing' };
  const client = new DynamoDBClient({ region: testRegion, endpoint, credentials });
  const tables = motoDynamodb(endpoint);
  return {
    async create(name, items, changes = {}) {
      await tables.createTable(name, changes);
      for (let from = 0; from < items.length; from += itemsAtOnce) {
        const requests = items.slice(from, from + itemsAtOnce).map((Item) => ({ PutRequest: { Item } }));
        await client.send(new BatchWriteItemCommand({ RequestItems: { [name]: requests } }));
      }
    },
    async put(name, item) {
      await client.send(new PutItemCommand({ TableName: name, Item: item }));
    },
    async remove(name, key) {
      await client.send(new DeleteItemCommand({ TableName: name, Key: key }));
    },
    [Symbol.dispose]() {
      client.destroy();
      tables[Symbol.dispose]();
    },
  };
}

/** A primary key for `create`: `{ id: 'N' }`, or the partition key and the sort key. */
export function primaryKey(parts: Readonly<Record<string, 'S' | 'N' | 'B'>>): Partial<CreateTableCommandInput> {
  const names = Object.keys(parts);
  return {
    AttributeDefinitions: names.map((name) => ({ AttributeName: name, AttributeType: parts[name] ?? 'S' })),
    KeySchema: names.map((name, index) => ({ AttributeName: name, KeyType: index === 0 ? 'HASH' : 'RANGE' })),
  };
}
