import type { ComparedCount } from '../comparison.ts';
import type { Findings } from '../findings.ts';
import type { LoneCollection, RecordCount, RecordPair } from './collection.ts';

/** As a table that one database lacks: how many records it lacks with it. */
export async function countLone({ label, in: where, collection }: LoneCollection, findings: Findings): Promise<void> {
  const count = await collection.count();
  const known = 'value' in count ? describe(count.value) : 'unknown';
  findings.compared += 1;
  const sides = where === 'source' ? { source: known, other: null } : { source: null, other: known };
  findings.differences.push({ name: `rows ${label}`, ...sides });
}

/** The difference, or why the counts were not compared. */
export async function compareCounts({ label, sides: [source, other] }: RecordPair, findings: Findings): Promise<void> {
  const read = findings.both(`rows of ${label}`, await Promise.all([source.count(), other.count()]));
  if (read === undefined) return;
  const [before, after] = read;
  findings.counts.push(comparedCount(label, before, after));
  const doubts = read.flatMap(({ doubt }) => (doubt === undefined ? [] : [doubt]));
  if (doubts.length > 0) {
    findings.leaveOut(
      `rows of ${label}`,
      `${describe(before)} and ${describe(after)}: ${[...new Set(doubts)].join('; ')}`,
    );
  }
  const isDifferent =
    doubts.length === 0 ? before.records !== after.records : hasMore(before, after) || hasMore(after, before);
  if (doubts.length === 0 || isDifferent) findings.compared += 1;
  if (isDifferent) {
    findings.differences.push({ name: `rows ${label}`, source: describe(before), other: describe(after) });
  }
}

/** Whether a part of one has more than the whole of the other. */
function hasMore(part: RecordCount, whole: RecordCount): boolean {
  return part.isAtLeast === true && whole.doubt === undefined && part.records > whole.records;
}

function comparedCount(name: string, source: RecordCount, other: RecordCount): ComparedCount {
  const sides = { source, other };
  const names = ['source', 'other'] as const;
  const partial = names.filter((side) => sides[side].isAtLeast === true);
  return {
    ...{ name, source: source.records, other: other.records },
    estimated: names.filter((side) => sides[side].doubt !== undefined && !partial.includes(side)),
    ...(partial.length === 0 ? {} : { partial }),
  };
}

function describe({ records, doubt, isAtLeast }: RecordCount): string {
  if (doubt === undefined) return String(records);
  return isAtLeast === true ? `at least ${records}` : `about ${records}`;
}
