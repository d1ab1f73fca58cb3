import { matchesWildcard } from '../../core/wildcard.ts';
import { majorOf } from '../../targets/postgres/major-version.ts';
import { definitionFacts } from '../backup/definitions/index.ts';
import { largeObjectTable } from '../backup/definitions/kind.ts';
import { sampleOf } from '../backup/postgres-facts.ts';
import { largeObjectFacts } from '../backup/postgres-large-objects.ts';
import { sequenceFacts } from '../backup/sequence-facts.ts';
import { isOfOwnRevision, judgeable, toldOtherwise } from '../compare-facts.ts';
import { extentNote, extentOf } from '../extent.ts';
import type { Fact, OpenedManifest } from '../manifest.ts';
import { type CompareContext, type CompareOptions, noRightToSequence, noteLeftOut } from './compare-databases.ts';
import { Findings, fingerprintDoubt } from './findings.ts';
import type { LiveSide } from './live-side.ts';

/** Only these schemas or tables of what the backup holds, as patterns. */
export interface BackupPart {
  readonly schemas?: readonly string[] | undefined;
  readonly tables?: readonly string[] | undefined;
}

export interface CompareBackupOptions extends Pick<CompareOptions, 'level' | 'ignore'> {
  readonly part: BackupPart;
}

/**
 * Compares what a backup held, by the facts in its manifest, with what a database holds now; nothing is restored. The side has
 * its snapshot taken, and the selection of the backup chosen.
 */
export async function compareWithBackup(
  manifest: OpenedManifest,
  side: LiveSide,
  options: CompareBackupOptions,
  context: CompareContext,
): Promise<Findings> {
  const findings = new Findings(
    fingerprintDoubt({ major: majorOf(manifest.source.versionNumber), encoding: manifest.source.encoding }, side),
  );
  const isWanted = factFilter(manifest, side, options);
  const expected = manifest.facts.items.filter(isWanted);
  const counts = expected.filter(({ name }) => isAboutRows(name));
  await compareStructure(expected, side, { isWanted, options }, findings, context);
  await compareTables(counts, side, { manifest, isWanted, level: options.level }, findings, context);
  if (expected.some(({ name }) => name === largeObjectContent)) {
    await compareLargeObjects(expected, side, manifest, findings, context);
  }
  await noteLeftOut([side], findings);
  noteNotJudged(manifest, side, options, findings);
  return findings;
}

const largeObjectContent = 'content large objects';

function isAboutRows(name: string): boolean {
  return /^(rows|content) /.test(name) && name !== largeObjectContent;
}

type FactFilter = (fact: Fact) => boolean;

/** Which facts count, of those of the manifest and of those that are measured now. */
function factFilter(
  manifest: OpenedManifest,
  side: LiveSide,
  { level, ignore, part }: CompareBackupOptions,
): FactFilter {
  const where = {
    manifest,
    major: side.major,
    ownership: ignore.includes('owners') ? 'ignore' : 'restore',
  } as const;
  const isJudgeable = judgeable(where);
  const unwanted = [
    ...(level === 'rows' ? [/^content /] : []),
    ...(ignore.includes('sequences') ? [/^sequence /] : []),
    ...(ignore.includes('definitions') ? [/^(objects|definitions?) /] : []),
  ];
  return (fact) =>
    !unwanted.some((pattern) => pattern.test(fact.name)) &&
    isOfPart(fact.name, part) &&
    // A table that only one of them has is a difference, whichever version listed those of the backup.
    (isAboutRows(fact.name) || isJudgeable(fact));
}

/** Facts about the whole database are of no part of it. */
function isOfPart(name: string, { schemas, tables }: BackupPart): boolean {
  if (schemas === undefined && tables === undefined) return true;
  const [, label = ''] = /^(?:rows|content|sequence|definition) (.*)$/s.exec(name) ?? [];
  const parts = splitLabel(label);
  if (parts === undefined) return false;
  const [schema, relation] = parts;
  const fits = (patterns: readonly string[] | undefined, text: string) =>
    patterns?.some((pattern) => matchesWildcard(pattern, text)) ?? false;
  return fits(schemas, schema) || fits(tables, `${schema}.${relation}`);
}

/** Schema and name of what `factLabel` wrote. */
function splitLabel(label: string): readonly [string, string] | undefined {
  const part = '("(?:[^"]|"")+"|[^".]+)';
  const match = new RegExp(`^${part}\\.${part}$`, 's').exec(label);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  const plain = (text: string) => (text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text);
  return [plain(match[1]), plain(match[2])];
}

async function compareStructure(
  expected: readonly Fact[],
  side: LiveSide,
  { isWanted, options: { ignore } }: { readonly isWanted: FactFilter; readonly options: CompareBackupOptions },
  findings: Findings,
  { onProgress }: CompareContext,
): Promise<void> {
  onProgress({ activity: 'comparing definitions' });
  const kinds = [
    { what: 'sequences', pattern: /^sequence /, ignored: ignore.includes('sequences') },
    { what: 'definitions', pattern: /^(objects|definitions?) /, ignored: ignore.includes('definitions') },
  ];
  for (const { what, pattern, ignored } of kinds) {
    if (ignored) continue;
    const read = await side.attempt(async (session, signal) =>
      what === 'sequences'
        ? { facts: await sequenceFacts(session, side.scope, { signal }), hidden: await side.hiddenSequences() }
        : { facts: await definitionFacts(session, side.scope, { signal }), hidden: [] },
    );
    if ('why' in read) {
      findings.leaveOut(what, read.why);
      continue;
    }
    const hidden = new Set(read.value.hidden);
    const before = expected.filter(({ name }) => pattern.test(name));
    for (const { name } of before) if (hidden.has(name)) findings.leaveOut(name, noRightToSequence);
    const [held, holds] = [before, read.value.facts.filter(isWanted)].map((facts) =>
      facts.filter(({ name }) => !hidden.has(name)),
    );
    findings.compare(held ?? [], holds ?? []);
  }
}

async function compareTables(
  expected: readonly Fact[],
  side: LiveSide,
  how: { readonly manifest: OpenedManifest; readonly isWanted: FactFilter; readonly level: 'rows' | 'content' },
  findings: Findings,
  { onProgress }: CompareContext,
): Promise<void> {
  const heldOf = Map.groupBy(expected, ({ name }) => labelOf(name));
  const labels = new Set(heldOf.keys());
  const own = [...side.tables.values()].filter(({ label }) =>
    how.isWanted({ name: `rows ${label}`, value: '', compare: 'equal' }),
  );
  for (const { label } of own) labels.add(label);
  findings.tables = labels.size;
  const totalBytes = own.reduce((sum, { estimatedBytes }) => sum + estimatedBytes, 0);
  let doneBytes = 0;
  for (const label of [...labels].sort()) {
    onProgress({ activity: 'comparing rows', doneBytes, totalBytes });
    const held = heldOf.get(label) ?? [];
    const table = side.tables.get(label);
    doneBytes += table?.estimatedBytes ?? 0;
    if (table === undefined) {
      findings.compare(held, []);
      continue;
    }
    // Of a table that the backup does not have, nothing but the number of its rows is of interest.
    const mode = held.length === 0 ? 'rows' : how.level;
    const read = await side.measure(table, { mode, sampled: how.manifest.facts.sampled });
    if ('why' in read) findings.leaveOut(`rows of ${label}`, read.why);
    else findings.compare(held, read.value);
  }
}

function labelOf(factName: string): string {
  return factName.slice(factName.indexOf(' ') + 1);
}

async function compareLargeObjects(
  expected: readonly Fact[],
  side: LiveSide,
  { facts }: OpenedManifest,
  findings: Findings,
  { onProgress }: CompareContext,
): Promise<void> {
  onProgress({ activity: 'comparing large objects' });
  const sample = sampleOf(facts.sampled, largeObjectTable);
  const read = await side.attempt((session, signal) => largeObjectFacts(session, sample, signal));
  const held = expected.filter(({ name }) => name === largeObjectContent);
  if ('why' in read) findings.leaveOut('content of large objects', read.why);
  else findings.compare(held, read.value);
}

function noteNotJudged(
  manifest: OpenedManifest,
  side: LiveSide,
  { ignore, level, part }: CompareBackupOptions,
  findings: Findings,
): void {
  const major = majorOf(manifest.source.versionNumber);
  const { notes } = findings;
  if (major !== side.major && isOfOwnRevision(manifest) && !ignore.includes('definitions')) {
    notes.push(
      `of definitions only how many there are was compared: PostgreSQL ${side.major} writes them otherwise than ${major}`,
    );
  }
  if (!isOfOwnRevision(manifest) && !ignore.includes('definitions')) {
    notes.push(`definitions were not compared: ${toldOtherwise}`);
  }
  if (part.schemas !== undefined || part.tables !== undefined) {
    notes.push('facts about the whole database were not compared, since a part of it was chosen');
  }
  for (const { schema, name, oneIn } of level === 'content' ? (manifest.facts.sampled ?? []) : []) {
    notes.push(`of ${schema}.${name} one row in ${oneIn} is fingerprinted in the backup; all were counted`);
  }
  notes.push(...extentNote(extentOf(manifest)), 'a backup does not tell the order of columns');
  for (const one of ignore) notes.push(`${one} were not compared, as was asked for`);
}
