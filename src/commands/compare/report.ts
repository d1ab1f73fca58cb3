import type { ComparedState, Comparison } from '../../jobs/compare/comparison.ts';
import type { Findings } from '../../jobs/compare/findings.ts';
import type { CommandContext } from '../command-context.ts';

/** The report of what was found. */
export function reportOf(
  findings: Findings,
  [source, other]: readonly [ComparedState, ComparedState],
  level: Comparison['level'],
  run: { readonly startedAt: Date; readonly context: CommandContext },
): Comparison {
  const { result, compared, tables, differences, keys, counts, samples, notCompared, notes } = findings;
  return {
    format: 'watchkeeper-comparison/1',
    result,
    level,
    source,
    other,
    startedAt: run.startedAt.toISOString(),
    finishedAt: run.context.clock.now().toISOString(),
    ...{ compared, tables, differences, keys },
    ...(level === 'samples' ? { counts, samples } : {}),
    ...{ notCompared, notes },
  };
}
