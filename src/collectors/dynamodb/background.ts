import type { ContinuousBackupsDescription, TableDescription } from '@aws-sdk/client-dynamodb';
import type { WorkContext } from '../../core/work-context.ts';
import { DynamodbApi } from '../../targets/dynamodb/api.ts';
import { AwsBackground, type AwsSurroundings } from '../cloudwatch/background.ts';
import { lookAtEach } from '../cloudwatch/look-at-each.ts';
import { chooseNames, isClosed, TagFilter } from '../cloudwatch/selection.ts';
import type { Subjects } from '../cloudwatch/service.ts';
import type { AwsLooks } from '../cloudwatch/watch.ts';
import type { Look, Refreshed } from '../refreshed.ts';
import { dynamodbService } from './cloudwatch.ts';
import type { DynamodbSource, Recovery, Tables } from './source.ts';
import { subjectsOf, type UsedOperation, usedOperations } from './subjects.ts';
import type { WatchedDynamodb } from './watch.ts';

/** Which operations a table is used with changes rarely; each look is a few requests that cost money. */
const operationsIntervalMs = 3_600_000;
/** AWS asks for no more than about one call of DescribeLimits a minute. */
const limitsIntervalMs = 5 * 60_000;

/** Looks at DynamoDB and CloudWatch beside the scrapes, which only read what was found. */
export class DynamodbLooks implements AwsLooks<DynamodbSource> {
  readonly source: DynamodbSource;
  readonly background: AwsBackground<DynamodbApi>;
  readonly #target: WatchedDynamodb;
  readonly #tags: TagFilter;

  constructor(
    target: WatchedDynamodb,
    /** Names of the families that are switched on. */
    families: ReadonlySet<string>,
    given: AwsSurroundings,
  ) {
    this.#target = target;
    this.background = new AwsBackground(target, given, (access, calls) => new DynamodbApi(access, calls));
    this.#tags = new TagFilter(
      (arn, signal) => this.background.api.tags(arn, signal),
      this.background.pace,
      target.tables.tags,
    );
    this.source = this.#makeSource(families);
  }

  #makeSource(families: ReadonlySet<string>): DynamodbSource {
    const { watch } = this.#target;
    const background = this.background;
    const tables = background.every<Tables>(watch.refresh, {
      what: 'the tables',
      look: (previous, context) => this.#lookAtTables(previous, context),
    });
    const names = async (signal: AbortSignal) => [...(await tables.read(signal)).value.described.keys()];
    const ofEach = <T>(what: string, ask: (table: string, signal: AbortSignal) => Promise<T | undefined>) =>
      background.ofEach(watch.backupRefresh, { what, names, ask });
    return {
      tables,
      limits: background.every(limitsIntervalMs, {
        what: 'the quotas',
        look: async (_previous, { signal }) => ({ value: await this.background.api.limits(signal) }),
      }),
      recovery: ofEach('point-in-time recovery', async (table, signal) =>
        recoveryOf(await this.background.api.continuousBackups(table, signal)),
      ),
      timeToLive: ofEach('time to live', async (table, signal) => {
        const found = await this.background.api.timeToLive(table, signal);
        return found === undefined ? undefined : found.TimeToLiveStatus === 'ENABLED';
      }),
      backups: background.every(watch.backupRefresh, {
        what: 'the backups',
        look: async (_previous, { signal }) => ({ value: await this.background.api.backups(signal) }),
      }),
      ...this.#watchCloudwatch(tables, families),
      settings: watch,
    };
  }

  #watchCloudwatch(tables: Refreshed<Tables>, families: ReadonlySet<string>) {
    const needsOperations = dynamodbService.groups.some(
      ({ name, metrics }) => families.has(name) && metrics.some((one) => one.of.includes('operation')),
    );
    const operations = needsOperations ? this.#watchOperations() : undefined;
    return this.background.watchCloudwatch(dynamodbService, families, (signal) =>
      this.#subjects(tables, operations, signal),
    );
  }

  #watchOperations(): Refreshed<readonly UsedOperation[]> {
    const { budget, cloudwatch } = this.background;
    return this.background.every(operationsIntervalMs, {
      what: 'the operations that tables are used with',
      look: async (_previous, { signal }) => {
        const onPage = () => {
          if (!budget.take('ListMetrics', 1)) throw new Error('the limit of what CloudWatch may cost is reached');
        };
        const { namespace } = dynamodbService;
        const found = await cloudwatch.dimensionsOf(namespace, 'SuccessfulRequestLatency', { signal, onPage });
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
    const all = subjectsOf(found.value, used.value, this.background.place.region);
    const incomplete = new Map(used.failure === undefined ? [] : [['operation', used.failure]]);
    return { ...found, value: { all, incomplete } };
  }

  async #lookAtTables(previous: Tables | undefined, context: WorkContext): Promise<Look<Tables>> {
    const { signal } = context;
    const { tables: selection } = this.#target;
    const existing = isClosed(selection) ? [] : await this.background.api.tableNames(signal);
    const chosen = chooseNames(existing, selection);
    const watched = this.#tags.isNeeded ? chosen : chosen.slice(0, selection.limit);
    const look = await lookAtEach(watched, previous?.described, (name) => this.#lookAtTable(name, context));
    const described = new Map([...look.value].slice(0, selection.limit));
    const [first] = described.values();
    this.background.noteFound(described.size, first?.TableArn, look.failure);
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
    const description = await this.background.api.table(name, context.signal);
    if (description === undefined || !this.#tags.isNeeded) return description;
    return (await this.#tags.matches(description.TableArn ?? '', context)) ? description : undefined;
  }
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
