import { formatDuration } from '../../core/duration.ts';
import type {
  ComparedCount,
  ComparedState,
  Comparison,
  Difference,
  DifferingKeys,
} from '../../jobs/compare/comparison.ts';
import { counted, formatTable } from '../terminal.ts';

/** For people: what was compared, every difference, and what was not compared. */
export function renderComparison(comparison: Comparison): string {
  const { differences, keys, notCompared, notes } = comparison;
  const { shown, within } = foldMissingRelations(differences);
  const sections = [
    header(comparison),
    shown.length === 0 ? undefined : differenceTable(comparison, shown, within),
    countTable(comparison),
    ...keys.map(describeKeys),
    list(
      'NOT COMPARED',
      notCompared.map(({ what, why }) => `${what}: ${why}`),
    ),
    list('notes', notes),
    verdict(comparison),
  ];
  return sections.filter((section) => section !== undefined).join('\n\n');
}

function header({ source, other, snapshotsWithinSeconds }: Comparison): string {
  const rows = [
    ['source', ...describeState(source)],
    ['other', ...describeState(other)],
  ];
  const within =
    snapshotsWithinSeconds === undefined
      ? ''
      : `\nboth snapshots were taken within ${formatDuration(snapshotsWithinSeconds * 1_000)}; what was written between them shows as a difference`;
  return `${formatTable(['', 'DATABASE', 'VERSION', 'STATE OF', ''], rows)}${within}`;
}

function describeState({ target, database, version, snapshotAt, backup }: ComparedState): string[] {
  const from = backup === undefined ? '' : `backup ${backup.id} in store ${backup.store}`;
  return [database === '' ? target : `${target}/${database}`, version, snapshotAt, from];
}

/** What was counted and sampled, the same or not. */
function countTable({ counts = [], samples = [] }: Comparison): string | undefined {
  const names = [...new Set([...counts, ...samples].map(({ name }) => name))];
  if (names.length === 0) return undefined;
  const rows = names.map((name) => {
    const count = counts.find((one) => one.name === name);
    const sample = samples.find((one) => one.name === name);
    return [
      name,
      countOf(count, 'source'),
      countOf(count, 'other'),
      sample === undefined ? '–' : `${sample.fromSource} and ${sample.fromOther}`,
    ];
  });
  return formatTable(['COUNTED', 'SOURCE', 'OTHER', 'SAMPLES'], rows);
}

function countOf(count: ComparedCount | undefined, side: 'source' | 'other'): string {
  if (count === undefined) return '–';
  if (count.partial?.includes(side) === true) return `at least ${count[side]}`;
  return count.estimated.includes(side) ? `about ${count[side]}` : String(count[side]);
}

/** Things of a table or view that one side lacks altogether are told by it alone. */
function foldMissingRelations(differences: readonly Difference[]): {
  readonly shown: readonly Difference[];
  readonly within: ReadonlyMap<string, number>;
} {
  const relationOf = ({ name }: Difference) =>
    /^(?:tables|partitioned tables|foreign tables|views|materialized views|sequences) (\S+)$/.exec(name)?.[1];
  const missing = new Map<string, string>();
  for (const one of differences) {
    const label = relationOf(one);
    if (label !== undefined && (one.source === null || one.other === null)) missing.set(label, one.name);
  }
  const within = new Map<string, number>();
  const shown = differences.filter(({ name, source, other }) => {
    if (name.startsWith('rows ') || (source !== null && other !== null)) return true;
    const owner = name.split(' ').flatMap((word) => missing.get(word) ?? [])[0];
    if (owner === undefined || owner === name) return true;
    within.set(owner, (within.get(owner) ?? 0) + 1);
    return false;
  });
  return { shown, within };
}

function differenceTable(
  { source, other }: Comparison,
  differences: readonly Difference[],
  within: ReadonlyMap<string, number>,
): string {
  const rows = differences.map((difference) => {
    const { name } = difference;
    const inside = within.get(name);
    const label = inside === undefined ? name : `${name} (and ${inside} that belong to it)`;
    return [label, ...bothValues(difference)];
  });
  const title = (side: ComparedState, word: string) => `${word} ${side.database}`.trim();
  return formatTable(['DIFFERENT', title(source, 'SOURCE'), title(other, 'OTHER')], rows);
}

/** Hashes say nothing to people. */
function bothValues({ name, source, other }: Difference): [string, string] {
  const isShown = /^(rows|samples|index|sequence|column order|objects) /.test(name);
  if (isShown) return [source ?? '–', other ?? '–'];
  if (source === null || other === null) return [presence(source), presence(other)];
  return ['there', 'there, but different'];
}

function presence(value: string | null): string {
  return value === null ? '–' : 'there';
}

function describeKeys(keys: DifferingKeys): string {
  const { table, columns, onlyInSource, onlyInOther, changed, changedColumns = [], more } = keys;
  const lines = [
    ...keyLines('only in source', onlyInSource),
    ...keyLines('only in other', onlyInOther),
    ...keyLines('different', changed).map((line, at) => `${line}${inColumns(changedColumns[at])}`),
    ...(more ? ['  … and more'] : []),
  ];
  return [`keys of ${table} (${columns.join(', ')})`, ...lines].join('\n');
}

function keyLines(what: string, keys: readonly (readonly string[])[]): string[] {
  return keys.map((key) => `  ${what}: ${key.map(printable).join(', ')}`);
}

/** Keys may hold anything, control characters of terminals included. */
function printable(text: string): string {
  return /\p{Cc}/u.test(text) ? JSON.stringify(text) : text;
}

function inColumns(columns: readonly string[] | undefined): string {
  return columns === undefined ? '' : ` (${columns.join(', ')})`;
}

function list(title: string, lines: readonly string[]): string | undefined {
  return lines.length === 0 ? undefined : [title, ...lines.map((line) => `  ${line}`)].join('\n');
}

function verdict({ result, level, compared, tables, differences, notCompared }: Comparison): string {
  const scope = `${counted(compared, 'item')} of ${counted(tables, 'table')} compared (${level})`;
  switch (result) {
    case 'same':
      return `SAME: ${scope}`;
    case 'different':
      return `DIFFERENT: ${counted(differences.length, 'difference')}, ${scope}`;
    case 'incomplete':
      return `NOT FULLY COMPARED: no difference found, but ${notCompared.length} could not be compared; ${scope}`;
  }
}
