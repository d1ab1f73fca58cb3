import { parseDuration } from '../../core/duration.ts';
import { type Pairing, parseNamePair, parseNamesOf } from '../../jobs/compare/pairs/name-pair.ts';
import { CommandError } from '../command-context.ts';
import type { CompareFlags } from '../compare.ts';
import { exitCodes } from '../exit-code.ts';

/** What the command line says about the comparison of two stores by counts and samples. */
export interface StoreFlags {
  readonly pair: readonly string[];
  readonly prefix?: string;
  readonly key: readonly string[];
  readonly columns: readonly string[];
  readonly samples?: number;
  readonly counts?: string;
  readonly maxReadUnits?: number;
  /** E.g. `10s`. */
  readonly ttlTolerance?: string;
}

export interface StoreRequest {
  readonly pairing: Pairing;
  readonly samples: number;
  /** Keys that are named at most, for each pair. */
  readonly keys: number;
  readonly counts: 'estimate' | 'exact';
  readonly maxReadUnits: number;
  readonly ttlToleranceMs: number;
  readonly timeoutMs: number;
}

const usualSamples = 10;
const usualKeys = 10;
const usualReadUnits = 100_000;
const usualTolerance = '10s';

/** Options that only databases of PostgreSQL, only DynamoDB and only Redis know, as they are written. */
const onlyFor = {
  databases: ['rows', 'content', 'sampleAbove', 'backup', 'store', 'ignore'],
  dynamodb: ['pair', 'prefix', 'key', 'columns', 'counts', 'maxReadUnits'],
  redis: ['ttlTolerance'],
  postgresAndDynamodb: ['key', 'columns', 'schema'],
  stores: ['samples'],
} as const satisfies Readonly<Record<string, readonly (keyof CompareFlags)[]>>;

/** Refuses options that are of no use for these engines, rather than doing less than was asked for. */
export function refuseOthers(flags: CompareFlags, engines: readonly string[]): void {
  const has = (engine: string) => engines.includes(engine);
  const isDatabases = !has('dynamodb') && !has('redis');
  const [what, refused]: readonly [string, readonly (keyof CompareFlags)[]] = isDatabases
    ? ['databases of PostgreSQL', [...onlyFor.dynamodb, ...onlyFor.redis, ...onlyFor.stores]]
    : has('redis')
      ? ['Redis', [...onlyFor.databases, ...onlyFor.dynamodb, 'schema', 'table']]
      : ['DynamoDB', [...onlyFor.databases, ...onlyFor.redis, ...(has('postgres') ? [] : onlyFor.postgresAndDynamodb)]];
  const given = refused.find((name) => isGiven(flags[name]));
  if (given !== undefined)
    throw usage(
      `${optionOf(given)} is not for comparing ${what}${has('postgres') && !isDatabases ? ' with PostgreSQL' : ''}`,
    );
}

function isGiven(value: CompareFlags[keyof CompareFlags]): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined;
}

/** `maxReadUnits` → `--max-read-units`. */
function optionOf(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

export function storeRequestOf(flags: CompareFlags): StoreRequest {
  const { counts = 'estimate', prefix, samples = usualSamples, keys = usualKeys } = flags;
  if (counts !== 'estimate' && counts !== 'exact') throw usage(`--counts "${counts}": there are estimate, exact`);
  if (flags.pair.length > 0 && (prefix !== undefined || flags.table.length > 0 || flags.schema.length > 0)) {
    throw usage('--pair names the tables: leave --prefix, --schema and --table out');
  }
  const pairing = {
    tables: parsed('--pair', flags.pair, parseNamePair, 'NAME or SOURCE=OTHER'),
    prefix,
    keys: parsed('--key', flags.key, parseNamesOf, namesForm),
    columns: parsed('--columns', flags.columns, parseNamesOf, namesForm),
    schemas: flags.schema,
    patterns: flags.table,
  };
  return {
    ...{ pairing, samples, keys, counts },
    maxReadUnits: flags.maxReadUnits ?? usualReadUnits,
    ttlToleranceMs: duration('--ttl-tolerance', flags.ttlTolerance ?? usualTolerance),
    timeoutMs: duration('--timeout', flags.timeout),
  };
}

const namesForm = 'NAME or SOURCE=OTHER, several with commas between, TABLE: before them when they are of one table';

function parsed<T>(
  option: string,
  texts: readonly string[],
  parse: (text: string) => T | undefined,
  form: string,
): readonly T[] {
  return texts.map((text) => {
    const value = parse(text.trim());
    if (value === undefined) throw usage(`${option} "${text}" is not of the form ${form}`);
    return value;
  });
}

function duration(option: string, text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || (ms === 0 && option === '--timeout')) {
    throw usage(`${option} "${text}" is no duration such as 30m`);
  }
  return ms;
}

function usage(message: string): CommandError {
  return new CommandError(exitCodes.usage.code, message);
}
