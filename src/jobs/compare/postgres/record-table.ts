import { errorCode } from '../../../core/errors.ts';
import {
  quoteLiteral as literal,
  type PostgresSession,
  quoteIdentifier,
  type Row,
} from '../../../targets/postgres/session.ts';
import type { Attempt } from '../attempt.ts';
import type { LiveSide } from '../live-side.ts';
import type { RecordCollection, RecordCount, RecordKey, RecordSample, StoredRecord } from '../records/collection.ts';
import { withoutPadding } from '../records/same-value.ts';
import { canonicalJson, canonicalNumber, instantOf, nothing, type Value } from '../records/values.ts';
import type { DescribedColumn, DescribedTable } from './describe-tables.ts';
import { instantForms } from './instant-forms.ts';

/** What of a row is compared. */
export interface RowShape {
  readonly key: readonly DescribedColumn[];
  /** By the name that a report gives it. */
  readonly values: ReadonlyMap<string, DescribedColumn>;
}

/** Up to so many rows the sample is taken of all of them; of larger tables from as many in blocks chosen by chance. */
const rowsToChooseFrom = 100_000;
const keysAtOnce = 500;

const numberTypes = new Set(['int2', 'int4', 'int8', 'numeric', 'float4', 'float8', 'oid']);
const instantTypes = new Set(['timestamp', 'timestamptz']);

export const isNumber = ({ base, isComposed }: DescribedColumn) => !isComposed && numberTypes.has(base);
export const isBytes = ({ base, isComposed }: DescribedColumn) => !isComposed && base === 'bytea';

/** A table of PostgreSQL. Each count, sample and search is of its own moment. Nulls are no key: rows with one are counted and never sampled. */
export class RecordTable implements RecordCollection {
  readonly name: string;
  readonly #side: LiveSide;
  readonly #table: DescribedTable;
  readonly #shape: RowShape;
  #rows: number | undefined;

  constructor(side: LiveSide, table: DescribedTable, shape: RowShape) {
    this.name = `${side.name} ${table.label}`;
    this.#side = side;
    this.#table = table;
    this.#shape = shape;
  }

  async count(): Promise<Attempt<RecordCount>> {
    const sql = `SELECT count(*) AS rows FROM ${this.#qualifiedName}`;
    const read = await this.#read((session, signal) => session.query(sql, { signal }));
    if ('why' in read) return read;
    this.#rows = Number(read.value[0]?.['rows']);
    return { value: { records: this.#rows } };
  }

  async sample(amount: number): Promise<Attempt<RecordSample>> {
    const rows = this.#rows ?? this.#table.estimatedRows;
    for (let percent = Math.min(100, (rowsToChooseFrom / Math.max(rows, 1)) * 100); ; percent *= 10) {
      const isWhole = percent >= 100;
      const read = await this.#read((session, signal) =>
        session.query(this.#sampleSql(amount, isWhole ? undefined : percent), { signal }),
      );
      if ('why' in read) return read;
      // Blocks may be empty, or all rows of those that were chosen have gone.
      if (!isWhole && read.value.length < amount) continue;
      return { value: { records: read.value.map((row) => this.#toRecord(row)), notes: [] } };
    }
  }

  async lookUp(keys: readonly RecordKey[]): Promise<Attempt<readonly (StoredRecord | undefined)[]>> {
    const found: (StoredRecord | undefined)[] = [];
    for (let from = 0; from < keys.length; from += keysAtOnce) {
      const some = await this.#lookUpSome(keys.slice(from, from + keysAtOnce));
      if ('why' in some) return some;
      found.push(...some.value);
    }
    return { value: found };
  }

  /** A table that is emptied while its lock is waited for would look empty to the snapshot. */
  async #read<T>(query: (session: PostgresSession, signal: AbortSignal) => Promise<T>): Promise<Attempt<T>> {
    const read = await this.#side.attemptNow(async (session, signal) => {
      const value = await query(session, signal);
      // Nothing can be asked in a transaction after its statement failed, and nothing was read.
      return { value, doubt: value === 'unfit' ? undefined : await this.#side.doubtAbout(this.#table, 'with heirs') };
    });
    if ('why' in read) return read;
    const { value, doubt } = read.value;
    return doubt === undefined ? { value } : { why: `${this.name}: ${doubt}` };
  }

  get #qualifiedName(): string {
    return `${quoteIdentifier(this.#table.schema)}.${quoteIdentifier(this.#table.name)}`;
  }

  #sampleSql(amount: number, percent: number | undefined): string {
    const isKey = this.#shape.key.map((column) => `${place(column)} IS NOT NULL`).join(' AND ');
    const blocks = percent === undefined ? '' : ` TABLESAMPLE SYSTEM (${percent})`;
    return `SELECT ${this.#outputs} FROM ${this.#qualifiedName} AS r${blocks} WHERE ${isKey} ORDER BY random() LIMIT ${amount}`;
  }

  get #outputs(): string {
    const { key, values } = this.#shape;
    const outputs = [
      ...key.map((column, index) => `${keyAsText(column)} AS k${index}`),
      ...[...values.values()].map((column, index) => `${asText(column)} AS v${index}`),
    ];
    return outputs.join(', ');
  }

  /** A key that the types of the columns cannot hold fails the query; then each is asked for by itself. */
  async #lookUpSome(keys: readonly RecordKey[]): Promise<Attempt<readonly (StoredRecord | undefined)[]>> {
    const together = await this.#ask(keys);
    if ('why' in together) return together;
    if (together.value !== 'unfit') return { value: together.value };
    const found: (StoredRecord | undefined)[] = [];
    for (const key of keys) {
      const alone = await this.#ask([key]);
      if ('why' in alone) return alone;
      found.push(alone.value === 'unfit' ? undefined : alone.value[0]);
    }
    return { value: found };
  }

  #ask(keys: readonly RecordKey[]): Promise<Attempt<readonly (StoredRecord | undefined)[] | 'unfit'>> {
    return this.#read(async (session, signal) => {
      // PostgreSQL has no text with this character.
      if (keys.some(({ parts }) => parts.some((part) => part.includes('\0')))) return 'unfit';
      const rows = await queryFitting(session, this.#lookUpSql(keys), signal);
      return rows === 'unfit' ? rows : this.#inOrder(keys, rows);
    });
  }

  #lookUpSql(keys: readonly RecordKey[]): string {
    const lists = this.#shape.key.map((column, at) => {
      const texts = keys.map(({ parts }) => literal(isBytes(column) ? `\\x${parts[at] ?? ''}` : (parts[at] ?? '')));
      return `ARRAY[${texts.join(', ')}]::text[]::${column.type}[]`;
    });
    const numbers = keys.map((_, index) => index).join(', ');
    const names = this.#shape.key.map((_, index) => `k${index}`);
    const same = this.#shape.key.map((column, index) => `${place(column)} = wanted.k${index}`).join(' AND ');
    return `SELECT wanted.at AS at, ${this.#outputs}
      FROM unnest(ARRAY[${numbers}]::int[], ${lists.join(', ')}) AS wanted(at, ${names.join(', ')})
      JOIN ${this.#qualifiedName} AS r ON ${same}`;
  }

  #inOrder(keys: readonly RecordKey[], rows: readonly Row[]): readonly (StoredRecord | undefined)[] {
    const found: (StoredRecord | undefined)[] = keys.map(() => undefined);
    for (const row of rows) {
      const at = Number(row['at']);
      const record = this.#toRecord(row);
      const wanted = keys[at]?.parts ?? [];
      if (!this.#shape.key.every((column, part) => isWritten(column, wanted[part], record.key.parts[part]))) continue;
      const isSecond = found[at] !== undefined;
      // What its values should be nobody can tell.
      found[at] = isSecond ? { ...record, values: new Map(), skipped: 'several rows have the key' } : record;
    }
    return found;
  }

  #toRecord(row: Row): StoredRecord {
    const { key, values } = this.#shape;
    const written = key.map((_, index) => row[`k${index}`] ?? '');
    const parts = written.map((text, index) => (key[index]?.base === 'bpchar' ? withoutPadding(text) : text));
    const named = [...values].map(([name, column], index) => [name, columnValue(column, row[`v${index}`])] as const);
    return { key: { parts, otherForms: otherForms(key, parts, written) }, values: new Map(named) };
  }
}

/** PostgreSQL reads more texts as a value (` 42`, `yes`, `today`) than one would call the same. */
function isWritten(column: DescribedColumn, wanted = '', own = ''): boolean {
  if (wanted === own) return true;
  if (column.base === 'bpchar') return withoutPadding(wanted) === own;
  if (wanted !== wanted.trim()) return false;
  if (isNumber(column)) {
    // A `042` beside a `42` is another item.
    const isUsual = !/^[+-]?0\d|^\+/.test(wanted);
    return isUsual && canonicalNumber(wanted) !== undefined && canonicalNumber(wanted) === canonicalNumber(own);
  }
  if (column.base === 'uuid') return wanted.toLowerCase() === own;
  if (column.base === 'inet') return wanted === withNetmask(own);
  return instantTypes.has(column.base) && instantOf(wanted) !== undefined && instantOf(wanted) === instantOf(own);
}

/** Class 22 of SQLSTATE: the value is none of the type. */
async function queryFitting(
  session: PostgresSession,
  sql: string,
  signal: AbortSignal,
): Promise<readonly Row[] | 'unfit'> {
  try {
    return await session.query(sql, { signal });
  } catch (error) {
    if (errorCode(error)?.startsWith('22') === true && session.usable) return 'unfit';
    throw error;
  }
}

const place = ({ name }: DescribedColumn) => `r.${quoteIdentifier(name)}`;

function asText(column: DescribedColumn): string {
  if (column.isComposed) return `to_json(${place(column)})::text`;
  // Cast to text, an address has a netmask that PostgreSQL does not write otherwise.
  if (column.base === 'inet') return `abbrev(${place(column)}::inet)`;
  return isBytes(column) ? `encode(${place(column)}, 'hex')` : `${place(column)}::text`;
}

/** With the spaces that fill a `char(n)`, which other programs may have kept; a key is not null. */
function keyAsText(column: DescribedColumn): string {
  return column.base === 'bpchar' && !column.isComposed ? `concat(${place(column)})` : asText(column);
}

/** `10.0.0.1` → `10.0.0.1/32`: how an `inet` reads when it is cast to text. */
function withNetmask(address: string): string {
  if (address.includes('/')) return address;
  return `${address}/${address.includes(':') ? 128 : 32}`;
}

/** An instant, a UUID or a number may be a text elsewhere, and there are several ways to write it. */
function otherForms(
  columns: readonly DescribedColumn[],
  parts: readonly string[],
  written: readonly string[],
): readonly (readonly string[])[] | undefined {
  const forms = columns.map((column, index) => formsOf(column, parts[index] ?? '', written[index] ?? ''));
  const all = forms.reduce<readonly (readonly string[])[]>(
    (before, texts) => before.flatMap((own) => texts.map((text) => [...own, text])),
    [[]],
  );
  return all.length === 1 ? undefined : all.slice(1);
}

function formsOf(column: DescribedColumn, text: string, written: string): readonly string[] {
  if (column.isComposed) return [text];
  if (isNumber(column)) return [...new Set([text, canonicalNumber(text) ?? text])];
  if (instantTypes.has(column.base)) return [text, ...instantForms(text)];
  switch (column.base) {
    case 'bpchar':
      return [...new Set([text, written])];
    case 'uuid':
      return [text, text.toUpperCase()];
    case 'inet':
      return [...new Set([text, withNetmask(text)])];
    default:
      return [text];
  }
}

function columnValue(column: DescribedColumn, text: string | null | undefined): Value {
  if (text === null || text === undefined) return nothing;
  const otherwise: Value = { kind: 'text', text };
  const given = (kind: Value['kind'], canonical: string | undefined): Value =>
    canonical === undefined ? otherwise : { kind, text: canonical };
  if (column.isComposed || column.base === 'json' || column.base === 'jsonb') return given('json', canonicalJson(text));
  if (isNumber(column)) return { ...given('number', canonicalNumber(text)), precision: precisions[column.base] };
  if (isBytes(column)) return { kind: 'bytes', text };
  if (instantTypes.has(column.base)) return given('instant', instantOf(text)?.toString());
  if (column.base === 'bool') return { kind: 'boolean', text };
  if (column.base === 'inet') return { ...otherwise, otherTexts: [withNetmask(text)] };
  // Without the spaces that fill it: PostgreSQL does not count them either.
  if (column.base === 'bpchar') return { ...otherwise, isPadded: true };
  return column.base === 'uuid' ? { kind: 'uuid', text } : otherwise;
}

const precisions: Readonly<Record<string, Value['precision']>> = { float4: 'single', float8: 'double' };
