import type { PostgresSession } from '../../targets/postgres/session.ts';
import { belongsToSample, fromTable, keyColumns, keyHash, rowHash } from '../backup/postgres-facts.ts';
import type { SampledTable } from '../manifest.ts';
import type { Attempt } from './attempt.ts';
import type { DifferingKeys } from './comparison.ts';
import type { ComparedTable, LiveSide } from './live-side.ts';

export interface KeySearch {
  /** `rows`: only keys that one side lacks; `content`: also those whose rows differ. */
  readonly mode: 'rows' | 'content';
  readonly limit: number;
  readonly sample: SampledTable | undefined;
}

const bucketsOfLevel = 1_024;
/** 1024³: a table of 10¹² rows has a thousand in each. */
const mostBuckets = bucketsOfLevel ** 3;
/** So many keys are fetched from each side at most, but for buckets that cannot be cut further. */
const mostRows = 20_000;

/** Keys whose hash modulo `modulus` is one of `remainders`. */
interface Buckets {
  readonly modulus: number;
  readonly remainders: readonly string[];
}

interface BucketState {
  readonly rows: number;
  /** Row count and sums of hashes, as text. */
  readonly state: string;
}

type Tables = readonly [ComparedTable, ComparedTable];

/**
 * Narrows a difference down: rows are grouped by a hash of their key, groups that differ are cut into smaller ones, until
 * so few rows are left that their keys can be compared one by one. Each step reads the table once on both sides.
 */
export async function findDifferingKeys(
  sides: readonly [LiveSide, LiveSide],
  tables: Tables,
  search: KeySearch,
): Promise<Attempt<DifferingKeys>> {
  let chosen: Buckets = { modulus: 1, remainders: ['0'] };
  let leftOut = false;
  for (let rows = Number.POSITIVE_INFINITY; rows > mostRows && chosen.modulus < mostBuckets; ) {
    const modulus = chosen.modulus * bucketsOfLevel;
    const read = await readBoth(sides, tables, (session, table, signal) =>
      readBuckets(session, table, { within: chosen, modulus, search }, signal),
    );
    if ('why' in read) return read;
    const differing = differingBuckets(...read.value);
    // Each of them has at least one key that differs: more than are wanted need not be looked into.
    const next = differing.slice(0, search.limit);
    leftOut ||= differing.length > next.length;
    rows = next.reduce((sum, bucket) => sum + bucket.rows, 0);
    chosen = { modulus, remainders: next.map(({ remainder }) => remainder) };
  }
  const read = await readBoth(sides, tables, (session, table, signal) =>
    readKeys(session, table, { within: chosen, search }, signal),
  );
  if ('why' in read) return read;
  return {
    value: { ...compareKeys(...read.value, search.limit, leftOut), table: tables[0].label, columns: tables[0].key },
  };
}

async function readBoth<T>(
  sides: readonly [LiveSide, LiveSide],
  tables: Tables,
  read: (session: PostgresSession, table: ComparedTable, signal: AbortSignal) => Promise<T>,
): Promise<Attempt<[T, T]>> {
  const [source, other] = await Promise.all([
    sides[0].attempt((session, signal) => read(session, tables[0], signal)),
    sides[1].attempt((session, signal) => read(session, tables[1], signal)),
  ]);
  if ('why' in source) return source;
  return 'why' in other ? other : { value: [source.value, other.value] };
}

/** Null for rows that are not in the sample: only their keys are compared. */
function contentHash(table: ComparedTable, { mode, sample }: KeySearch): string {
  if (mode === 'rows') return 'NULL::bigint';
  return sample === undefined ? rowHash(table) : `CASE WHEN ${belongsToSample(sample)} THEN ${rowHash(table)} END`;
}

function isWithin({ key }: ComparedTable, { modulus, remainders }: Buckets): string {
  return remainders.length === 0 ? 'false' : `${keyHash(key)} % ${modulus} IN (${remainders.join(', ')})`;
}

async function readBuckets(
  session: PostgresSession,
  table: ComparedTable,
  { within, modulus, search }: { readonly within: Buckets; readonly modulus: number; readonly search: KeySearch },
  signal: AbortSignal,
): Promise<ReadonlyMap<string, BucketState>> {
  const rows = await session.query(
    `SELECT k.hash % ${modulus} AS bucket, count(*) AS rows, sum(k.hash) AS keys, coalesce(sum(k.content), 0) AS contents
       FROM (SELECT ${keyHash(table.key)} AS hash, ${contentHash(table, search)} AS content
               ${fromTable(table)} WHERE ${isWithin(table, within)}) AS k
      GROUP BY 1`,
    { signal },
  );
  return new Map(
    rows.map((row) => [
      row['bucket'] ?? '',
      { rows: Number(row['rows']), state: [row['rows'], row['keys'], row['contents']].join(' ') },
    ]),
  );
}

/** The smallest first: they say soonest which keys differ. */
function differingBuckets(
  source: ReadonlyMap<string, BucketState>,
  other: ReadonlyMap<string, BucketState>,
): { readonly remainder: string; readonly rows: number }[] {
  const remainders = new Set([...source.keys(), ...other.keys()]);
  return [...remainders]
    .filter((remainder) => source.get(remainder)?.state !== other.get(remainder)?.state)
    .map((remainder) => ({
      remainder,
      rows: Math.max(source.get(remainder)?.rows ?? 0, other.get(remainder)?.rows ?? 0),
    }))
    .sort((a, b) => a.rows - b.rows);
}

/** Hash of the content by the key, a JSON list of texts. */
type Keys = ReadonlyMap<string, string | null>;

async function readKeys(
  session: PostgresSession,
  table: ComparedTable,
  { within, search }: { readonly within: Buckets; readonly search: KeySearch },
  signal: AbortSignal,
): Promise<Keys> {
  const columns = keyColumns(table.key).map((column) => `${column}::text`);
  const rows = await session.query(
    `SELECT to_json(ARRAY[${columns.join(', ')}])::text AS key, ${contentHash(table, search)} AS content
       ${fromTable(table)} WHERE ${isWithin(table, within)}`,
    { signal },
  );
  return new Map(rows.map((row) => [row['key'] ?? '', row['content'] ?? null]));
}

function compareKeys(
  source: Keys,
  other: Keys,
  limit: number,
  leftOut: boolean,
): Pick<DifferingKeys, 'onlyInSource' | 'onlyInOther' | 'changed' | 'more'> {
  const onlyInSource = [...source.keys()].filter((key) => !other.has(key));
  const onlyInOther = [...other.keys()].filter((key) => !source.has(key));
  const changed = [...source].filter(([key, hash]) => other.has(key) && other.get(key) !== hash).map(([key]) => key);
  const all = [
    ...onlyInSource.map((key) => ['onlyInSource', key] as const),
    ...onlyInOther.map((key) => ['onlyInOther', key] as const),
    ...changed.map((key) => ['changed', key] as const),
  ];
  const named = all.slice(0, limit);
  const of = (list: string) => named.filter(([own]) => own === list).map(([, key]) => JSON.parse(key) as string[]);
  return {
    onlyInSource: of('onlyInSource'),
    onlyInOther: of('onlyInOther'),
    changed: of('changed'),
    more: leftOut || all.length > named.length,
  };
}
