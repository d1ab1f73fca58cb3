import type { WorkContext } from '../../../core/work-context.ts';
import type { Attempt } from '../attempt.ts';
import type { CompareContext } from '../compare-databases.ts';
import type { Findings } from '../findings.ts';
import type {
  LoneCollection,
  RecordCollection,
  RecordCount,
  RecordKey,
  RecordPair,
  StoredRecord,
} from './collection.ts';
import { sameValue } from './values.ts';

export interface CompareRecordsOptions {
  /** Records that are taken from each side and looked up on the other. */
  readonly samples: number;
  /** Keys of each pair that are named at most. */
  readonly keys: number;
}

/** What is compared: what both sides have, and what only one has. */
export interface ComparedCollections {
  readonly pairs: readonly RecordPair[];
  readonly lone: readonly LoneCollection[];
}

/** Counts each pair on both sides, then looks some records of each side up on the other. Nothing is kept for longer than a pair. */
export async function compareRecords(
  { pairs, lone }: ComparedCollections,
  options: CompareRecordsOptions,
  findings: Findings,
  context: CompareContext,
): Promise<void> {
  findings.tables = pairs.length + lone.length;
  for (const pair of pairs) {
    context.onProgress({ activity: `counting ${pair.label}` });
    await compareCounts(pair, findings);
    context.onProgress({ activity: `comparing samples of ${pair.label}` });
    if (pair.unmatched === undefined) await compareSamples(pair, options, findings, context);
    else findings.leaveOut(`samples of ${pair.label}`, pair.unmatched);
  }
  for (const one of lone) await countLone(one, findings);
}

/** As a table that one database lacks: how many records it lacks with it. */
async function countLone({ label, in: where, collection }: LoneCollection, findings: Findings): Promise<void> {
  const count = await collection.count();
  const known = 'value' in count ? describe(count.value) : 'unknown';
  findings.compared += 1;
  const sides = where === 'source' ? { source: known, other: null } : { source: null, other: known };
  findings.differences.push({ name: `rows ${label}`, ...sides });
}

async function compareCounts({ label, sides: [source, other] }: RecordPair, findings: Findings): Promise<void> {
  const read = findings.both(`rows of ${label}`, await Promise.all([source.count(), other.count()]));
  if (read === undefined) return;
  const [before, after] = read;
  const doubts = read.flatMap(({ doubt }) => (doubt === undefined ? [] : [doubt]));
  findings.counts.push({
    name: label,
    source: before.records,
    other: after.records,
    estimated: [
      ...(before.doubt === undefined ? [] : ['source' as const]),
      ...(after.doubt === undefined ? [] : ['other' as const]),
    ],
  });
  if (doubts.length > 0) {
    findings.leaveOut(
      `rows of ${label}`,
      `${describe(before)} and ${describe(after)}: ${[...new Set(doubts)].join('; ')}`,
    );
    return;
  }
  findings.compared += 1;
  if (before.records === after.records) return;
  findings.differences.push({ name: `rows ${label}`, source: String(before.records), other: String(after.records) });
}

function describe({ records, doubt }: RecordCount): string {
  return doubt === undefined ? String(records) : `about ${records}`;
}

/** What the records of one side are on the other. */
interface Looked {
  readonly sampled: number;
  readonly missing: readonly RecordKey[];
  readonly changed: readonly { readonly key: RecordKey; readonly columns: readonly string[] }[];
  /** Why something of a record was not compared: each reason once for a record. */
  readonly skipped: readonly string[];
}

const nothingLooked: Looked = { sampled: 0, missing: [], changed: [], skipped: [] };

/** What one direction found is told although the other could not be read. */
async function compareSamples(
  pair: RecordPair,
  { samples, keys }: CompareRecordsOptions,
  findings: Findings,
  { signal }: Pick<WorkContext, 'signal'>,
): Promise<void> {
  const looked: Attempt<Looked>[] = [];
  for (const from of [0, 1] as const) {
    signal.throwIfAborted();
    const one = await lookUpSample(pair, from, samples, findings);
    looked.push(one);
    if ('why' in one) continue;
    findings.compared += one.value.sampled;
    noteSkipped(pair, one.value, findings);
  }
  const directions = looked as [Attempt<Looked>, Attempt<Looked>];
  noteNotLooked(pair, directions, findings);
  if (directions.every((one) => 'why' in one)) return;
  const [ofSource, ofOther] = directions.map((one) => ('why' in one ? nothingLooked : one.value)) as [Looked, Looked];
  findings.samples.push({ name: pair.label, fromSource: ofSource.sampled, fromOther: ofOther.sampled });
  if ([ofSource, ofOther].every(({ missing, changed }) => missing.length + changed.length === 0)) return;
  findings.differences.push({
    name: `samples ${pair.label}`,
    source: describeLooked(directions[1]),
    other: describeLooked(directions[0]),
  });
  nameKeys(pair, [ofSource, ofOther], keys, findings);
}

function noteNotLooked(
  { label }: RecordPair,
  directions: readonly [Attempt<Looked>, Attempt<Looked>],
  findings: Findings,
): void {
  const [ofSource, ofOther] = directions.map((one) => ('why' in one ? [one.why] : [])) as [string[], string[]];
  if (ofSource.length + ofOther.length === 2) {
    findings.leaveOut(`samples of ${label}`, ...new Set([...ofSource, ...ofOther]));
    return;
  }
  findings.leaveOut(`samples of ${label} taken from the source`, ...ofSource);
  findings.leaveOut(`samples of ${label} taken from the other side`, ...ofOther);
}

function describeLooked(looked: Attempt<Looked>): string {
  if ('why' in looked) return 'unknown';
  const { sampled, missing, changed } = looked.value;
  const found = `${sampled - missing.length} of ${sampled} found`;
  return changed.length === 0 ? found : `${found}, ${changed.length} different`;
}

async function lookUpSample(
  pair: RecordPair,
  from: 0 | 1,
  amount: number,
  findings: Findings,
): Promise<Attempt<Looked>> {
  const [own, opposite] = from === 0 ? pair.sides : ([pair.sides[1], pair.sides[0]] as const);
  const sample = await own.sample(amount);
  if ('why' in sample) return sample;
  const { records, notes } = sample.value;
  for (const note of notes) if (!findings.notes.includes(note)) findings.notes.push(note);
  const found = await opposite.lookUp(records.map(({ key }) => key));
  if ('why' in found) return found;
  const differing = (one: StoredRecord, two: StoredRecord) =>
    from === 0 ? pair.differing(one, two) : pair.differing(two, one);
  const suspects: StoredRecord[] = [];
  const skipped: string[] = [];
  for (const [index, record] of records.entries()) {
    const counterpart = found.value[index];
    if (counterpart === undefined || differing(record, counterpart).length > 0) suspects.push(record);
    else skipped.push(...skippedOf(record, counterpart));
  }
  const { mayEnd } = pair;
  const judged = await judgeAgain([own, opposite], suspects, { differing, mayEnd });
  if ('why' in judged) return judged;
  const { missing, changed, gone } = judged.value;
  return {
    value: { missing, changed, sampled: records.length - gone, skipped: [...skipped, ...judged.value.skipped] },
  };
}

function skippedOf(...records: readonly StoredRecord[]): ReadonlySet<string> {
  return new Set(records.flatMap(({ skipped }) => skipped ?? []));
}

/** What differs is read once more on both sides: it may have been written between the two reads, or be gone by now. */
async function judgeAgain(
  [own, opposite]: readonly [RecordCollection, RecordCollection],
  suspects: readonly StoredRecord[],
  { differing, mayEnd }: Pick<RecordPair, 'differing' | 'mayEnd'>,
): Promise<Attempt<Omit<Looked, 'sampled'> & { readonly gone: number }>> {
  const missing: RecordKey[] = [];
  const changed: { key: RecordKey; columns: readonly string[] }[] = [];
  const skipped: string[] = [];
  let gone = 0;
  if (suspects.length === 0) return { value: { missing, changed, skipped, gone } };
  const keys = suspects.map(({ key }) => key);
  const mine = await own.lookUp(keys);
  if ('why' in mine) return mine;
  const theirs = await opposite.lookUp(keys);
  if ('why' in theirs) return theirs;
  for (const [index, key] of keys.entries()) {
    const [one, two] = [mine.value[index], theirs.value[index]];
    if (one === undefined || (two === undefined && mayEnd?.(one) === true)) gone += 1;
    else if (two === undefined) missing.push(key);
    else {
      const columns = differing(one, two);
      if (columns.length > 0) changed.push({ key, columns });
      skipped.push(...skippedOf(one, two));
    }
  }
  return { value: { missing, changed, skipped, gone } };
}

function noteSkipped({ label }: RecordPair, { skipped }: Looked, findings: Findings): void {
  for (const why of new Set(skipped)) {
    const amount = skipped.filter((one) => one === why).length;
    const what = `${amount} sampled of ${label}`;
    if (!findings.notCompared.some((one) => one.what === what && one.why === why)) findings.leaveOut(what, why);
  }
}

function nameKeys(
  { label, keyNames }: RecordPair,
  [ofSource, ofOther]: readonly [Looked, Looked],
  limit: number,
  findings: Findings,
): void {
  const changed = new Map(
    [...ofSource.changed, ...ofOther.changed].map(({ key, columns }) => [key.parts.join('\0'), { key, columns }]),
  );
  const all = [
    ...ofSource.missing.map((key) => ({ list: 'onlyInSource', key, columns: [] }) as const),
    ...ofOther.missing.map((key) => ({ list: 'onlyInOther', key, columns: [] }) as const),
    ...[...changed.values()].map(({ key, columns }) => ({ list: 'changed', key, columns }) as const),
  ];
  const named = all.slice(0, limit);
  const of = (list: (typeof all)[number]['list']) => named.filter((one) => one.list === list);
  const partsOf = (list: (typeof all)[number]['list']) => of(list).map(({ key }) => key.parts);
  findings.keys.push({
    table: label,
    columns: keyNames,
    onlyInSource: partsOf('onlyInSource'),
    onlyInOther: partsOf('onlyInOther'),
    changed: partsOf('changed'),
    changedColumns: of('changed').map(({ columns }) => columns),
    more: all.length > named.length,
  });
}

/** Names of the values that are not the same; what one record lacks is null. */
export function differingValues(source: StoredRecord, other: StoredRecord): readonly string[] {
  if (source.skipped !== undefined || other.skipped !== undefined) return [];
  const names = new Set([...source.values.keys(), ...other.values.keys()]);
  return [...names].filter((name) => !sameValue(source.values.get(name), other.values.get(name)));
}
