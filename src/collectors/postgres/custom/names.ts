import type { CustomColumn } from './family.ts';
import { metricColumns, namesOfColumn } from './family.ts';

/** What Prometheus takes for a metric; colons are for its recording rules. */
export const metricNamePattern = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const labelNamePattern = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
/** The writer gives every sample this label. */
const labelOfTarget = 'target';

/** What keeps the columns of one family from being metrics on one page, each with the column it is about. */
export function nameProblems(
  columns: readonly CustomColumn[],
): { readonly column: string; readonly message: string }[] {
  return [...labelProblems(columns), ...metricProblems(columns)];
}

function labelProblems(columns: readonly CustomColumn[]) {
  const labels = columns.filter((column) => column.kind === 'label');
  const hasHistogram = columns.some(({ kind }) => kind === 'histogram');
  const seen = new Set<string>();
  return labels.flatMap(({ column, name }) => {
    const isRepeated = seen.has(name);
    seen.add(name);
    if (!labelNamePattern.test(name) || name.startsWith('__')) return [{ column, message: 'is no name for a label' }];
    if (name === labelOfTarget) return [{ column, message: `every sample has a label "${name}" already` }];
    if (name === 'le' && hasHistogram) return [{ column, message: 'a histogram has a label "le" of its own' }];
    return isRepeated ? [{ column, message: `is the second label "${name}"` }] : [];
  });
}

function metricProblems(columns: readonly CustomColumn[]) {
  const seen = new Set<string>();
  return metricColumns({ columns }).flatMap((one) => {
    const { column, name } = one;
    const names = namesOfColumn(one);
    const isRepeated = names.some((candidate) => seen.has(candidate));
    for (const candidate of names) seen.add(candidate);
    if (!metricNamePattern.test(name)) return [{ column, message: 'is no name for a metric: letters, digits and "_"' }];
    return isRepeated ? [{ column, message: 'is called like another metric of the family' }] : [];
  });
}
