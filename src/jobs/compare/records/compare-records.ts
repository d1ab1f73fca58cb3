import type { WorkContext } from '../../../core/work-context.ts';
import type { Attempt } from '../attempt.ts';
import type { CompareContext } from '../compare-databases.ts';
import type { Findings } from '../findings.ts';
import {
  type LoneCollection,
  type LookedUp,
  type RecordCollection,
  type RecordKey,
  type RecordPair,
  type StoredRecord,
  Unasked,
} from './collection.ts';
import { compareCounts, countLone } from './compare-counts.ts';
import { sameValue } from './same-value.ts';

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
    findings.notes.push(...pair.sides.flatMap(({ remarks = [] }) => remarks));
  }
  for (const one of lone) await countLone(one, findings);
}

/** What the records of one side are on the other. */
interface Looked {
  readonly sampled: number;
  readonly missing: readonly RecordKey[];
  readonly changed: readonly { readonly key: RecordKey; readonly columns: readonly string[] }[];
  /** Why something of a record was not compared: each reason once for a record. */
  readonly skipped: readonly string[];
  /** Why the sample is not of the whole collection. */
  readonly leftOut?: string | undefined;
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
    const leftOut = one.value.leftOut ?? whyNone(pair, from, one.value, findings);
    if (leftOut !== undefined) findings.leaveOut(takenFrom(pair, from), leftOut);
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

/** A side that has records and gives none to look up was not compared: equal counts say little. */
function whyNone({ label }: RecordPair, from: 0 | 1, looked: Looked, { counts }: Findings): string | undefined {
  const side = from === 0 ? 'source' : 'other';
  const count = counts.find(({ name }) => name === label);
  if (looked.sampled > 0 || looked.skipped.length > 0) return undefined;
  if (count === undefined || count[side] === 0 || count.estimated.includes(side)) return undefined;
  return `none of its ${count[side]} records could be looked up: they have ended, are gone, or have NULL in their keys`;
}

function takenFrom({ label }: RecordPair, from: 0 | 1): string {
  return `samples of ${label} taken from ${from === 0 ? 'the source' : 'the other side'}`;
}

function noteNotLooked(
  pair: RecordPair,
  directions: readonly [Attempt<Looked>, Attempt<Looked>],
  findings: Findings,
): void {
  const [ofSource, ofOther] = directions.map((one) => ('why' in one ? [one.why] : [])) as [string[], string[]];
  if (ofSource.length + ofOther.length === 2) {
    findings.leaveOut(`samples of ${pair.label}`, ...new Set([...ofSource, ...ofOther]));
    return;
  }
  findings.leaveOut(takenFrom(pair, 0), ...ofSource);
  findings.leaveOut(takenFrom(pair, 1), ...ofOther);
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
  const { records, notes, leftOut } = sample.value;
  for (const note of notes) if (!findings.notes.includes(note)) findings.notes.push(note);
  const found = await opposite.lookUp(records.map(({ key }) => key));
  if ('why' in found) return found;
  const differing = (one: StoredRecord, two: StoredRecord) =>
    from === 0 ? pair.differing(one, two) : pair.differing(two, one);
  const suspects: StoredRecord[] = [];
  const skipped: string[] = [];
  let unasked = 0;
  for (const [index, record] of records.entries()) {
    const counterpart = found.value[index];
    if (counterpart instanceof Unasked) unasked += 1;
    else if (counterpart === undefined || differing(record, counterpart).length > 0) {
      suspects.push(record);
      continue;
    }
    skipped.push(...skippedOf(record, counterpart));
  }
  const { mayEnd } = pair;
  const judged = await judgeAgain([own, opposite], suspects, { differing, mayEnd });
  if ('why' in judged) return judged;
  const { missing, changed, notJudged } = judged.value;
  const sampled = records.length - unasked - notJudged;
  return { value: { missing, changed, sampled, skipped: [...skipped, ...judged.value.skipped], leftOut } };
}

/** Of a record that only one side has there is nothing else to be compared. */
function skippedOf(one: LookedUp, two: LookedUp): ReadonlySet<string> {
  const unasked = [one, two].find((side) => side instanceof Unasked);
  if (unasked !== undefined) return new Set([unasked.why]);
  if (one === undefined || two === undefined) return new Set();
  return new Set([one, two].flatMap((side) => (side instanceof Unasked ? [] : (side.skipped ?? []))));
}

/** What differs is read once more on both sides: it may have been written between the two reads, or be gone by now. */
async function judgeAgain(
  [own, opposite]: readonly [RecordCollection, RecordCollection],
  suspects: readonly StoredRecord[],
  { differing, mayEnd }: Pick<RecordPair, 'differing' | 'mayEnd'>,
): Promise<Attempt<Omit<Looked, 'sampled' | 'leftOut'> & { readonly notJudged: number }>> {
  const missing: RecordKey[] = [];
  const changed: { key: RecordKey; columns: readonly string[] }[] = [];
  const skipped: string[] = [];
  let notJudged = 0;
  if (suspects.length === 0) return { value: { missing, changed, skipped, notJudged } };
  const keys = suspects.map(({ key }) => key);
  const mine = await own.lookUp(keys);
  if ('why' in mine) return mine;
  const theirs = await opposite.lookUp(keys);
  if ('why' in theirs) return theirs;
  for (const [index, key] of keys.entries()) {
    const [one, two] = [mine.value[index], theirs.value[index]];
    skipped.push(...skippedOf(one, two));
    if (one === undefined || one instanceof Unasked || two instanceof Unasked) notJudged += 1;
    else if (two !== undefined) {
      const columns = differing(one, two);
      if (columns.length > 0) changed.push({ key, columns });
    } else if (mayEnd?.(one) === true) notJudged += 1;
    else missing.push(key);
  }
  return { value: { missing, changed, skipped, notJudged } };
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
