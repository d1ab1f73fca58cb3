import { type Collector, NotApplicable } from '../../collectors/collector.ts';
import { errorMessage } from '../../core/errors.ts';
import type { WorkContext } from '../../core/work-context.ts';
import type { Findings } from './finding.ts';

/** Collects every family once: what is watched must be readable. */
export async function tryFamilies<S>(
  collectors: readonly Collector<S>[],
  source: S,
  given: { readonly findings: Findings; readonly remedy: string; readonly context: WorkContext },
): Promise<void> {
  const { findings, remedy, context } = given;
  const absent: string[] = [];
  let collected = 0;
  for (const collector of collectors) {
    try {
      await collector.collect(source, context);
      collected++;
    } catch (error) {
      context.signal.throwIfAborted();
      if (error instanceof NotApplicable) absent.push(collector.name);
      else findings.error(`the family ${collector.name} cannot be collected: ${errorMessage(error)}`, remedy);
    }
  }
  const without = absent.length === 0 ? '' : `; there is nothing to measure for ${absent.join(', ')}`;
  findings.ok(`${collected} families can be collected${without}`);
}
