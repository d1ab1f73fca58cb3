import type { Clock } from '../../core/clock.ts';
import type { Metric } from '../../core/metric.ts';
import { classifyAwsFailure } from '../../targets/aws/failure.ts';
import { type PooledSession, SessionPool, type SessionPoolOptions } from '../../targets/session-pool.ts';
import type { Collector } from '../collector.ts';
import type { Watch } from '../watch.ts';

/** What is looked at in the background of a target. */
export interface AwsLooks<S> {
  readonly source: S;
  /** What looks, ends with the target, and proves that the credentials and the region are right and the service answers. */
  readonly background: AsyncDisposable & { prove(signal: AbortSignal): Promise<void> };
}

interface WatchedAws {
  readonly name: string;
  readonly engine: string;
  readonly watch: {
    readonly collectors: Readonly<Record<string, boolean>>;
    readonly loginInterval: number;
    readonly timeout: number;
  };
}

/** The first look may take longer than the patience of the first scrape; nothing else waits. */
const spareMs = 1_500;
const firstLookMs = 5_000;

/** How a service of AWS is watched: nothing is asked before the first scrape, which begins to look in the background. */
export function watchAws<S>(
  { name, engine, watch }: WatchedAws,
  given: {
    readonly up: Metric<never>;
    readonly collectors: readonly Collector<S>[];
    /** Of the families that are switched on. */
    readonly look: (families: ReadonlySet<string>) => AwsLooks<S>;
    readonly clock: Clock;
  },
): Watch<PooledSession, S> {
  const { up, clock } = given;
  const collectors = given.collectors.filter((one) => watch.collectors[one.name] ?? one.enabledByDefault);
  const { source, background } = given.look(new Set(collectors.map((one) => one.name)));
  const sessions = new AwsSessions(background, {
    open: async (signal) => {
      await background.prove(signal);
      return { usable: true, [Symbol.asyncDispose]: () => Promise.resolve() };
    },
    classify: classifyAwsFailure,
    size: 1,
    loginIntervalMs: watch.loginInterval,
    loginTimeoutMs: watch.timeout,
    clock,
  });
  return {
    name,
    engine,
    up,
    collectors,
    sessions,
    concurrency: 1,
    sourceOf: () => source,
    familyTimeoutMs: firstLookMs + spareMs,
  };
}

/** There is no connection to keep; what is looked at in the background ends together with the proofs of the login. */
class AwsSessions extends SessionPool<PooledSession> {
  readonly #looks: AsyncDisposable;

  constructor(looks: AsyncDisposable, options: SessionPoolOptions<PooledSession>) {
    super(options);
    this.#looks = looks;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    await this.#looks[Symbol.asyncDispose]();
  }
}
