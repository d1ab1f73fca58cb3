import { type Sample, sample } from '../../../core/metric.ts';
import type { WorkContext } from '../../../core/work-context.ts';
import { rowsDropped } from '../../scrape-metrics.ts';
import type { PostgresCollector, PostgresSource } from '../source.ts';
import type { CustomFamily } from './family.ts';
import { runStatement } from './statement.ts';
import { type ReadTable, TableReader } from './table-reader.ts';

/** A family that a user wrote, as one of ours. */
export function customCollector(family: CustomFamily): PostgresCollector {
  const reader = new TableReader(family);
  const { name, prefix, file, scope, otherColumns, intervalMs } = family;
  const openNames = { prefix: `${prefix}_`, help: 'Columns that the file does not describe.', source: file };
  return {
    name,
    about: `From ${file}.`,
    scope,
    metrics: reader.metrics,
    ...(otherColumns === 'untyped' ? { openNames } : {}),
    enabledByDefault: true,
    ...(intervalMs === undefined ? {} : { minIntervalMs: intervalMs }),
    collect: async (source, context) => (await ask(family, reader, source, context)).samples,
  };
}

/** Runs the family's statement once and tells, beside its samples, what is left out of them and why. */
export function tryFamily(family: CustomFamily, source: PostgresSource, context: WorkContext): Promise<TriedFamily> {
  return ask(family, new TableReader(family), source, context);
}

interface TriedFamily extends ReadTable {
  /** Beyond the limit of the family. */
  readonly rowsDropped: number;
}

async function ask(
  family: CustomFamily,
  reader: TableReader,
  source: PostgresSource,
  context: WorkContext,
): Promise<TriedFamily> {
  const table = await runStatement(family, source, context);
  const { samples, notes } = reader.read(table, source.session.database);
  return { samples: [...samples, droppedSample(family, source, table.dropped)], notes, rowsDropped: table.dropped };
}

function droppedSample({ name, scope }: CustomFamily, { session }: PostgresSource, dropped: number): Sample {
  return sample(rowsDropped, dropped, { collector: name, datname: scope === 'database' ? session.database : '' });
}
