import type { CompareContext } from '../compare-databases.ts';
import type { RecordPair } from '../records/collection.ts';
import type { ComparedCollections } from '../records/compare-records.ts';
import { KeyDatabase } from '../redis/key-database.ts';
import { differingKeyStates, endingKey } from '../redis/key-record.ts';
import type { KeySpace } from '../redis/key-space.ts';
import { PairingProblem } from './name-pair.ts';

export interface KeySpacesOptions {
  /** One database of each side; undefined: each database with that of the same number. */
  readonly databases: readonly [number, number] | undefined;
  /** By how much two times to live may differ. */
  readonly toleranceMs: number;
}

/** Pairs the logical databases of two key spaces: those that have keys on either side. */
export async function pairKeySpaces(
  [source, other]: readonly [KeySpace, KeySpace],
  { databases, toleranceMs }: KeySpacesOptions,
  context: CompareContext,
): Promise<ComparedCollections> {
  const isSame = source.target === other.target;
  if (isSame && (databases === undefined || databases[0] === databases[1])) {
    throw new PairingProblem(`${source.target} would be compared with itself`);
  }
  const sameServer = [...source.runIds].some((id) => other.runIds.has(id));
  if (sameServer && (databases === undefined || databases[0] === databases[1])) {
    throw new PairingProblem(
      `${source.target} and ${other.target} are the same server: it would be compared with itself`,
    );
  }
  const pairs = databases === undefined ? await sameNumbers([source, other]) : [databases];
  const differing = differingKeyStates(toleranceMs, context);
  return {
    lone: [],
    pairs: pairs.map(
      ([before, after]): RecordPair => ({
        label: before === after ? `db${before}` : `db${before} = db${after}`,
        keyNames: ['key'],
        sides: [new KeyDatabase(source, before, context), new KeyDatabase(other, after, context)],
        differing,
        mayEnd: endingKey(toleranceMs, context),
      }),
    ),
  };
}

/** Of a node that does not tell, its databases are those of the others: that it did not is told of each. */
async function sameNumbers(spaces: readonly [KeySpace, KeySpace]): Promise<[number, number][]> {
  const [before, after] = await Promise.all(
    spaces.map(async (space) => {
      const { byDatabase, untold, isUntoldByAll } = await space.countKeys(`asking ${space.target} for its databases`);
      if (isUntoldByAll) throw new Error(`${space.target}: ${untold}`);
      return byDatabase;
    }),
  );
  const numbers = new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])]);
  // Two servers without any key are the same: there is something to say about them all the same.
  if (numbers.size === 0) numbers.add(0);
  return [...numbers].sort((a, b) => a - b).map((number) => [number, number]);
}
