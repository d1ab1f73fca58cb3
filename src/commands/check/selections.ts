import { errorMessage, findCause } from '../../core/errors.ts';
import { nameSome } from '../../core/name-some.ts';
import { nameForeignKeys } from '../../jobs/backup/foreign-keys.ts';
import { type OutsideNeed, outsideNeeds } from '../../jobs/backup/outside-needs.ts';
import {
  isEverything,
  patternsWithoutFit,
  readSelectable,
  resolveDumpedSelection,
  Scope,
  type Selectable,
} from '../../jobs/backup/selection.ts';
import { JobFailed } from '../../jobs/job.ts';
import type { Selection } from '../../jobs/manifest.ts';
import type { PostgresSession } from '../../targets/postgres/session.ts';
import type { Findings } from './finding.ts';
import type { ChosenBySchedule } from './source.ts';

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
  const isAnyPart = chosen.some(({ select }) => !isEverything(select));
  const selectable = isAnyPart ? await readSelectable(session, signal) : { schemas: [], relations: [] };
  for (const one of chosen) {
    const { schedule, select } = one;
    try {
      const selection = await resolveDumpedSelection(session, select, signal, selectable);
      const scope = new Scope(selection);
      scopes.push(scope);
      if (selection === undefined) continue;
      if (one.chosenFrom !== 'any') checkPatterns(one, selectable, findings);
      await checkSelection(schedule, { selection, scope, session }, findings, signal);
    } catch (error) {
      if (findCause(error, JobFailed) === undefined) throw error;
      findings.error(`${schedule}: ${errorMessage(error)}`, 'look at `select` of the schedule');
    }
  }
  return scopes;
}

/** Where one name of several is wrong, the backup is taken without it, and nothing else tells. */
function checkPatterns(
  { schedule, select, chosenFrom }: ChosenBySchedule,
  selectable: Selectable,
  findings: Findings,
): void {
  for (const { setting, pattern } of patternsWithoutFit(selectable, select)) {
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
  const keys = nameForeignKeys(of.selection);
  if (keys !== '') {
    findings.warning(
      `${schedule}: foreign keys to what is not backed up are not restored: ${keys}`,
      'choose the tables that they refer to as well, if you want them',
    );
  }
  const needs = await outsideNeeds(of.session, of.scope, signal);
  if (needs.length === 0) return;
  findings.error(
    `${schedule}: what is backed up cannot be restored by itself: ${nameSome(needs.map(described))}`,
    'choose that as well, or whole schemas; restore it only where it is already, and switch proofs off',
  );
}

function described({ needing, needed }: OutsideNeed): string {
  return `${needing} needs ${needed}`;
}
