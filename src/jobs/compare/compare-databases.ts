import type { OnProgress, WorkContext } from '../../core/work-context.ts';
import { readDefinitions } from '../backup/definitions/index.ts';
import { largeObjectTable } from '../backup/definitions/kind.ts';
import { sampleOf } from '../backup/postgres-facts.ts';
import { largeObjectFacts } from '../backup/postgres-large-objects.ts';
import { chooseSamples } from '../backup/sampling.ts';
import { sequenceFacts } from '../backup/sequence-facts.ts';
import type { Fact, SampledTable } from '../manifest.ts';
import { compareDefinitions } from './compare-definitions.ts';
import { findDifferingKeys } from './differing-keys.ts';
import { Findings, fingerprintDoubt } from './findings.ts';
import { type ComparedTable, columnFact, type LiveSide } from './live-side.ts';

/** Which parts are left out because somebody wants it so. */
export const ignorable = ['definitions', 'owners', 'sequences'] as const;
export type Ignored = (typeof ignorable)[number];

export interface CompareOptions {
  readonly level: 'rows' | 'content';
  /** Of tables larger than this in the source only a sample is fingerprinted. */
  readonly sampleAboveBytes?: number | undefined;
  readonly ignore: readonly Ignored[];
  /** How many differing keys of each table are named at most; undefined: they are not looked for. */
  readonly keys?: number | undefined;
}

export interface CompareContext extends WorkContext {
  readonly onProgress: OnProgress;
}

export const noRightToSequence = 'its state may not be read; GRANT SELECT on it';

type Sides = readonly [LiveSide, LiveSide];

/**
 * Compares two databases whose snapshots are taken and tables chosen: sequences, definitions, then each table on both
 * sides at once. What cannot be read is told and does not hinder the rest; a lost connection rejects.
 */
export async function compareDatabases(
  sides: Sides,
  options: CompareOptions,
  context: CompareContext,
): Promise<Findings> {
  const findings = new Findings(fingerprintDoubt(...sides));
  if (!options.ignore.includes('sequences')) await compareSequences(sides, findings, context);
  if (!options.ignore.includes('definitions')) await compareObjects(sides, options, findings, context);
  const sampled = await samplesOf(sides, options, findings, context);
  await compareTables(sides, { ...options, sampled }, findings, context);
  if (options.level === 'content') await compareLargeObjects(sides, sampled, findings, context);
  await noteLeftOut(sides, findings);
  for (const part of options.ignore) findings.notes.push(`${part} were not compared, as was asked for`);
  return findings;
}

async function both<T>([source, other]: Sides, read: (side: LiveSide) => Promise<T>): Promise<[T, T]> {
  return Promise.all([read(source), read(other)]);
}

async function compareSequences(sides: Sides, findings: Findings, { onProgress }: CompareContext): Promise<void> {
  onProgress({ activity: 'comparing sequences' });
  const read = findings.both(
    'sequences',
    await both(sides, (side) =>
      side.attempt(async (session, signal) => ({
        facts: await sequenceFacts(session, side.scope, { signal }),
        hidden: await side.hiddenSequences(),
      })),
    ),
  );
  if (read === undefined) return;
  const hidden = new Set(read.flatMap((one) => one.hidden));
  const known = new Set(read.flatMap(({ facts }) => facts.map(({ name }) => name)));
  for (const name of hidden) if (known.has(name)) findings.leaveOut(name, noRightToSequence);
  const [source, other] = read.map(({ facts }) => facts.filter(({ name }) => !hidden.has(name))) as [Fact[], Fact[]];
  findings.compare(source, other);
}

async function compareObjects(
  sides: Sides,
  { ignore }: CompareOptions,
  findings: Findings,
  { onProgress }: CompareContext,
): Promise<void> {
  onProgress({ activity: 'comparing definitions' });
  const read = findings.both(
    'definitions',
    await both(sides, (side) => side.attempt((session, signal) => readDefinitions(session, side.scope, { signal }))),
  );
  if (read === undefined) return;
  const [source, other] = sides;
  const sameMajor = source.major === other.major;
  const { compared, differences } = compareDefinitions(...read, { sameMajor, owners: !ignore.includes('owners') });
  findings.compared += compared;
  findings.differences.push(...differences);
  if (!sameMajor) {
    const versions = `PostgreSQL ${other.major} writes them otherwise than ${source.major}`;
    findings.notes.push(`of definitions, owners and rights only which objects there are was compared: ${versions}`);
  }
}

/** Chosen at the source, so that both sides take the same rows. */
async function samplesOf(
  [source]: Sides,
  { level, sampleAboveBytes }: CompareOptions,
  findings: Findings,
  { onProgress }: CompareContext,
): Promise<readonly SampledTable[]> {
  if (level === 'rows' || sampleAboveBytes === undefined) return [];
  onProgress({ activity: 'choosing samples' });
  const sampled = await source.attempt((session, signal) => chooseSamples(session, sampleAboveBytes, signal));
  if ('why' in sampled) {
    findings.leaveOut('samples', `${sampled.why}; so every row is fingerprinted`);
    return [];
  }
  const chosen = sampled.value.filter(({ schema, name }) => source.scope.hasRowsOf({ schema, name }));
  for (const { schema, name, oneIn } of chosen) {
    findings.notes.push(`of ${schema}.${name} one row in ${oneIn} was fingerprinted, by its key; all were counted`);
  }
  return chosen;
}

interface TableOptions extends CompareOptions {
  readonly sampled: readonly SampledTable[];
}

async function compareTables(
  sides: Sides,
  options: TableOptions,
  findings: Findings,
  context: CompareContext,
): Promise<void> {
  const [source, other] = sides;
  const labels = [...new Set([...source.tables.keys(), ...other.tables.keys()])].sort();
  const sizeOf = (label: string) => (source.tables.get(label) ?? other.tables.get(label))?.estimatedBytes ?? 0;
  const totalBytes = labels.reduce((sum, label) => sum + sizeOf(label), 0);
  findings.tables = labels.length;
  let doneBytes = 0;
  for (const label of labels) {
    context.onProgress({ activity: 'comparing rows', doneBytes, totalBytes });
    const [before, after] = [source.tables.get(label), other.tables.get(label)];
    if (before !== undefined && after !== undefined)
      await compareTable(sides, [before, after], options, findings, context);
    else await countAlone(sides, label, findings);
    doneBytes += sizeOf(label);
  }
}

/** A table that one side lacks: how many rows it lacks with it. */
async function countAlone(sides: Sides, label: string, findings: Findings): Promise<void> {
  const isInSource = sides[0].tables.has(label);
  const side = isInSource ? sides[0] : sides[1];
  const table = side.tables.get(label);
  if (table === undefined) return;
  const rows = await side.measure(table, { mode: 'rows' });
  const counted = 'value' in rows ? (rows.value.find(({ name }) => name === `rows ${label}`)?.value ?? '') : 'unknown';
  const known = isInSource ? { source: counted, other: null } : { source: null, other: counted };
  findings.compared += 1;
  findings.differences.push({ name: `rows ${label}`, ...known });
}

async function compareTable(
  sides: Sides,
  tables: readonly [ComparedTable, ComparedTable],
  options: TableOptions,
  findings: Findings,
  context: CompareContext,
): Promise<void> {
  const [before, after] = tables;
  findings.compare([columnFact(before)], [columnFact(after)]);
  const sameColumns = before.columnNames.join('\0') === after.columnNames.join('\0');
  if (options.level === 'content' && !sameColumns) {
    findings.notes.push(`the content of ${before.label} was not compared, since its columns differ`);
  }
  const mode = sameColumns ? options.level : 'rows';
  const measures = { mode, sampled: options.sampled };
  const read = findings.both(
    `rows of ${before.label}`,
    await Promise.all([sides[0].measure(before, measures), sides[1].measure(after, measures)]),
  );
  if (read === undefined || findings.compare(...read).length === 0 || options.keys === undefined) return;
  const search = { mode, limit: options.keys, sample: sampleOf(options.sampled, before) } as const;
  context.onProgress({ activity: `looking for keys of ${before.label}` });
  await nameKeys(sides, tables, search, findings);
}

async function nameKeys(
  sides: Sides,
  tables: readonly [ComparedTable, ComparedTable],
  search: { readonly mode: 'rows' | 'content'; readonly limit: number; readonly sample: SampledTable | undefined },
  findings: Findings,
): Promise<void> {
  const [before, after] = tables;
  if (before.key.length === 0 || before.key.join('\0') !== after.key.join('\0')) {
    findings.notes.push(`keys of ${before.label} cannot be told: it has no primary key that is the same on both sides`);
    return;
  }
  const found = await findDifferingKeys(sides, tables, search);
  if ('why' in found) findings.notes.push(`keys of ${before.label} could not be found: ${found.why}`);
  else findings.keys.push(found.value);
}

async function compareLargeObjects(
  sides: Sides,
  sampled: readonly SampledTable[],
  findings: Findings,
  { onProgress }: CompareContext,
): Promise<void> {
  if (!sides.every(({ scope }) => scope.hasLargeObjects)) return;
  onProgress({ activity: 'comparing large objects' });
  const sample = sampleOf(sampled, largeObjectTable);
  const read = findings.both(
    'content of large objects',
    await both(sides, (side) => side.attempt((session, signal) => largeObjectFacts(session, sample, signal))),
  );
  if (read !== undefined) findings.compare(...read);
}

export async function noteLeftOut(sides: readonly LiveSide[], findings: Findings): Promise<void> {
  for (const side of sides) {
    const left = await side.leftOut();
    if ('value' in left && left.value.length > 0) {
      findings.notes.push(`not compared in ${side.name}: rows of ${left.value.join(', ')}`);
    }
  }
}
