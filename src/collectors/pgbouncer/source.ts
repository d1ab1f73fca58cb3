import type { WorkContext } from '../../core/work-context.ts';
import type { Row } from '../../targets/libpq/client-session.ts';
import { type ConsoleView, type PgbouncerConsole, ViewMissing } from '../../targets/pgbouncer/console.ts';
import { type Collector, NotApplicable } from '../collector.ts';
import type { PgbouncerWatchSettings } from './settings.ts';

/** What the PgBouncer families read from. */
export interface PgbouncerSource {
  readonly console: PgbouncerConsole;
  readonly settings: Pick<PgbouncerWatchSettings, 'applicationNameLimit' | 'rowLimit'>;
}

export type PgbouncerCollector = Collector<PgbouncerSource>;

/** Rows of `SHOW view`. Throws {@link NotApplicable} where PgBouncer has no such view. */
export async function readView(
  { console }: PgbouncerSource,
  view: ConsoleView,
  { signal }: WorkContext,
): Promise<Row[]> {
  try {
    return await console.show(view, { signal });
  } catch (error) {
    if (error instanceof ViewMissing) throw new NotApplicable(error.message, { cause: error });
    throw error;
  }
}
