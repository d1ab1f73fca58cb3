import { createHash } from 'node:crypto';
import type { TableDescription } from '@aws-sdk/client-dynamodb';
import { DeadlineExceeded, withDeadline } from '../../../core/deadline.ts';
import { errorMessage, findCause } from '../../../core/errors.ts';
import { AwsFailure } from '../../../targets/aws/failure.ts';
import type { Item, ItemPage } from '../../../targets/dynamodb/items.ts';
import type { Attempt } from '../attempt.ts';
import type { CompareContext } from '../compare-databases.ts';
import type { RecordCollection, RecordCount, RecordKey, RecordSample, StoredRecord } from '../records/collection.ts';
import type { Value } from '../records/values.ts';
import { attributeValue, exactText, type KeyType, keyAttribute, keyPart, mostKeyBytes } from './attribute-values.ts';
import { chooseItems, type Segment, segmentLimit } from './choose-items.ts';
import { OutOfReadUnits, type PacedReads } from './paced-reads.ts';

/** A part of the primary key of a table. */
export interface ItemKeyPart {
  readonly name: string;
  readonly type: KeyType;
  readonly mostBytes: number;
}

export interface ItemTableOptions {
  /** The target's, for messages. */
  readonly target: string;
  readonly description: TableDescription;
  readonly reads: PacedReads;
  /** By the name that a report gives it; `all`: every attribute by its own, with its exact type. */
  readonly values: ReadonlyMap<string, string> | 'all';
  readonly counts: 'estimate' | 'exact';
  /** What one count, sample or search may take. */
  readonly timeoutMs: number;
  /** Is told what a count will cost before it begins. */
  readonly onCost: (words: string) => void;
}

const unitBytes = 4_096;
const keysAtOnce = 100;
const longestKeptWhole = 64;
/** The rest is for applications. */
const shareOfProvisioned = 0.5;

/** The primary key: the partition key, and the sort key where there is one. */
export function keyOf({ KeySchema = [], AttributeDefinitions = [] }: TableDescription): readonly ItemKeyPart[] {
  const parts = [...KeySchema].sort(({ KeyType: a }, { KeyType: b }) => (a === 'HASH' ? -1 : b === 'HASH' ? 1 : 0));
  return parts.map(({ AttributeName: name = '', KeyType: kind = 'HASH' }) => ({
    name,
    type: AttributeDefinitions.find(({ AttributeName }) => AttributeName === name)?.AttributeType ?? 'S',
    mostBytes: mostKeyBytes[kind],
  }));
}

/** A table of DynamoDB. There are no snapshots: each read is of the moment. */
export class ItemTable implements RecordCollection {
  readonly name: string;
  readonly #options: ItemTableOptions;
  readonly #key: readonly ItemKeyPart[];
  readonly #context: CompareContext;
  readonly #table: string;
  readonly #unitsPerSecond: number | undefined;
  /** As far as it is known. */
  #items: number;
  /** Names of all attributes of the items that were read. */
  readonly #seen = new Set<string>();

  constructor(options: ItemTableOptions, context: CompareContext) {
    const { TableName = '', ProvisionedThroughput } = options.description;
    this.name = `${options.target} ${TableName}`;
    this.#options = options;
    this.#key = keyOf(options.description);
    this.#context = context;
    this.#table = TableName;
    this.#items = options.description.ItemCount ?? 0;
    const provisioned = ProvisionedThroughput?.ReadCapacityUnits ?? 0;
    this.#unitsPerSecond = provisioned > 0 ? provisioned * shareOfProvisioned : undefined;
  }

  async count(): Promise<Attempt<RecordCount>> {
    const { description, counts } = this.#options;
    const { ItemCount = 0 } = description;
    if (counts === 'estimate') {
      const doubt = `DynamoDB tells the number of items of ${this.#table} as it was up to six hours ago; --counts exact counts them, for ${this.#cost}`;
      return { value: { records: ItemCount, doubt } };
    }
    return await this.#attempt(`counting ${this.#table}`, (signal) => this.#countExactly(signal));
  }

  async sample(amount: number): Promise<Attempt<RecordSample>> {
    return await this.#attempt(`choosing samples of ${this.#table}`, async (signal) => {
      // Keys alone: many more items are looked at than are taken, and each may have 400 KiB.
      const { items, isEven } = await chooseItems(amount, this.#items, {
        random: Math.random,
        read: (segment) => this.#scanKeys(segment, signal),
      });
      const records = await this.#get(items, signal);
      const uneven = `samples of ${this.#table} are from the beginnings of its parts: items with the same partition key are too many to be read`;
      return { records: [...records.values()], notes: isEven ? [] : [uneven] };
    });
  }

  async lookUp(keys: readonly RecordKey[]): Promise<Attempt<readonly (StoredRecord | undefined)[]>> {
    return await this.#attempt(`looking for keys in ${this.#table}`, async (signal) => {
      const wanted = keys.map(({ parts, otherForms = [] }) =>
        [parts, ...otherForms].map((form) => this.#toKey(form)).filter((key) => key !== undefined),
      );
      const different = new Map(wanted.flat().map((key) => [this.#textOf(key), key]));
      const found = await this.#get([...different.values()], signal);
      return wanted.map((forms) => forms.map((form) => found.get(this.#textOf(form))).find((one) => one !== undefined));
    });
  }

  /** A name that no item has is a slip, or NULL everywhere. */
  get remarks(): readonly string[] {
    const { values } = this.#options;
    if (values === 'all' || this.#seen.size === 0) return [];
    const unseen = [...new Set(values.values())].filter((name) => !this.#seen.has(name));
    return unseen.map((name) => `no item of ${this.#table} that was looked at has the attribute "${name}"`);
  }

  #scanKeys(segment: Segment, signal: AbortSignal): Promise<ItemPage> {
    const request = {
      table: this.#table,
      limit: segmentLimit,
      attributes: this.#keyNames,
      ...(segment.of === 1 ? {} : { segment }),
    };
    return this.#options.reads.scan(request, this.#unitsPerSecond, signal);
  }

  /** For consistent reads, if the size that DynamoDB tells is right. */
  get #countUnits(): number {
    return Math.ceil((this.#options.description.TableSizeBytes ?? 0) / unitBytes);
  }

  /** A table that was made within the last hours has a size that DynamoDB does not tell yet. */
  get #cost(): string {
    const isKnown = this.#countUnits > 0;
    return isKnown
      ? `about ${this.#countUnits} read units`
      : 'read units that nobody can tell: its size is not known yet';
  }

  async #countExactly(signal: AbortSignal): Promise<RecordCount> {
    const { reads, onCost, description } = this.#options;
    onCost(`counting ${this.name} takes ${this.#cost}`);
    if (this.#countUnits > reads.leftUnits) {
      throw new OutOfReadUnits(
        `counting takes about ${this.#countUnits} read units, and ${reads.leftUnits} are left; --max-read-units allows more`,
      );
    }
    let records = 0;
    let doneBytes = 0;
    const totalBytes = description.TableSizeBytes ?? 0;
    for (let after: Item | undefined, isFirst = true; isFirst || after !== undefined; isFirst = false) {
      this.#context.onProgress({ activity: `counting ${this.#table}`, doneBytes, totalBytes });
      const page = await reads.scan({ table: this.#table, countOnly: true, after }, this.#unitsPerSecond, signal);
      records += page.count;
      doneBytes += page.units * unitBytes;
      after = page.after;
    }
    this.#items = records;
    return { records };
  }

  /** By the text of their keys; what is no longer there is left out. */
  async #get(keys: readonly Item[], signal: AbortSignal): Promise<ReadonlyMap<string, StoredRecord>> {
    const { values, reads } = this.#options;
    const attributes = values === 'all' ? undefined : [...new Set([...this.#keyNames, ...values.values()])];
    const found = new Map<string, StoredRecord>();
    for (let from = 0; from < keys.length; from += keysAtOnce) {
      const request = { table: this.#table, keys: keys.slice(from, from + keysAtOnce), attributes };
      const items = await reads.get(request, this.#unitsPerSecond, signal);
      for (const item of items) found.set(this.#textOf(item), this.#toRecord(item));
    }
    return found;
  }

  /** Undefined when no item can have such a key. */
  #toKey(parts: readonly string[]): Item | undefined {
    const attributes = this.#key.map(({ name, type, mostBytes }, index) => {
      const attribute = keyAttribute(type, parts[index] ?? '', mostBytes);
      return attribute === undefined ? undefined : ([name, attribute] as const);
    });
    const known = attributes.filter((one) => one !== undefined);
    return known.length === attributes.length ? Object.fromEntries(known) : undefined;
  }

  #partsOf(item: Item): readonly string[] {
    return this.#key.map(({ name }) => keyPart(item[name]));
  }

  #textOf(item: Item): string {
    return JSON.stringify(this.#partsOf(item));
  }

  get #keyNames(): readonly string[] {
    return this.#key.map(({ name }) => name);
  }

  #toRecord(item: Item): StoredRecord {
    const { values } = this.#options;
    for (const name of Object.keys(item)) this.#seen.add(name);
    const named: (readonly [string, Value])[] =
      values === 'all'
        ? Object.entries(item).map(([name, value]) => [name, { kind: 'text', text: fingerprint(exactText(value)) }])
        : [...values].map(([name, attribute]) => [name, attributeValue(item[attribute])]);
    return { key: { parts: this.#partsOf(item) }, values: new Map(named) };
  }

  async #attempt<T>(what: string, work: (signal: AbortSignal) => Promise<T>): Promise<Attempt<T>> {
    const { signal, clock } = this.#context;
    try {
      return { value: await withDeadline({ parent: signal, ms: this.#options.timeoutMs, clock, what }, work) };
    } catch (error) {
      signal.throwIfAborted();
      return { why: `${this.name}: ${reasonOf(error)}` };
    }
  }
}

/** Of what is only compared for being the same: an attribute may have 400 KiB. */
function fingerprint(text: string): string {
  return text.length <= longestKeptWhole ? text : createHash('sha256').update(text).digest('hex');
}

/** What may be done about it is said where it is known. */
function reasonOf(error: unknown): string {
  if (error instanceof OutOfReadUnits) return error.message;
  if (findCause(error, DeadlineExceeded) !== undefined) return `${errorMessage(error)}; --timeout allows it more time`;
  const failure = findCause(error, AwsFailure);
  if (failure === undefined) throw error;
  const remedy = failure.kind === 'denied' ? '; deploy/iam/compare.json has the rights' : '';
  return `${errorMessage(failure)}${remedy}`;
}
