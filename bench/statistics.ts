/** One figure of a benchmark; `goal` says when it counts as reached. */
export interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly goal?: { readonly atLeast?: number; readonly atMost?: number } | undefined;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function isReached({ value, goal }: Row): boolean {
  if (goal === undefined) return true;
  return value >= (goal.atLeast ?? Number.NEGATIVE_INFINITY) && value <= (goal.atMost ?? Number.POSITIVE_INFINITY);
}

export function formatRow(row: Row): string {
  const goal =
    row.goal?.atLeast !== undefined
      ? ` (goal ≥ ${row.goal.atLeast})`
      : row.goal?.atMost !== undefined
        ? ` (goal ≤ ${row.goal.atMost})`
        : '';
  const verdict = row.goal === undefined ? '' : isReached(row) ? '  reached' : '  MISSED';
  return `${row.value.toFixed(row.unit === 'MiB' ? 0 : 2).padStart(9)} ${row.unit.padEnd(4)} ${row.what}${goal}${verdict}`;
}

/** What ours costs as a share of what the peer costs. */
export function againstPeer(what: string, ours: number, peer: number, atMost: number): Row {
  return { what: `${what} against the peer`, value: ours / peer, unit: 'x', goal: { atMost } };
}
