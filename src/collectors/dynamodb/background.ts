import type { ContinuousBackupsDescription, TableDescription } from '@aws-sdk/client-dynamodb';
import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { WorkContext } from '../../core/work-context.ts';
import { AwsCalls } from '../../targets/aws/calls.ts';
import { CloudwatchApi } from '../../targets/aws/cloudwatch.ts';
import { DynamodbApi } from '../../targets/dynamodb/api.ts';
import { CloudwatchBudget } from '../cloudwatch/budget.ts';
import { CloudwatchFeed } from '../cloudwatch/feed.ts';
import type { CloudwatchMemory } from '../cloudwatch/memory.ts';
import type { Place, Subjects } from '../cloudwatch/service.ts';
import { type Look, Refreshed, type RefreshedOptions } from '../refreshed.ts';
import { dynamodbService } from './cloudwatch.ts';
import { lookAtEach } from './look-at-each.ts';
import { Pace } from './pace.ts';
import { chooseTables, isClosed, TagFilter } from './selection.ts';
import type { DynamodbSource, Recovery, Tables } from './source.ts';
import { subjectsOf, type UsedOperation, usedOperations } from './subjects.ts';
import type { WatchedDynamodb } from './watch.ts';

/** Which operations a table is used with changes rarely; each look is a few requests that cost money. */
const operationsIntervalMs = 3_600_000;
/** AWS asks for no more than about one call of DescribeLimits a minute. */
const limitsIntervalMs = 5 * 60_000;
const intervalsShown = 3;

/** Looks at DynamoDB and CloudWatch beside the scrapes, which only read what was found. */
export class DynamodbBackground implements AsyncDisposable {
  readonly source: DynamodbSource;
  readonly #target: WatchedDynamodb;
  readonly #given: { readonly clock: Clock; readonly log: Log };
  readonly #calls = new AwsCalls();
  readonly #api: DynamodbApi;
  readonly #cloudwatch: CloudwatchApi;
  readonly #budget: CloudwatchBudget;
  readonly #pace: Pace;
  readonly #tags: TagFilter;
  readonly #refreshed: AsyncDisposable[] = [];
  #place: Place = { accountId: '', region: '' };

  constructor(
    target: WatchedDynamodb,
    /** Names of the families that are switched on. */
    families: ReadonlySet<string>,
    given: { readonly clock: Clock; readonly log: Log },
  ) {
    this.#target = target;
    this.#given = given;
    const { access, watch } = target;
    this.#api = new DynamodbApi(access, this.#calls);
    this.#cloudwatch = new CloudwatchApi(access, this.#calls);
    this.#budget = new CloudwatchBudget(watch.cloudwatch, given.clock);
    this.#pace = new Pace(watch.callsPerSecond, given.clock);
    this.#tags = new TagFilter(this.#api, this.#pace, target.tables.tags);
    this.source = this.#makeSource(families);
  }

  prove(signal: AbortSignal): Promise<void> {
    return this.#api.prove(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#refreshed.map((one) => one[Symbol.asyncDispose]()));
    this.#api[Symbol.dispose]();
    this.#cloudwatch[Symbol.dispose]();
  }

  #makeSource(families: ReadonlySet<string>): DynamodbSource {
    const { watch } = this.#target;
    const every = (ms: number) => ({ nextInMs: () => ms, shownMs: ms * intervalsShown });
    const tables = this.#refresh<Tables>({
      what: 'the tables',
      ...every(watch.refresh),
      look: (previous, context) => this.#lookAtTables(previous, context),
    });
    const ofEach = <T>(what: string, ask: (table: string, signal: AbortSignal) => Promise<T | undefined>) =>
      this.#refresh<ReadonlyMap<string, T>>({
        what,
        ...every(watch.backupRefresh),
        look: async (previous, { signal }) => {
          const { value } = await tables.read(signal);
          return lookAtEach([...value.described.keys()], previous, async (table) => {
            await this.#pace.turn(signal);
            return ask(table, signal);
          });
        },
      });
    return {
      tables,
      limits: this.#refresh({
        what: 'the quotas',
        ...every(limitsIntervalMs),
        look: async (_previous, { signal }) => ({ value: await this.#api.limits(signal) }),
      }),
      recovery: ofEach('point-in-time recovery', async (table, signal) =>
        recoveryOf(await this.#api.continuousBackups(table, signal)),
      ),
      timeToLive: ofEach('time to live', async (table, signal) => {
        const found = await this.#api.timeToLive(table, signal);
        return found === undefined ? undefined : found.TimeToLiveStatus === 'ENABLED';
      }),
      backups: this.#refresh({
        what: 'the backups',
        ...every(watch.backupRefresh),
        look: async (_previous, { signal }) => ({ value: await this.#api.backups(signal) }),
      }),
      ...this.#watchCloudwatch(tables, families),
      place: () => this.#place,
      budget: this.#budget,
      calls: this.#calls,
      settings: watch,
    };
  }

  #watchCloudwatch(
    tables: Refreshed<Tables>,
    families: ReadonlySet<string>,
  ): Pick<DynamodbSource, 'cloudwatch' | 'feed'> {
    const { cloudwatch: settings } = this.#target.watch;
    const groups = dynamodbService.groups.filter((group) => families.has(group.name));
    if (!settings.enabled || groups.length === 0) return { cloudwatch: undefined, feed: undefined };
    const needsOperations = groups.some((group) => group.metrics.some((one) => one.of.includes('operation')));
    const operations = needsOperations ? this.#watchOperations() : undefined;
    const feed = new CloudwatchFeed({
      service: dynamodbService,
      groups,
      reader: this.#cloudwatch,
      subjects: (signal) => this.#subjects(tables, operations, signal),
      settings,
      budget: this.#budget,
    });
    const cloudwatch = this.#refresh<CloudwatchMemory>({
      what: 'CloudWatch',
      look: (_previous, context) => feed.round(context),
      nextInMs: () => feed.nextInMs(this.#given.clock.now().getTime()),
      shownMs: settings.period * intervalsShown + settings.delay,
    });
    return { cloudwatch, feed };
  }

  #watchOperations(): Refreshed<readonly UsedOperation[]> {
    return this.#refresh({
      what: 'the operations that tables are used with',
      nextInMs: () => operationsIntervalMs,
      shownMs: operationsIntervalMs * intervalsShown,
      look: async (_previous, { signal }) => {
        const onPage = () => {
          if (!this.#budget.take('ListMetrics', 1)) throw new Error('the limit of what CloudWatch may cost is reached');
        };
        const { namespace } = dynamodbService;
        const found = await this.#cloudwatch.dimensionsOf(namespace, 'SuccessfulRequestLatency', { signal, onPage });
        return { value: usedOperations(found) };
      },
    });
  }

  async #subjects(
    tables: Refreshed<Tables>,
    operations: Refreshed<readonly UsedOperation[]> | undefined,
    signal: AbortSignal,
  ): Promise<Look<Subjects>> {
    const found = await tables.read(signal);
    // What is not about operations is read all the same when these cannot be listed.
    const used: Look<readonly UsedOperation[]> = (await operations
      ?.read(signal)
      .catch((failure: unknown) => ({ value: [], failure }))) ?? { value: [] };
    const all = subjectsOf(found.value, used.value, this.#place.region);
    const incomplete = new Map(used.failure === undefined ? [] : [['operation', used.failure]]);
    return { ...found, value: { all, incomplete } };
  }

  async #lookAtTables(previous: Tables | undefined, context: WorkContext): Promise<Look<Tables>> {
    const { signal } = context;
    const { tables: selection } = this.#target;
    const existing = isClosed(selection) ? [] : await this.#api.tableNames(signal);
    const chosen = chooseTables(existing, selection);
    const watched = this.#tags.isNeeded ? chosen : chosen.slice(0, selection.limit);
    const look = await lookAtEach(watched, previous?.described, (name) => this.#lookAtTable(name, context));
    const described = new Map([...look.value].slice(0, selection.limit));
    const [first] = described.values();
    if (first !== undefined) this.#place = placeOf(first);
    const isFailed = look.failure !== undefined;
    const missing = isFailed || this.#tags.isNeeded ? [] : watched.filter((name) => !described.has(name));
    const matching = this.#tags.isNeeded ? look.value.size : chosen.length;
    const value = {
      described,
      missing: missing.filter((name) => selection.names.includes(name)),
      notWatched: Math.max(0, matching - selection.limit),
    };
    return { ...look, value };
  }

  /** Undefined for a table that does not exist or has other tags. */
  async #lookAtTable(name: string, context: WorkContext): Promise<TableDescription | undefined> {
    const description = await this.#api.table(name, context.signal);
    if (description === undefined || !this.#tags.isNeeded) return description;
    return (await this.#tags.matches(description.TableArn ?? '', context)) ? description : undefined;
  }

  #refresh<T>(options: Omit<RefreshedOptions<T>, 'clock' | 'log'>): Refreshed<T> {
    const refreshed = new Refreshed<T>({ ...options, ...this.#given });
    this.#refreshed.push(refreshed);
    return refreshed;
  }
}

/** From the ARN: arn:aws:dynamodb:REGION:ACCOUNT:table/NAME. */
function placeOf({ TableArn = '' }: TableDescription): Place {
  const [, , , region = '', accountId = ''] = TableArn.split(':');
  return { accountId, region };
}

function recoveryOf(found: ContinuousBackupsDescription | undefined): Recovery | undefined {
  if (found === undefined) return undefined;
  const { PointInTimeRecoveryDescription: recovery } = found;
  const secondsOf = (at: Date | undefined) => (at === undefined ? undefined : at.getTime() / 1_000);
  return {
    enabled: recovery?.PointInTimeRecoveryStatus === 'ENABLED',
    earliestSeconds: secondsOf(recovery?.EarliestRestorableDateTime),
    latestSeconds: secondsOf(recovery?.LatestRestorableDateTime),
    periodDays: recovery?.RecoveryPeriodInDays,
  };
}
