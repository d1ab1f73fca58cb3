import { mapLimit } from '../../core/map-limit.ts';
import { AwsFailure } from '../../targets/aws/failure.ts';
import type { Look } from '../refreshed.ts';

const atOnce = 8;

/** What was found of each resource; absent for one that is gone. */
export type ByName<T> = ReadonlyMap<string, T>;

/**
 * Looks at every resource, e.g. at every table. What fails for one keeps the value that it had; when it fails for all, or
 * for a reason that is the same for all, that is thrown.
 */
export async function lookAtEach<T>(
  names: readonly string[],
  previous: ByName<T> | undefined,
  look: (name: string) => Promise<T | undefined>,
): Promise<Look<ByName<T>>> {
  const found = new Map<string, T>();
  let failure: unknown;
  let failed = 0;
  await mapLimit(names, atOnce, async (name) => {
    try {
      const one = await look(name);
      if (one !== undefined) found.set(name, one);
    } catch (error) {
      if (!(error instanceof AwsFailure) || concernsAll(error)) throw error;
      failed++;
      failure ??= error;
      const known = previous?.get(name);
      if (known !== undefined) found.set(name, known);
    }
  });
  if (failed > 0 && failed === names.length) throw failure;
  const inOrder = names.filter((name) => found.has(name));
  const value = new Map(inOrder.map((name) => [name, found.get(name) as T]));
  return failure === undefined ? { value } : { value, failure };
}

function concernsAll({ kind }: AwsFailure): boolean {
  return kind === 'credentials' || kind === 'region' || kind === 'unsupported';
}
