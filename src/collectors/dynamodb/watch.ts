import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import { metric } from '../../core/metric.ts';
import { classifyAwsFailure } from '../../targets/aws/failure.ts';
import type { AwsAccess } from '../../targets/aws/settings.ts';
import { type PooledSession, SessionPool, type SessionPoolOptions } from '../../targets/session-pool.ts';
import type { Watch } from '../watch.ts';
import { DynamodbBackground } from './background.ts';
import { dynamodbCollectors } from './index.ts';
import type { DynamodbWatchSettings, TableSelection } from './settings.ts';
import type { DynamodbSource } from './source.ts';

/** DynamoDB in one account and region, as it is to be watched. */
export interface WatchedDynamodb {
  readonly name: string;
  readonly engine: 'dynamodb';
  readonly access: AwsAccess;
  readonly tables: TableSelection;
  readonly watch: DynamodbWatchSettings;
}

export const dynamodbUp = metric({
  name: 'dynamodb_up',
  type: 'gauge',
  help: 'Whether DynamoDB answers with our credentials: ListTables is asked for every watch.loginInterval. Says nothing about a single table, see dynamodb_table_active.',
  labels: [],
  source: 'ListTables',
  unit: 'boolean',
});

/** The first look may take longer than the patience of the first scrape; nothing else waits. */
const spareMs = 1_500;
const firstLookMs = 5_000;

/** Asks nothing yet: the first scrape begins to look, in the background. */
export function watchDynamodb(
  target: WatchedDynamodb,
  given: { readonly clock: Clock; readonly log: Log },
): Watch<PooledSession, DynamodbSource> {
  const { name, engine, watch } = target;
  const collectors = dynamodbCollectors.filter((one) => watch.collectors[one.name] ?? one.enabledByDefault);
  const background = new DynamodbBackground(target, new Set(collectors.map((one) => one.name)), given);
  const sessions = new DynamodbSessions(background, {
    open: async (signal) => {
      await background.prove(signal);
      return { usable: true, [Symbol.asyncDispose]: () => Promise.resolve() };
    },
    classify: classifyAwsFailure,
    size: 1,
    loginIntervalMs: watch.loginInterval,
    loginTimeoutMs: watch.timeout,
    clock: given.clock,
  });
  return {
    name,
    engine,
    up: dynamodbUp,
    collectors,
    sessions,
    concurrency: 1,
    sourceOf: () => background.source,
    familyTimeoutMs: firstLookMs + spareMs,
  };
}

/** There is no connection to keep; what is looked at in the background ends together with the proofs of the login. */
class DynamodbSessions extends SessionPool<PooledSession> {
  readonly #background: DynamodbBackground;

  constructor(background: DynamodbBackground, options: SessionPoolOptions<PooledSession>) {
    super(options);
    this.#background = background;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    await this.#background[Symbol.asyncDispose]();
  }
}
