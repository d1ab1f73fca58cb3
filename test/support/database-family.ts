import { checkSamples } from '../../src/collectors/check-samples.ts';
import { postgresCollectors } from '../../src/collectors/postgres/index.ts';
import { type PostgresWatchSettings, postgresWatchSettings } from '../../src/collectors/postgres/settings.ts';
import type { Sample } from '../../src/core/metric.ts';
import type { PostgresAccess } from '../../src/targets/libpq/access.ts';
import { openVisit } from '../../src/targets/postgres/watch-pool.ts';
import { testContext } from './test-context.ts';

/** Collects a family once, in a session as watching has it. Throws what the family throws. */
export async function collectIn(
  access: PostgresAccess,
  family: string,
  changes: Partial<PostgresWatchSettings> = {},
): Promise<readonly Sample[]> {
  const collector = postgresCollectors.find(({ name }) => name === family);
  if (collector === undefined) throw new Error(`there is no family ${family}`);
  const settings = { ...postgresWatchSettings.parse({}), ...changes };
  const limits = { statementTimeoutMs: settings.statementTimeout, lockTimeoutMs: settings.lockTimeout };
  const context = testContext();
  await using session = await openVisit(access, limits, context.signal);
  const samples = await collector.collect({ session, settings }, context);
  checkSamples(collector, samples, collector.scope === 'database' ? session.database : undefined);
  return samples;
}

/** The samples of one metric as rows: labels without `datname`, joined by a space, and the value. */
export function rowsOf(samples: readonly Sample[], name: string): Record<string, number> {
  const ofName = samples.filter(({ metric }) => metric.name === name);
  return Object.fromEntries(
    ofName.map(({ metric, labelValues, value }) => [
      labelValues.filter((_, index) => metric.labels[index] !== 'datname').join(' '),
      value,
    ]),
  );
}
