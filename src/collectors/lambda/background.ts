import type {
  EventSourceMappingConfiguration,
  FunctionConfiguration,
  GetAccountSettingsResponse,
} from '@aws-sdk/client-lambda';
import type { WorkContext } from '../../core/work-context.ts';
import { LambdaApi } from '../../targets/lambda/api.ts';
import { AwsBackground, type AwsSurroundings } from '../cloudwatch/background.ts';
import { chooseDescribed, TagFilter } from '../cloudwatch/selection.ts';
import type { Subjects } from '../cloudwatch/service.ts';
import type { AwsLooks } from '../cloudwatch/watch.ts';
import type { Look } from '../refreshed.ts';
import { lambdaService } from './cloudwatch.ts';
import type { Functions, LambdaSource } from './source.ts';
import { subjectsOf } from './subjects.ts';
import type { WatchedLambda } from './watch.ts';

/** Looks at Lambda and CloudWatch beside the scrapes, which only read what was found. */
export class LambdaLooks implements AwsLooks<LambdaSource> {
  readonly source: LambdaSource;
  readonly background: AwsBackground<LambdaApi>;
  readonly #target: WatchedLambda;
  readonly #tags: TagFilter;

  constructor(
    target: WatchedLambda,
    /** Names of the families that are switched on. */
    families: ReadonlySet<string>,
    given: AwsSurroundings,
  ) {
    this.#target = target;
    this.background = new AwsBackground(target, given, (access, calls) => new LambdaApi(access, calls));
    const readTags = (arn: string, signal: AbortSignal) => this.background.api.tags(arn, signal);
    this.#tags = new TagFilter(readTags, this.background.pace, target.functions.tags);
    this.source = this.#makeSource(families);
  }

  #makeSource(families: ReadonlySet<string>): LambdaSource {
    const { watch } = this.#target;
    const background = this.background;
    const found = {
      functions: background.every<Functions>(watch.refresh, {
        what: 'the functions',
        look: (_previous, context) => this.#lookAtFunctions(context),
      }),
      eventSources: background.every<readonly EventSourceMappingConfiguration[]>(watch.refresh, {
        what: 'the event sources',
        look: async (_previous, { signal }) => ({ value: await this.background.api.eventSources(signal) }),
      }),
      account: background.every<GetAccountSettingsResponse>(watch.refresh, {
        what: 'the quotas',
        look: async (_previous, { signal }) => ({ value: await this.background.api.account(signal) }),
      }),
    };
    return {
      ...found,
      reserved: background.ofEach(watch.concurrencyRefresh, {
        what: 'reserved concurrency',
        names: (signal) => mayHaveReserved(found, signal),
        ask: (name, signal) => this.background.api.reservedConcurrency(name, signal),
      }),
      ...background.watchCloudwatch(lambdaService, families, (signal) => subjects(found, signal)),
      settings: watch,
    };
  }

  async #lookAtFunctions(context: WorkContext): Promise<Look<Functions>> {
    const all = await this.background.api.functions(context.signal);
    const byName = new Map(all.map((one): [string, FunctionConfiguration] => [one.FunctionName ?? '', one]));
    const hasWantedTags = ({ FunctionArn = '' }: FunctionConfiguration) => this.#tags.matches(FunctionArn, context);
    const value = await chooseDescribed(byName, this.#target.functions, hasWantedTags);
    this.background.noteFound(value.described.size, all[0]?.FunctionArn);
    return { value };
  }
}

/** No function has, when the account has all of its concurrency left for everybody: one call in the place of hundreds. */
async function mayHaveReserved(
  { functions, account }: Pick<LambdaSource, 'functions' | 'account'>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const quotas = await account.read(signal).catch(() => undefined);
  const { ConcurrentExecutions: all, UnreservedConcurrentExecutions: left } = quotas?.value.AccountLimit ?? {};
  if (all !== undefined && all === left) return [];
  return [...(await functions.read(signal)).value.described.keys()];
}

/** What is not about streams is read all the same when event sources cannot be listed. */
async function subjects(
  from: Pick<LambdaSource, 'functions' | 'eventSources'>,
  signal: AbortSignal,
): Promise<Look<Subjects>> {
  const found = await from.functions.read(signal);
  const sources = await from.eventSources.read(signal).catch((failure: unknown) => ({ value: [], failure }));
  const incomplete = new Map(sources.failure === undefined ? [] : [['consumer', sources.failure]]);
  return { ...found, value: { all: subjectsOf(found.value, sources.value), incomplete } };
}
