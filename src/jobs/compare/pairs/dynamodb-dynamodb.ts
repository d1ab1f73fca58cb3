import type { TableDescription } from '@aws-sdk/client-dynamodb';
import { matchesWildcard } from '../../../core/wildcard.ts';
import type { ItemStore } from '../dynamodb/item-store.ts';
import { keyOf } from '../dynamodb/item-table.ts';
import { compareIndexes } from '../dynamodb/secondary-indexes.ts';
import type { Findings } from '../findings.ts';
import type { LoneCollection, RecordPair } from '../records/collection.ts';
import { type ComparedCollections, differingValues } from '../records/compare-records.ts';
import { type Pairing, PairingProblem } from './name-pair.ts';

type Stores = readonly [ItemStore, ItemStore];
type Names = readonly [source: string | undefined, other: string | undefined];

/**
 * Pairs tables of two accounts, regions or prefixes, whole items to be compared, and compares their indexes. Rejects with
 * {@link PairingProblem}.
 */
export async function pairItems(stores: Stores, pairing: Pairing, findings: Findings): Promise<ComparedCollections> {
  const names = pairing.tables.length > 0 ? namedPairs(stores, pairing) : await pairsByName(stores, pairing);
  const pairs: RecordPair[] = [];
  const lone: LoneCollection[] = [];
  for (const pair of names) {
    const [source, other] = await describeBoth(stores, pair);
    if (source !== undefined && other !== undefined) {
      const paired = pairOf(stores, [source, other]);
      pairs.push(paired);
      compareIndexes(paired.label, [source, other], findings);
    } else if (source !== undefined) lone.push(loneOf(stores[0], source, 'source'));
    else if (other !== undefined) lone.push(loneOf(stores[1], other, 'other'));
  }
  return { pairs, lone };
}

function namedPairs([{ target }, { target: otherTarget }]: Stores, { tables }: Pairing): Names[] {
  return tables.map(({ source, other }) => {
    if (target === otherTarget && source === other) {
      throw new PairingProblem(`"${source}" of ${target} would be compared with itself`);
    }
    return [source, other];
  });
}

/** Tables of the same name, or whose name has the prefix before it on the other side. */
async function pairsByName([source, other]: Stores, { prefix = '', patterns }: Pairing): Promise<Names[]> {
  const isSame = source.target === other.target;
  if (isSame && prefix === '') {
    throw new PairingProblem(`${source.target} would be compared with itself: say --pair orders=orders2, or --prefix`);
  }
  const fits = (name: string) => patterns.length === 0 || patterns.some((pattern) => matchesWildcard(pattern, name));
  const copies = new Set((await other.tableNames()).filter((name) => name.startsWith(prefix)));
  const originals = (await source.tableNames()).filter((name) => fits(name) && !(isSame && copies.has(name)));
  if (originals.length === 0) throw new PairingProblem(`${source.target} has no such tables`);
  const wanted = new Set(originals.map((name) => `${prefix}${name}`));
  const unpaired = [...copies].filter((name) => !wanted.has(name) && fits(name.slice(prefix.length)));
  return [
    ...originals.map((name): Names => [name, copies.has(`${prefix}${name}`) ? `${prefix}${name}` : undefined]),
    ...unpaired.map((name): Names => [undefined, name]),
  ];
}

/** A table that was named must be there. */
async function describeBoth(stores: Stores, names: Names) {
  const described: (TableDescription | undefined)[] = [];
  for (const [index, store] of stores.entries()) {
    const name = names[index];
    const one = name === undefined ? undefined : await store.describe(name);
    if (name !== undefined && one === undefined) throw new PairingProblem(`${store.target} has no table "${name}"`);
    described.push(one);
  }
  const [before, after] = described;
  if (before !== undefined && after !== undefined && isSameTable(before, after)) {
    throw new PairingProblem(
      `"${before.TableName ?? ''}" of ${stores[0].target} is that of ${stores[1].target}: it would be compared with itself`,
    );
  }
  return described;
}

/** What imitates DynamoDB gives all tables of one name the same ARN, and may have no ids. */
function isSameTable(one: TableDescription, two: TableDescription): boolean {
  const [created, otherCreated] = [one, two].map(({ CreationDateTime }) => CreationDateTime?.getTime());
  return (
    one.TableArn !== undefined &&
    one.TableArn === two.TableArn &&
    one.TableId === two.TableId &&
    created === otherCreated
  );
}

function loneOf(store: ItemStore, described: TableDescription, where: LoneCollection['in']): LoneCollection {
  return { label: described.TableName ?? '', in: where, collection: store.table(described, 'all') };
}

function pairOf([source, other]: Stores, [before, after]: readonly [TableDescription, TableDescription]): RecordPair {
  const [key, otherKey] = [before, after].map(describeKey);
  const names = new Set([before.TableName ?? '', after.TableName ?? '']);
  return {
    label: [...names].join(' = '),
    keyNames: keyOf(before).map(({ name }) => name),
    sides: [source.table(before, 'all'), other.table(after, 'all')],
    differing: differingValues,
    unmatched: key === otherKey ? undefined : `the primary keys are not the same: ${key} and ${otherKey}`,
  };
}

function describeKey(described: TableDescription): string {
  return keyOf(described)
    .map(({ name, type }) => `${name} (${type})`)
    .join(', ');
}
