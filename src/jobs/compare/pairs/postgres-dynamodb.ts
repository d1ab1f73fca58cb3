import type { TableDescription } from '@aws-sdk/client-dynamodb';
import { matchesWildcard } from '../../../core/wildcard.ts';
import type { ItemStore } from '../dynamodb/item-store.ts';
import { type ItemKeyPart, type ItemTable, keyOf } from '../dynamodb/item-table.ts';
import type { Findings } from '../findings.ts';
import type { LiveSide } from '../live-side.ts';
import { type DescribedColumn, type DescribedTable, describeTables } from '../postgres/describe-tables.ts';
import { isBytes, isNumber, RecordTable, type RowShape } from '../postgres/record-table.ts';
import type { LoneCollection, RecordPair } from '../records/collection.ts';
import { type ComparedCollections, differingValues } from '../records/compare-records.ts';
import { formatNamePair, type NamePair, type Pairing, PairingProblem } from './name-pair.ts';
import { NamesOfTables, type TableNames } from './names-of-tables.ts';

/** The two stores, and which of them is the source. */
export interface RowsAndItems {
  readonly rows: LiveSide;
  readonly items: ItemStore;
  readonly source: 'rows' | 'items';
}

/** Names as the two engines have them, whichever is the source. */
interface EngineNames {
  readonly row: string;
  readonly item: string;
}

interface Found {
  readonly table: DescribedTable | undefined;
  readonly described: TableDescription | undefined;
}

interface NamedTable extends TableNames, Found {}

interface FoundPair {
  readonly table: DescribedTable;
  readonly described: TableDescription;
  readonly label: string;
}

/** Parts of the key that have other names, and what is compared beside it. */
interface WantedNames {
  readonly keys: readonly NamePair[];
  readonly columns: readonly NamePair[];
}

/** Pairs tables of PostgreSQL with tables of DynamoDB. Rejects with {@link PairingProblem}. */
export async function pairRowsWithItems(
  stores: RowsAndItems,
  pairing: Pairing,
  findings: Findings,
): Promise<ComparedCollections> {
  const tables = await describeTables(stores.rows);
  const found =
    pairing.tables.length > 0
      ? await findNamed(stores, pairing.tables, tables)
      : await findByPrefix(stores, pairing, tables);
  const named = found.map((one) => nameTable(one, stores));
  const keys = new NamesOfTables('--key', pairing.keys, named);
  const columns = new NamesOfTables('--columns', pairing.columns, named);
  refuseUnknownParts(keys, stores);
  const pairs: RecordPair[] = [];
  const lone: LoneCollection[] = [];
  for (const one of named) {
    const { table, described } = one;
    if (table !== undefined && described !== undefined) {
      const wanted = { keys: keys.of(one), columns: columns.of(one) };
      pairs.push(pairOf(stores, { table, described, label: one.label }, wanted, findings));
    } else lone.push(...loneOf(stores, one));
  }
  noteKeysAlone(
    pairs,
    named.filter((one) => columns.of(one).length === 0),
    findings,
  );
  return { pairs, lone };
}

function nameTable(found: Found, { source }: RowsAndItems): NamedTable {
  const { table, described } = found;
  const row = table === undefined ? [] : [`${table.schema}.${table.name}`, table.name, table.label];
  const item = described?.TableName === undefined ? [] : [described.TableName];
  const label = [...row.slice(2), ...item];
  return {
    ...found,
    label: (source === 'rows' ? label : label.reverse()).join(' = '),
    ...(source === 'rows' ? { source: row, other: item } : { source: item, other: row }),
  };
}

function noteKeysAlone(pairs: readonly RecordPair[], without: readonly NamedTable[], { notes }: Findings): void {
  const labels = pairs.map(({ label }) => label).filter((label) => without.some((one) => one.label === label));
  if (labels.length === 0) return;
  const which = labels.length === pairs.length ? '' : ` of ${labels.join(', ')}`;
  notes.push(`of samples${which} only whether the key is there was compared; --columns compares values, too`);
}

/** A name that would be of no use is a slip. */
function refuseUnknownParts({ given }: NamesOfTables<NamedTable>, stores: RowsAndItems): void {
  for (const { names, tables } of given) {
    const compared = tables.filter(({ table, described }) => table !== undefined && described !== undefined);
    const parts = new Set(compared.flatMap(({ described = {} }) => keyOf(described).map(({ name }) => name)));
    const unknown = names.find((name) => !parts.has(ofEngines(name, stores).item));
    if (compared.length === 0 || unknown === undefined) continue;
    const which = compared.map(({ described }) => described?.TableName).join(', ');
    throw new PairingProblem(
      `--key ${formatNamePair(unknown)}: "${ofEngines(unknown, stores).item}" is no part of the key of ${which}: there are ${[...parts].join(', ')}`,
    );
  }
}

const ofEngines = ({ source: left, other }: NamePair, { source }: RowsAndItems): EngineNames =>
  source === 'rows' ? { row: left, item: other } : { row: other, item: left };

async function findNamed(
  stores: RowsAndItems,
  pairs: readonly NamePair[],
  tables: readonly DescribedTable[],
): Promise<Found[]> {
  const found: Found[] = [];
  for (const pair of pairs) {
    const names = ofEngines(pair, stores);
    const table = tableNamed(stores.rows.name, names.row, tables);
    const described = await stores.items.describe(names.item);
    if (described === undefined) throw new PairingProblem(`${stores.items.target} has no table "${names.item}"`);
    found.push({ table, described });
  }
  return found;
}

/** `schema.table`, or a table that is called so in `public` or in one schema alone. */
function tableNamed(database: string, name: string, tables: readonly DescribedTable[]): DescribedTable {
  const fitting = tables.filter((one) => `${one.schema}.${one.name}` === name || one.name === name);
  const [first, ...others] = fitting;
  const exact = fitting.find((one) => `${one.schema}.${one.name}` === name);
  const usual = fitting.find((one) => one.schema === 'public');
  if (first === undefined) throw new PairingProblem(`${database} has no table "${name}"`);
  if (others.length === 0) return first;
  const chosen = exact ?? usual;
  if (chosen !== undefined) return chosen;
  throw new PairingProblem(`${database} has several tables "${name}": ${fitting.map(({ label }) => label).join(', ')}`);
}

/** All tables of the chosen schemas, and all of DynamoDB whose name begins so. */
async function findByPrefix(
  { items }: RowsAndItems,
  { prefix = '', schemas, patterns }: Pairing,
  tables: readonly DescribedTable[],
): Promise<Found[]> {
  const fits = (list: readonly string[], text: string) =>
    list.length === 0 || list.some((pattern) => matchesWildcard(pattern, text));
  const chosen = tables.filter((one) => fits(schemas, one.schema) && fits(patterns, `${one.schema}.${one.name}`));
  if (chosen.length === 0) throw new PairingProblem('the database has no such schemas or tables');
  const byName = Map.groupBy(chosen, ({ name }) => name);
  for (const [name, [first, second]] of byName) {
    if (first === undefined || second === undefined) continue;
    throw new PairingProblem(`"${prefix}${name}" would be ${first.label} and ${second.label}: choose with --schema`);
  }
  const existing = (await items.tableNames()).filter((name) => name.startsWith(prefix));
  const found: Found[] = [];
  for (const table of chosen) {
    const name = `${prefix}${table.name}`;
    found.push({ table, described: existing.includes(name) ? await items.describe(name) : undefined });
  }
  // With patterns, what else DynamoDB has was not asked for.
  const unpaired = patterns.length > 0 ? [] : existing.filter((name) => !byName.has(name.slice(prefix.length)));
  for (const name of unpaired) found.push({ table: undefined, described: await items.describe(name) });
  return found;
}

function loneOf({ rows, items, source }: RowsAndItems, { table, described }: Found): LoneCollection[] {
  if (table !== undefined) {
    const collection = new RecordTable(rows, table, { key: [], values: new Map() });
    return [{ label: table.label, in: source === 'rows' ? 'source' : 'other', collection }];
  }
  if (described === undefined) return [];
  const collection = items.table(described, new Map());
  return [{ label: described.TableName ?? '', in: source === 'items' ? 'source' : 'other', collection }];
}

function pairOf(
  stores: RowsAndItems,
  { table, described, label }: FoundPair,
  wanted: WantedNames,
  findings: Findings,
): RecordPair {
  const parts = keyOf(described);
  const matched = matchKey(table, parts, stores, wanted.keys);
  const isMatched = typeof matched !== 'string';
  const { columns, attributes } = valuesOf(table, label, { stores, columns: wanted.columns, findings });
  const shape: RowShape = { key: isMatched ? matched : [], values: columns };
  if (isMatched) noteNotUnique(table, matched, findings);
  const [rows, items]: [RecordTable, ItemTable] = [
    new RecordTable(stores.rows, table, shape),
    stores.items.table(described, attributes),
  ];
  return {
    label,
    keyNames: parts.map(({ name }) => name),
    sides: stores.source === 'rows' ? [rows, items] : [items, rows],
    differing: differingValues,
    unmatched: isMatched ? undefined : matched,
  };
}

/** The column for each part of the key, or why there is none. */
function matchKey(
  table: DescribedTable,
  parts: readonly ItemKeyPart[],
  stores: RowsAndItems,
  keys: readonly NamePair[],
): readonly DescribedColumn[] | string {
  const columns: DescribedColumn[] = [];
  const renamed = keys.map((pair) => ofEngines(pair, stores));
  for (const part of parts) {
    const name = renamed.find(({ item }) => item === part.name)?.row ?? part.name;
    const column = table.columns.get(name);
    if (column === undefined) {
      const option = stores.source === 'rows' ? `COLUMN=${part.name}` : `${part.name}=COLUMN`;
      return `${table.label} has no column "${name}" for the key "${part.name}"; --key ${option} names another`;
    }
    const problem = misfit(column, part);
    if (problem !== undefined) return `the column "${name}" of ${table.label} is ${column.type}, and ${problem}`;
    columns.push(column);
  }
  return columns;
}

const withoutEquality = new Set(['json', 'xml', 'point']);

function misfit(column: DescribedColumn, { name, type }: ItemKeyPart): string | undefined {
  if (column.isComposed || withoutEquality.has(column.base)) return 'cannot be looked for by a key';
  if (type === 'N' && !isNumber(column)) return `the key "${name}" is a number (N)`;
  if (type === 'B' && !isBytes(column)) return `the key "${name}" is binary (B)`;
  return type === 'S' && isBytes(column) ? `the key "${name}" is a string (S)` : undefined;
}

function noteNotUnique(table: DescribedTable, key: readonly DescribedColumn[], findings: Findings): void {
  const names = key.map((column) => column.name);
  if (table.uniqueOver.some((unique) => unique.every((name) => names.includes(name)))) return;
  findings.notes.push(
    `${table.label} has no unique index over ${names.join(', ')}: several rows may stand for one item`,
  );
}

function valuesOf(
  table: DescribedTable,
  label: string,
  given: { readonly stores: RowsAndItems; readonly columns: readonly NamePair[]; readonly findings: Findings },
) {
  const columns = new Map<string, DescribedColumn>();
  const attributes = new Map<string, string>();
  for (const pair of given.columns) {
    const { row, item } = ofEngines(pair, given.stores);
    const column = table.columns.get(row);
    const name = formatNamePair(pair);
    if (column === undefined) {
      given.findings.leaveOut(`column ${row} of ${label}`, `${table.label} has no such column`);
      continue;
    }
    columns.set(name, column);
    attributes.set(name, item);
  }
  return { columns, attributes };
}
