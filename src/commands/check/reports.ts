import type { LoadedConfig } from '../../config/loaded.ts';
import { errorMessage } from '../../core/errors.ts';
import type { WorkContext } from '../../core/work-context.ts';
import type { ChainCheck } from '../../jobs/check-chain.ts';
import { placesOf } from '../../jobs/lineage.ts';
import { type CheckFinding, findingsAbout } from './finding.ts';

/** The chain of a target in a store; undefined when nothing is known of it. */
export type LookAtReports = (store: string, target: string) => Promise<ChainCheck | undefined>;

/** Whether the reports by which backups count as proven are those that were written. */
export async function checkReports(
  config: LoadedConfig,
  look: LookAtReports,
  { signal }: Pick<WorkContext, 'signal'>,
): Promise<CheckFinding[]> {
  const all: CheckFinding[] = [];
  const lineages = config.targets.flatMap(({ backups }) => backups.flatMap((backup) => backup.lineages));
  for (const { store, target } of placesOf(lineages)) {
    const findings = findingsAbout(`reports of target ${target}`);
    try {
      const check = await look(store, target);
      if (check !== undefined) tell(check, store, findings);
    } catch (error) {
      signal.throwIfAborted();
      findings.warning(`reading the reports in store ${store}: ${errorMessage(error)}`);
    }
    all.push(...findings.all);
  }
  return all;
}

function tell(
  { problems, reports, target }: ChainCheck,
  store: string,
  findings: ReturnType<typeof findingsAbout>,
): void {
  const [first, ...others] = problems;
  if (first === undefined) {
    if (reports > 0) findings.ok(`none of the ${reports} reports in store ${store} was changed or is missing`);
    return;
  }
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  findings.error(
    `in store ${store}, ${first.message}${more}: what counts as proven there may not be`,
    `watchkeeper reports ${target} --store ${store}`,
  );
}
