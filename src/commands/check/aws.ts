import type { AwsSource } from '../../collectors/cloudwatch/source.ts';
import { NotApplicable } from '../../collectors/collector.ts';
import { watchDynamodb } from '../../collectors/dynamodb/watch.ts';
import { namesOf } from '../../collectors/elasticache/choose-caches.ts';
import { watchElasticache } from '../../collectors/elasticache/watch.ts';
import { watchLambda } from '../../collectors/lambda/watch.ts';
import { watchRds } from '../../collectors/rds/watch.ts';
import { watchSqs } from '../../collectors/sqs/watch.ts';
import type { Watch } from '../../collectors/watch.ts';
import type { LoadedDynamodb, LoadedElasticache, LoadedLambda, LoadedRds, LoadedSqs } from '../../config/loaded.ts';
import { withDeadline } from '../../core/deadline.ts';
import { errorMessage, findCause } from '../../core/errors.ts';
import type { WorkContext } from '../../core/work-context.ts';
import { AwsFailure, type AwsFailureKind, awsFailure } from '../../targets/aws/failure.ts';
import type { PooledSession } from '../../targets/session-pool.ts';
import { type CheckFinding, type Findings, findingsAbout } from './finding.ts';

type TimedContext = WorkContext & { readonly timeoutMs: number };

/** What is watched of a service, as far as it is known. */
interface Resources {
  /** As the configuration calls them: `tables`. */
  readonly many: string;
  readonly one: string;
  readonly watched: number;
  readonly missing: readonly string[];
  readonly notWatched: number;
}

/** A target of AWS that is being checked. */
interface Checked<S extends AwsSource> {
  readonly watch: Watch<PooledSession, S>;
  readonly resources: (source: S, signal: AbortSignal) => Promise<Resources>;
}

export type LoadedAws = LoadedDynamodb | LoadedRds | LoadedElasticache | LoadedSqs | LoadedLambda;

/** What was found of a target. */
export interface CheckedAws {
  readonly findings: readonly CheckFinding[];
  /** US dollars that CloudWatch will cost in 31 days; undefined where it is not read, or that is not known. */
  readonly monthlyCost: number | undefined;
}

/** Asks as watching does and collects every family once; what a permission is missing for is told by permission. */
export async function checkAws(target: LoadedAws, context: TimedContext): Promise<CheckedAws> {
  switch (target.engine) {
    case 'dynamodb':
      return checkService(target.name, context, {
        watch: watchDynamodb(target, context),
        resources: async (source, signal) => {
          const { described, ...others } = (await source.tables.read(signal)).value;
          return { one: 'table', many: 'tables', watched: described.size, ...others };
        },
      });
    case 'rds':
      return checkService(target.name, context, {
        watch: watchRds(target, context),
        resources: async (source, signal) => {
          const { instances, clusters, ...others } = (await source.databases.read(signal)).value;
          return { one: 'database', many: 'databases', watched: instances.size + clusters.size, ...others };
        },
      });
    case 'elasticache':
      return checkService(target.name, context, {
        watch: watchElasticache(target, context),
        resources: async (source, signal) => {
          const { value } = await source.caches.read(signal);
          const { missing, notWatched } = value;
          return { one: 'cache', many: 'caches', watched: namesOf(value).length, missing, notWatched };
        },
      });
    case 'sqs':
      return checkService(target.name, context, {
        watch: watchSqs(target, context),
        resources: async (source, signal) => {
          const { described, missing, notWatched } = (await source.queues.read(signal)).value;
          return { one: 'queue', many: 'queues', watched: described.size, missing, notWatched };
        },
      });
    case 'lambda':
      return checkService(target.name, context, {
        watch: watchLambda(target, context),
        resources: async (source, signal) => {
          const { described, ...others } = (await source.functions.read(signal)).value;
          return { one: 'function', many: 'functions', watched: described.size, ...others };
        },
      });
  }
}

async function checkService<S extends AwsSource>(
  name: string,
  context: TimedContext,
  checked: Checked<S>,
): Promise<CheckedAws> {
  const { engine } = checked.watch;
  const findings = findingsAbout(`target ${name}`);
  await using _sessions = checked.watch.sessions;
  const deadline = { parent: context.signal, ms: context.timeoutMs, clock: context.clock, what: 'the check' };
  let monthlyCost: number | undefined;
  try {
    monthlyCost = await withDeadline(deadline, (signal) => look(checked, findings, { ...context, signal }));
  } catch (error) {
    context.signal.throwIfAborted();
    findings.error(errorMessage(error), remedyOf(error, engine));
  }
  return { findings: findings.all, monthlyCost };
}

/** The cost of CloudWatch in 31 days. */
async function look<S extends AwsSource>(
  checked: Checked<S>,
  findings: Findings,
  context: WorkContext,
): Promise<number | undefined> {
  const { watch } = checked;
  const { engine } = watch;
  await watch.sessions.proveLogin(context.signal);
  const session = await watch.sessions.acquire(context.signal);
  try {
    const source = watch.sourceOf(session);
    const failures = await tryFamilies(watch, source, findings, context);
    for (const [message, { families, error }] of failures) {
      findings.error(`${message} (needed for ${families.join(', ')})`, remedyOf(error, engine));
    }
    const resources = await checked.resources(source, context.signal).catch(() => undefined);
    if (resources !== undefined) tellResources(resources, source, findings);
    return tellCost(source, findings);
  } finally {
    watch.sessions.release(session);
  }
}

type Failures = Map<string, { readonly families: string[]; readonly error: unknown }>;

/** One message for all families that lack the same. */
async function tryFamilies<S extends AwsSource>(
  watch: Watch<PooledSession, S>,
  source: S,
  findings: Findings,
  context: WorkContext,
): Promise<Failures> {
  const failures: Failures = new Map();
  let collected = 0;
  for (const { name, collect } of watch.collectors) {
    try {
      await collect.call(undefined, source, context);
      collected++;
    } catch (error) {
      context.signal.throwIfAborted();
      if (error instanceof NotApplicable) continue;
      const message = errorMessage(findCause(error, AwsFailure) ?? error);
      const known = failures.get(message) ?? { families: [], error };
      known.families.push(name);
      failures.set(message, known);
    }
  }
  findings.ok(`${collected} families can be collected`);
  return failures;
}

function tellResources(resources: Resources, source: AwsSource, findings: Findings): void {
  const { one, many, watched, missing, notWatched } = resources;
  const { accountId, region } = source.place();
  if (watched > 0) findings.ok(`${watched} ${many} are watched (account ${accountId}, ${region})`);
  for (const name of missing) {
    findings.error(`there is no ${one} "${name}"`, 'correct its name, or "region" and "profile"');
  }
  if (watched + missing.length === 0)
    findings.warning(`no ${one} is chosen of what is there`, `look at "${many}", "region" and "profile"`);
  if (notWatched > 0) findings.warning(`${notWatched} ${many} more are not watched`, `raise "${many}.limit"`);
}

function tellCost({ feed, budget, settings }: AwsSource, findings: Findings): number | undefined {
  if (feed === undefined) return undefined;
  const { monthlyLimit } = settings.cloudwatch;
  const estimate = budget.monthlyCost(feed.requestsPerSecond);
  const told = `CloudWatch will cost about ${estimate.toFixed(2)} US dollars a month`;
  if (estimate <= monthlyLimit) findings.ok(told);
  else {
    findings.warning(
      `${told}, and ${monthlyLimit} are allowed: the least important metrics are left out`,
      'raise "watch.cloudwatch.monthlyLimit" or "period", switch families off, or watch less',
    );
  }
  return estimate;
}

/** Whether all targets together fit into the limit that they share. One alone has told its cost already. */
export function checkCommonCost(costs: readonly number[], monthlyLimit: number, findings: Findings): void {
  const sum = costs.reduce((all, one) => all + one, 0);
  const told = `all targets together will cost about ${sum.toFixed(2)} US dollars a month`;
  if (sum > monthlyLimit) {
    findings.warning(
      `${told}, and ${monthlyLimit} are allowed: the last ones to ask are left out`,
      'raise "cloudwatch.monthlyLimit", lengthen "watch.cloudwatch.period", switch families off, or watch less',
    );
  } else if (costs.length > 1) findings.ok(told);
}

const remedies: Partial<Record<AwsFailureKind, string>> = {
  credentials: 'renew them where the AWS SDK finds them: environment, profile, web identity, container, machine',
  region: 'correct "region"',
  unreachable: 'check the network, the proxy and "endpoint"',
  timeout: 'check the network, the proxy and "endpoint"',
};

function remedyOf(error: unknown, engine: string): string | undefined {
  const { kind } = findCause(error, AwsFailure) ?? awsFailure(error, '');
  if (kind !== 'denied') return remedies[kind];
  return `give the role the rights of deploy/iam/${engine}-monitoring.json, or switch the families off in "watch.collectors"`;
}
