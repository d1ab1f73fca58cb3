import type { TableDescription } from '@aws-sdk/client-dynamodb';
import { AwsCalls } from '../../../targets/aws/calls.ts';
import type { AwsAccess } from '../../../targets/aws/settings.ts';
import { DynamodbApi } from '../../../targets/dynamodb/api.ts';
import { DynamodbItems } from '../../../targets/dynamodb/items.ts';
import type { CompareContext } from '../compare-databases.ts';
import type { ComparedState } from '../comparison.ts';
import { ItemTable, type ItemTableOptions } from './item-table.ts';
import { PacedReads } from './paced-reads.ts';

export interface ItemStoreOptions extends Pick<ItemTableOptions, 'target' | 'counts' | 'timeoutMs' | 'onCost'> {
  readonly access: AwsAccess;
  /** Read capacity units that may be taken in all. */
  readonly limitUnits: number;
}

/** The tables of DynamoDB in one account and region. */
export class ItemStore implements Disposable {
  readonly target: string;
  readonly reads: PacedReads;
  readonly #options: ItemStoreOptions;
  readonly #context: CompareContext;
  readonly #api: DynamodbApi;
  readonly #items: DynamodbItems;
  readonly #openedAt: Date;
  #region: string;

  constructor(options: ItemStoreOptions, context: CompareContext) {
    const calls = new AwsCalls();
    this.target = options.target;
    this.#options = options;
    this.#context = context;
    this.#api = new DynamodbApi(options.access, calls);
    this.#items = new DynamodbItems(options.access, calls);
    this.reads = new PacedReads(this.#items, { limitUnits: options.limitUnits, clock: context.clock });
    this.#openedAt = context.clock.now();
    this.#region = options.access.region ?? '';
  }

  /** Undefined when there is no such table. Rejects with an AwsFailure. */
  async describe(name: string): Promise<TableDescription | undefined> {
    const described = await this.#api.table(name, this.#context.signal);
    const [, , , region] = described?.TableArn?.split(':') ?? [];
    this.#region ||= region ?? '';
    return described;
  }

  tableNames(): Promise<readonly string[]> {
    return this.#api.tableNames(this.#context.signal);
  }

  table(description: TableDescription, values: ItemTableOptions['values']): ItemTable {
    const { reads, target } = this;
    return new ItemTable({ ...this.#options, description, values, reads, target }, this.#context);
  }

  get state(): ComparedState {
    const { target } = this;
    const snapshotAt = this.#openedAt.toISOString();
    return { target, engine: 'dynamodb', database: this.#region, version: 'DynamoDB', snapshotAt };
  }

  /** What the reader should know. */
  get notes(): readonly string[] {
    return [
      `${this.target}: DynamoDB has no snapshots, so what was written during the comparison may show as a difference`,
      `${this.target}: ${this.reads.usedUnits} read units were used`,
    ];
  }

  [Symbol.dispose](): void {
    this.#api[Symbol.dispose]();
    this.#items[Symbol.dispose]();
  }
}
