import { errorMessage, findCause } from '../../core/errors.ts';
import { factLabel } from '../../jobs/backup/fact-label.ts';
import { type OutsideNeed, outsideNeeds } from '../../jobs/backup/outside-needs.ts';
import { patternsWithoutFit, resolveDumpedSelection, Scope } from '../../jobs/backup/selection.ts';
import { JobFailed } from '../../jobs/job.ts';
import type { Selection } from '../../jobs/manifest.ts';
import type { PostgresSession } from '../../targets/postgres/session.ts';
import type { Findings } from './finding.ts';
import type { ChosenBySchedule } from './source.ts';

const mostNamed = 3;

/**
 * What of a database is backed up, by schedule; where that is a part, whether it can be restored by itself. A schedule that
 * fits nothing is a finding and has no scope.
 */
export async function checkSelections(
  chosen: readonly ChosenBySchedule[],
  session: PostgresSession,
  findings: Findings,
  signal: AbortSignal,
): Promise<Scope[]> {
  const scopes: Scope[] = [];
  for (const one of chosen) {
    const { schedule, select } = one;
    try {
      const selection = await resolveDumpedSelection(session, select, signal);
      const scope = new Scope(selection);
      scopes.push(scope);
      if (one.chosenFrom !== 'any') await checkPatterns(one, session, findings, signal);
      if (selection !== undefined) await checkSelection(schedule, { selection, scope, session }, findings, signal);
    } catch (error) {
      if (findCause(error, JobFailed) === undefined) throw error;
      findings.error(`${schedule}: ${errorMessage(error)}`, 'look at `select` of the schedule');
    }
  }
  return scopes;
}

/** Where one name of several is wrong, the backup is taken without it, and nothing else tells. */
async function checkPatterns(
  { schedule, select, chosenFrom }: ChosenBySchedule,
  session: PostgresSession,
  findings: Findings,
  signal: AbortSignal,
): Promise<void> {
  for (const { setting, pattern } of await patternsWithoutFit(session, select, signal)) {
    // A name that is meant to be backed up, and no other database of the schedule has it.
    const isLost = (setting === 'tables' || setting === 'schemas') && !/[*?]/.test(pattern) && chosenFrom === 'one';
    const message = `${schedule}: nothing in the database fits "${pattern}" of select.${setting}`;
    if (isLost) findings.error(`${message}: it is not backed up`, 'correct the name, or take it out');
    else findings.warning(message, 'correct it, or take it out');
  }
}

async function checkSelection(
  schedule: string,
  of: { readonly selection: Selection; readonly scope: Scope; readonly session: PostgresSession },
  findings: Findings,
  signal: AbortSignal,
): Promise<void> {
  const keys = of.selection.withoutForeignKeys ?? [];
  if (keys.length > 0) {
    const names = keys.map(({ schema, table, name }) => `${name} of ${factLabel(schema, table)}`);
    findings.warning(
      `${schedule}: foreign keys to what is not backed up are not restored: ${first(names)}`,
      'choose the tables that they refer to as well, if you want them',
    );
  }
  const needs = await outsideNeeds(of.session, of.scope, signal);
  if (needs.length === 0) return;
  findings.error(
    `${schedule}: what is backed up cannot be restored by itself: ${first(needs.map(described))}`,
    'choose that as well, or whole schemas; restore it only where it is already, and switch proofs off',
  );
}

function described({ needing, needed }: OutsideNeed): string {
  return `${needing} needs ${needed}`;
}

function first(names: readonly string[]): string {
  const more = names.length > mostNamed ? ` and ${names.length - mostNamed} more` : '';
  return `${names.slice(0, mostNamed).join(', ')}${more}`;
}
