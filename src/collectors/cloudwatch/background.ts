import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import { AwsCalls } from '../../targets/aws/calls.ts';
import { CloudwatchApi } from '../../targets/aws/cloudwatch.ts';
import type { AwsAccess } from '../../targets/aws/settings.ts';
import { type Look, Refreshed, type RefreshedOptions } from '../refreshed.ts';
import type { Allowance } from './allowance.ts';
import { CloudwatchBudget } from './budget.ts';
import { CloudwatchFeed } from './feed.ts';
import { type ByName, lookAtEach } from './look-at-each.ts';
import type { CloudwatchMemory } from './memory.ts';
import { Pace } from './pace.ts';
import type { CloudwatchService, Place, Subjects } from './service.ts';
import type { CloudwatchSettings } from './settings.ts';
import type { AwsSource } from './source.ts';

const intervalsShown = 3;

/** How a service of AWS is looked at. */
export interface AwsLookSettings {
  /** Calls each second, of those that are made for one resource after the other; absent where there are none. */
  readonly callsPerSecond?: number;
  /** How often it is looked up what there is, in milliseconds. */
  readonly refresh: number;
  readonly cloudwatch: CloudwatchSettings;
}

type RefreshOptions<T> = Pick<RefreshedOptions<T>, 'what' | 'look'>;

/** What every target of AWS is given. */
export interface AwsSurroundings {
  readonly clock: Clock;
  readonly log: Log;
  /** US dollars that CloudWatch may cost for all targets together; absent where nothing limits these. */
  readonly cloudwatchAllowance?: Allowance | undefined;
}

/** The API of a service. */
interface ServiceApi extends Disposable {
  /** One small request: whether the credentials and the region are right and the service answers. */
  prove(signal: AbortSignal): Promise<void>;
}

/** What is looked at beside the scrapes for one target: it shares a pace, a budget and a count of calls, and ends together. */
export class AwsBackground<A extends ServiceApi> implements AsyncDisposable {
  readonly api: A;
  readonly calls = new AwsCalls();
  readonly cloudwatch: CloudwatchApi;
  readonly budget: CloudwatchBudget;
  readonly pace: Pace;
  #place: Place = { accountId: '', region: '' };
  #found: { readonly watched: number; readonly atMs: number } | undefined;
  readonly #settings: AwsLookSettings;
  readonly #given: AwsSurroundings;
  readonly #refreshed: AsyncDisposable[] = [];

  constructor(
    { access, watch: settings }: { readonly access: AwsAccess; readonly watch: AwsLookSettings },
    given: AwsSurroundings,
    connect: (access: AwsAccess, calls: AwsCalls) => A,
  ) {
    this.#settings = settings;
    this.#given = given;
    this.api = connect(access, this.calls);
    this.cloudwatch = new CloudwatchApi(access, this.calls);
    this.budget = new CloudwatchBudget(settings.cloudwatch, given.clock, given.cloudwatchAllowance);
    this.pace = new Pace(settings.callsPerSecond ?? Number.POSITIVE_INFINITY, given.clock);
  }

  /** One small request: whether the credentials and the region are right and the service answers. */
  prove(signal: AbortSignal): Promise<void> {
    return this.api.prove(signal);
  }

  /** Known when the first resource was seen. */
  get place(): Place {
    return this.#place;
  }

  /**
   * Notes what a look found: how many resources are watched, and the place from the ARN of one,
   * `arn:aws:rds:REGION:ACCOUNT:db:NAME`. Nothing beside a `failure` is not 0: there may be what could not be read.
   */
  noteFound(watched: number, arn: string | undefined, failure?: unknown): void {
    if (watched > 0 || failure === undefined) this.#found = { watched, atMs: this.#given.clock.monotonicMs() };
    if (arn === undefined) return;
    const [, , , region = '', accountId = ''] = arn.split(':');
    this.#place = { accountId, region };
  }

  /** How many resources are watched, for as long as what was found of them is shown. */
  get #watched(): number | undefined {
    if (this.#found === undefined) return undefined;
    const ageMs = this.#given.clock.monotonicMs() - this.#found.atMs;
    return ageMs > this.#settings.refresh * intervalsShown ? undefined : this.#found.watched;
  }

  /** Looks every so many milliseconds; what was found is shown for three times as long. */
  every<T>(intervalMs: number, options: RefreshOptions<T>): Refreshed<T> {
    return this.#refresh({ ...options, nextInMs: () => intervalMs, shownMs: intervalMs * intervalsShown });
  }

  /** Looks at one resource after the other, at the pace of the target; undefined for one of which there is nothing. */
  ofEach<T>(
    intervalMs: number,
    {
      what,
      names,
      ask,
    }: {
      readonly what: string;
      readonly names: (signal: AbortSignal) => Promise<readonly string[]>;
      readonly ask: (name: string, signal: AbortSignal) => Promise<T | undefined>;
    },
  ): Refreshed<ByName<T>> {
    return this.every<ByName<T>>(intervalMs, {
      what,
      look: async (previous, { signal }) =>
        lookAtEach(await names(signal), previous, async (name) => {
          await this.pace.turn(signal);
          return ask(name, signal);
        }),
    });
  }

  /** Reads the groups of metrics that are among the families. */
  watchCloudwatch(
    service: CloudwatchService,
    families: ReadonlySet<string>,
    subjects: (signal: AbortSignal) => Promise<Look<Subjects>>,
  ): Pick<AwsSource, 'cloudwatch' | 'feed' | 'budget' | 'calls' | 'place' | 'watched'> {
    const { cloudwatch: settings } = this.#settings;
    const { budget, calls } = this;
    const common = { budget, calls, place: () => this.place, watched: () => this.#watched };
    const groups = service.groups.filter((group) => families.has(group.name));
    if (!settings.enabled || groups.length === 0) return { ...common, cloudwatch: undefined, feed: undefined };
    const feed = new CloudwatchFeed({ service, groups, reader: this.cloudwatch, subjects, settings, budget });
    const cloudwatch = this.#refresh<CloudwatchMemory>({
      what: 'CloudWatch',
      look: (_previous, context) => feed.round(context),
      nextInMs: () => feed.nextInMs(this.#given.clock.now().getTime()),
      shownMs: settings.period * intervalsShown + settings.delay,
    });
    return { ...common, cloudwatch, feed };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#refreshed.map((one) => one[Symbol.asyncDispose]()));
    this.cloudwatch[Symbol.dispose]();
    this.api[Symbol.dispose]();
  }

  #refresh<T>(options: Omit<RefreshedOptions<T>, 'clock' | 'log'>): Refreshed<T> {
    const refreshed = new Refreshed<T>({ ...options, clock: this.#given.clock, log: this.#given.log });
    this.#refreshed.push(refreshed);
    return refreshed;
  }
}
