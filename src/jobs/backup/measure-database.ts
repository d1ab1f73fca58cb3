import type { WorkContext } from '../../core/work-context.ts';
import type { PostgresAccess } from '../../targets/libpq/access.ts';
import { openSession, type PostgresSession } from '../../targets/postgres/session.ts';
import type { Fact } from '../manifest.ts';
import { definitionFacts } from './definitions/index.ts';
import {
  factSettings,
  givingLocksBack,
  listTables,
  type RowMeasures,
  sequenceFacts,
  type TableName,
  tableFacts,
} from './postgres-facts.ts';
import { largeObjectFacts, largeObjectTable } from './postgres-large-objects.ts';

/** Measures a restored database as the source was measured. */
export async function measureDatabase(
  access: PostgresAccess,
  manifest: { readonly facts: RowMeasures },
  { signal }: Pick<WorkContext, 'signal'>,
): Promise<Fact[]> {
  await using session = await openSession(access, { signal, settings: factSettings });
  return [
    ...(await sequenceFacts(session, signal)),
    ...(await definitionFacts(session, { signal })),
    ...(await rowFacts(session, await listTables(session, signal), manifest.facts, { signal })),
  ];
}

/** Measures what the transaction of `session` sees, and gives back the locks that it takes for it. */
export function measureInTransaction(
  session: PostgresSession,
  tables: readonly TableName[],
  measures: RowMeasures,
  signal: AbortSignal,
): Promise<Fact[]> {
  return givingLocksBack(session, signal, async (afterEach) => [
    ...(await definitionFacts(session, { signal, afterEach })),
    ...(await rowFacts(session, tables, measures, { signal, afterEach })),
  ]);
}

async function rowFacts(
  session: PostgresSession,
  tables: readonly TableName[],
  measures: RowMeasures,
  options: { readonly signal: AbortSignal; readonly afterEach?: () => Promise<unknown> },
): Promise<Fact[]> {
  const facts = await tableFacts(session, tables, measures, options);
  if (measures.mode === 'rows') return facts;
  const { schema, name } = largeObjectTable;
  const sample = measures.sampled?.find((one) => one.schema === schema && one.name === name);
  return [...facts, ...(await largeObjectFacts(session, sample, options.signal))];
}
