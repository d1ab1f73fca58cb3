import { mapLimit } from '../../core/map-limit.ts';
import { AwsFailure } from '../../targets/aws/failure.ts';
import type { Look } from '../refreshed.ts';

const atOnce = 8;

/** What was found of each table; absent for one that is gone. */
export type ByTable<T> = ReadonlyMap<string, T>;

/**
 * Looks at every table. What fails for one keeps the value that it had; when it fails for all, or for a reason that is the
 * same for all, that is thrown.
 */
export async function lookAtEach<T>(
  tables: readonly string[],
  previous: ByTable<T> | undefined,
  look: (table: string) => Promise<T | undefined>,
): Promise<Look<ByTable<T>>> {
  const found = new Map<string, T>();
  let failure: unknown;
  let failed = 0;
  await mapLimit(tables, atOnce, async (table) => {
    try {
      const one = await look(table);
      if (one !== undefined) found.set(table, one);
    } catch (error) {
      if (!(error instanceof AwsFailure) || concernsAll(error)) throw error;
      failed++;
      failure ??= error;
      const known = previous?.get(table);
      if (known !== undefined) found.set(table, known);
    }
  });
  if (failed > 0 && failed === tables.length) throw failure;
  const inOrder = tables.filter((table) => found.has(table));
  const value = new Map(inOrder.map((table) => [table, found.get(table) as T]));
  return failure === undefined ? { value } : { value, failure };
}

function concernsAll({ kind }: AwsFailure): boolean {
  return kind === 'credentials' || kind === 'region' || kind === 'unsupported';
}
