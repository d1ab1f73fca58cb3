import { NotApplicable } from '../../collectors/collector.ts';
import type { DynamodbSource } from '../../collectors/dynamodb/source.ts';
import { watchDynamodb } from '../../collectors/dynamodb/watch.ts';
import type { Watch } from '../../collectors/watch.ts';
import type { LoadedDynamodb } from '../../config/loaded.ts';
import { withDeadline } from '../../core/deadline.ts';
import { errorMessage, findCause } from '../../core/errors.ts';
import type { WorkContext } from '../../core/work-context.ts';
import { AwsFailure, type AwsFailureKind, awsFailure } from '../../targets/aws/failure.ts';
import type { PooledSession } from '../../targets/session-pool.ts';
import { type CheckFinding, type Findings, findingsAbout } from './finding.ts';

type TimedContext = WorkContext & { readonly timeoutMs: number };
type DynamodbWatch = Watch<PooledSession, DynamodbSource>;

/** Asks as watching does and collects every family once; what a permission is missing for is told by permission. */
export async function checkDynamodb(target: LoadedDynamodb, context: TimedContext): Promise<readonly CheckFinding[]> {
  const findings = findingsAbout(`target ${target.name}`);
  const watch = watchDynamodb(target, context);
  await using _sessions = watch.sessions;
  const deadline = { parent: context.signal, ms: context.timeoutMs, clock: context.clock, what: 'the check' };
  try {
    await withDeadline(deadline, (signal) => look(target, watch, findings, { ...context, signal }));
  } catch (error) {
    context.signal.throwIfAborted();
    findings.error(errorMessage(error), remedyOf(error));
  }
  return findings.all;
}

async function look(
  target: LoadedDynamodb,
  watch: DynamodbWatch,
  findings: Findings,
  context: WorkContext,
): Promise<void> {
  await watch.sessions.proveLogin(context.signal);
  const session = await watch.sessions.acquire(context.signal);
  try {
    const source = watch.sourceOf(session);
    const failures = await tryFamilies(watch, source, findings, context);
    for (const [message, { families, error }] of failures) {
      findings.error(`${message} (needed for ${families.join(', ')})`, remedyOf(error));
    }
    await tellTables(source, findings, context);
    tellCost(target, source, findings);
  } finally {
    watch.sessions.release(session);
  }
}

type Failures = Map<string, { readonly families: string[]; readonly error: unknown }>;

/** One message for all families that lack the same. */
async function tryFamilies(
  watch: DynamodbWatch,
  source: DynamodbSource,
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

async function tellTables(source: DynamodbSource, findings: Findings, { signal }: WorkContext): Promise<void> {
  const tables = await source.tables.read(signal).catch(() => undefined);
  if (tables === undefined) return;
  const { described, missing, notWatched } = tables.value;
  const { accountId, region } = source.place();
  if (described.size > 0) findings.ok(`${described.size} tables are watched (account ${accountId}, ${region})`);
  for (const table of missing) {
    findings.error(`there is no table "${table}"`, 'correct its name, or "region" and "profile"');
  }
  if (described.size + missing.length === 0) findings.warning('no table is chosen', 'look at "tables" and "region"');
  if (notWatched > 0) findings.warning(`${notWatched} tables more are not watched`, 'raise "tables.limit"');
}

function tellCost({ watch }: LoadedDynamodb, { feed, budget }: DynamodbSource, findings: Findings): void {
  if (feed === undefined) return;
  const { monthlyLimit } = watch.cloudwatch;
  const estimate = budget.monthlyCost(feed.requestsPerSecond);
  const told = `CloudWatch will cost about ${estimate.toFixed(2)} US dollars a month`;
  if (estimate <= monthlyLimit) findings.ok(told);
  else {
    findings.warning(
      `${told}, and ${monthlyLimit} are allowed: the least important metrics are left out`,
      'raise "watch.cloudwatch.monthlyLimit" or "period", switch families off, or watch fewer tables',
    );
  }
}

const remedies: Partial<Record<AwsFailureKind, string>> = {
  denied:
    'give the role the rights of deploy/iam/dynamodb-monitoring.json, or switch the families off in "watch.collectors"',
  credentials: 'renew them where the AWS SDK finds them: environment, profile, web identity, container, machine',
  region: 'correct "region"',
  unreachable: 'check the network, the proxy and "endpoint"',
  timeout: 'check the network, the proxy and "endpoint"',
};

function remedyOf(error: unknown): string | undefined {
  const failure = findCause(error, AwsFailure) ?? awsFailure(error, '');
  return remedies[failure.kind];
}
