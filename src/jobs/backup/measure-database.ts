import type { WorkContext } from '../../core/work-context.ts';
import type { PostgresAccess } from '../../targets/libpq/access.ts';
import { openSession, type PostgresSession } from '../../targets/postgres/session.ts';
import type { Fact, Selection } from '../manifest.ts';
import { definitionFacts } from './definitions/index.ts';
import { largeObjectTable } from './definitions/kind.ts';
import { extensionTableFacts } from './extension-tables.ts';
import {
  factSettings,
  givingLocksBack,
  listTables,
  type Measures,
  type RowMeasures,
  sampleOf,
  type TableName,
  tableFacts,
} from './postgres-facts.ts';
import { largeObjectFacts } from './postgres-large-objects.ts';
import { Scope } from './selection.ts';
import { sequenceFacts } from './sequence-facts.ts';

/** A restore stands in nobody's way, and its tables are waiting to be read. What must not be read in parallel the server knows. */
const restoredSettings = { ...factSettings, max_parallel_workers_per_gather: '2' };

/** Measures a restored database as the source was measured. */
export async function measureDatabase(
  access: PostgresAccess,
  { facts, selection }: { readonly facts: RowMeasures; readonly selection?: Selection | undefined },
  { signal }: Pick<WorkContext, 'signal'>,
): Promise<Fact[]> {
  await using session = await openSession(access, { signal, settings: restoredSettings });
  const measures = { ...facts, selection };
  return [
    ...(await sequenceFacts(session, new Scope(selection), { signal })),
    ...(await objectAndRowFacts(session, await listTables(session, signal), measures, { signal })),
  ];
}

/** Measures what the transaction of `session` sees, and gives back the locks that it takes for it. */
export function measureInTransaction(
  session: PostgresSession,
  tables: readonly TableName[],
  measures: Measures,
  signal: AbortSignal,
): Promise<Fact[]> {
  return givingLocksBack(session, signal, (afterEach) =>
    objectAndRowFacts(session, tables, measures, { signal, afterEach }),
  );
}

interface MeasureOptions {
  readonly signal: AbortSignal;
  readonly afterEach?: () => Promise<unknown>;
}

async function objectAndRowFacts(
  session: PostgresSession,
  tables: readonly TableName[],
  measures: Measures,
  options: MeasureOptions,
): Promise<Fact[]> {
  const scope = new Scope(measures.selection);
  const withRows = tables.filter((table) => scope.hasRowsOf(table));
  return [
    ...(await definitionFacts(session, scope, options)),
    ...(await tableFacts(session, withRows, measures, options)),
    ...(await extensionTableFacts(session, scope, options)),
    ...(await ofLargeObjects(session, scope, measures, options)),
  ];
}

/** A dump of chosen schemas or tables has none. */
async function ofLargeObjects(
  session: PostgresSession,
  scope: Scope,
  { mode, sampled }: Measures,
  { signal }: MeasureOptions,
): Promise<Fact[]> {
  if (mode === 'rows' || !scope.hasLargeObjects) return [];
  return largeObjectFacts(session, sampleOf(sampled, largeObjectTable), signal);
}
