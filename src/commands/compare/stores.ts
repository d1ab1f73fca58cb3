import type { LoadedDynamodb, LoadedPostgres, LoadedRedis } from '../../config/loaded.ts';
import type { CompareContext } from '../../jobs/compare/compare-databases.ts';
import type { ComparedState, Comparison } from '../../jobs/compare/comparison.ts';
import { ItemStore } from '../../jobs/compare/dynamodb/item-store.ts';
import { Findings } from '../../jobs/compare/findings.ts';
import { LiveSide, takeSnapshots } from '../../jobs/compare/live-side.ts';
import { pairItems } from '../../jobs/compare/pairs/dynamodb-dynamodb.ts';
import { PairingProblem } from '../../jobs/compare/pairs/name-pair.ts';
import { pairRowsWithItems } from '../../jobs/compare/pairs/postgres-dynamodb.ts';
import { pairKeySpaces } from '../../jobs/compare/pairs/redis-redis.ts';
import { compareRecords } from '../../jobs/compare/records/compare-records.ts';
import { KeySpace } from '../../jobs/compare/redis/key-space.ts';
import { withDatabase } from '../../targets/libpq/access.ts';
import { type CommandContext, CommandError } from '../command-context.ts';
import { exitCodes } from '../exit-code.ts';
import type { ProgressDisplay } from '../progress-display.ts';
import { printError } from '../terminal.ts';
import { reportOf } from './report.ts';
import type { StoreRequest } from './store-flags.ts';
import type { ComparedTarget } from './subject.ts';

/** What a comparison of two stores is given. */
interface Work {
  readonly request: StoreRequest;
  readonly context: CommandContext;
  readonly work: CompareContext;
  readonly display: ProgressDisplay;
  readonly findings: Findings;
}

type DynamodbTarget = LoadedDynamodb & { readonly part: string | undefined };
type PostgresTarget = LoadedPostgres & { readonly part: string | undefined };
type RedisTarget = LoadedRedis & { readonly part: string | undefined };
type States = readonly [ComparedState, ComparedState];

/** Waiting for a lock is waiting for somebody who changes the table: others queue behind us meanwhile. */
export const lockTimeoutMs = 5_000;

/** Compares two targets of which one at least is not PostgreSQL, by counts and samples. */
export async function compareStores(
  targets: readonly [ComparedTarget, ComparedTarget],
  request: StoreRequest,
  { context, work, display }: Pick<Work, 'context' | 'work' | 'display'>,
): Promise<Comparison> {
  const startedAt = context.clock.now();
  const findings = new Findings(undefined);
  const given = { request, context, work, display, findings };
  try {
    const states = await compareEngines(targets, given);
    findings.notes.push('a sample cannot tell that nothing else is missing or different');
    return reportOf(findings, states, 'samples', { startedAt, context });
  } catch (error) {
    if (error instanceof PairingProblem) throw usage(error.message);
    throw error;
  }
}

async function compareEngines(
  [source, other]: readonly [ComparedTarget, ComparedTarget],
  given: Work,
): Promise<States> {
  if (source.engine === 'postgres' && other.engine === 'dynamodb') {
    return await compareRowsWithItems({ rows: source, items: other, source: 'rows' }, given);
  }
  if (source.engine === 'dynamodb' && other.engine === 'postgres') {
    const [state, otherState] = await compareRowsWithItems({ rows: other, items: source, source: 'items' }, given);
    return [otherState, state];
  }
  if (source.engine === 'dynamodb' && other.engine === 'dynamodb') return await compareItems([source, other], given);
  if (source.engine === 'redis' && other.engine === 'redis') return await compareKeys([source, other], given);
  throw usage(`${source.engine} cannot be compared with ${other.engine}: they have nothing in common`);
}

/** Gives the state of PostgreSQL first. */
async function compareRowsWithItems(
  targets: {
    readonly rows: PostgresTarget;
    readonly items: DynamodbTarget;
    readonly source: 'rows' | 'items';
  },
  given: Work,
): Promise<States> {
  const { request, context, work, findings } = given;
  const { pairing, timeoutMs } = request;
  if (pairing.tables.length === 0 && pairing.prefix === undefined) {
    throw usage('say which tables belong together: --pair stacks=idp_stacks, or --prefix idp_');
  }
  using items = itemStore(targets.items, request, given);
  await using rows = await openRows(targets.rows, timeoutMs, context);
  await takeSnapshots([rows], context);
  const found = await pairRowsWithItems({ rows, items, source: targets.source }, pairing, findings);
  await compareRecords(found, request, findings, work);
  findings.notes.push(...items.notes);
  const database = rows.session.database;
  const state: ComparedState = {
    ...{ target: targets.rows.name, engine: 'postgres', database },
    ...{ version: rows.session.versionText, snapshotAt: rows.snapshotAt },
  };
  return [state, items.state];
}

async function compareItems([source, other]: readonly [DynamodbTarget, DynamodbTarget], given: Work): Promise<States> {
  const { request, work, findings } = given;
  using stack = new DisposableStack();
  const before = stack.use(itemStore(source, request, given));
  // One limit of read units for one DynamoDB, and one account of what was used.
  const after = source.name === other.name ? before : stack.use(itemStore(other, request, given));
  const found = await pairItems([before, after], request.pairing, findings);
  await compareRecords(found, request, findings, work);
  findings.notes.push(...new Set([...before.notes, ...after.notes]));
  return [before.state, after.state];
}

async function compareKeys(
  [source, other]: readonly [RedisTarget, RedisTarget],
  { request, work, findings }: Work,
): Promise<States> {
  const databases = databasesOf(source, other);
  const { timeoutMs } = request;
  work.onProgress({ activity: `connecting to ${source.name}` });
  await using before = await KeySpace.open({ target: source.name, access: source.access, timeoutMs }, work);
  work.onProgress({ activity: `connecting to ${other.name}` });
  await using after = await KeySpace.open({ target: other.name, access: other.access, timeoutMs }, work);
  const options = { databases, toleranceMs: request.ttlToleranceMs };
  const found = await pairKeySpaces([before, after], options, work);
  await compareRecords(found, request, findings, work);
  findings.notes.push('keys that have expired are counted until the server removes them, and Redis has no snapshots');
  return [before.state(databases?.[0]), after.state(databases?.[1])];
}

/** `TARGET/2` on both sides, or on none. */
function databasesOf(source: RedisTarget, other: RedisTarget): readonly [number, number] | undefined {
  if (source.part === undefined && other.part === undefined) return undefined;
  const [before, after] = [source, other].map(({ name, part = '' }) => {
    if (!/^\d{1,6}$/.test(part)) {
      throw usage(
        `"${part === '' ? name : `${name}/${part}`}" names no database of Redis by its number, as the other side: ${name}/0`,
      );
    }
    return Number(part);
  });
  return [before ?? 0, after ?? 0];
}

function itemStore(
  { name, part, access }: DynamodbTarget,
  { counts, maxReadUnits, timeoutMs }: StoreRequest,
  { context, work, display }: Work,
): ItemStore {
  if (part !== undefined) throw usage(`"${name}/${part}": a target of DynamoDB has no databases; --pair names tables`);
  const onCost = (words: string) => {
    display.clear();
    printError(context.terminal, words);
  };
  return new ItemStore({ target: name, access, counts, limitUnits: maxReadUnits, timeoutMs, onCost }, work);
}

async function openRows(
  { name, part, dataAccess }: PostgresTarget,
  statementTimeoutMs: number,
  context: CommandContext,
): Promise<LiveSide> {
  const database = part ?? dataAccess.connection.database;
  const access = withDatabase(dataAccess, database);
  const options = { name: `${name}/${database}`, access, statementTimeoutMs, lockTimeoutMs };
  return await LiveSide.open(options, context);
}

function usage(message: string): CommandError {
  return new CommandError(exitCodes.usage.code, message);
}
