import { NotApplicable } from '../../collectors/collector.ts';
import { customCollector } from '../../collectors/postgres/custom/collector.ts';
import type { LoadedPostgres } from '../../config/loaded.ts';
import { errorMessage } from '../../core/errors.ts';
import type { WorkContext } from '../../core/work-context.ts';
import type { PostgresSession } from '../../targets/postgres/session.ts';
import type { Findings } from './finding.ts';

/** Runs each statement that the user wrote once, in the database of the target's URL, as a scrape would. */
export async function checkCustomFamilies(
  target: LoadedPostgres,
  session: PostgresSession,
  findings: Findings,
  context: WorkContext,
): Promise<void> {
  for (const family of target.customFamilies) {
    if (target.watch.collectors[family.name] === false) continue;
    const name = `the family "${family.name}"`;
    try {
      const samples = await customCollector(family).collect({ session, settings: target.watch }, context);
      // One tells how many rows were left out.
      const count = samples.length - 1;
      findings.ok(`${name} gives ${count} ${count === 1 ? 'sample' : 'samples'}`);
    } catch (error) {
      context.signal.throwIfAborted();
      if (error instanceof NotApplicable) findings.warning(`${name} measures nothing here: ${error.message}`);
      else findings.error(`${name}: ${errorMessage(error)}`, `mend it in ${family.file}`);
    }
  }
}
