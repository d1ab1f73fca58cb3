import type { RedisSource } from '../../collectors/redis/source.ts';
import { watchRedis } from '../../collectors/redis/watch.ts';
import type { Watch } from '../../collectors/watch.ts';
import type { LoadedRedis } from '../../config/loaded.ts';
import { withDeadline } from '../../core/deadline.ts';
import type { WorkContext } from '../../core/work-context.ts';
import type { RedisVisit } from '../../targets/redis/visit.ts';
import { tryFamilies } from './families.ts';
import { type CheckFinding, type Findings, findingsAbout } from './finding.ts';
import { diagnoseRedis } from './redis-remedy.ts';

type TimedContext = WorkContext & { readonly timeoutMs: number };

/** Connects as watching does, asks every node, and collects every family once. */
export async function checkRedis(target: LoadedRedis, context: TimedContext): Promise<readonly CheckFinding[]> {
  const findings = findingsAbout(`target ${target.name}`);
  const watch = watchRedis(target, context.clock);
  await using _sessions = watch.sessions;
  const deadline = { parent: context.signal, ms: context.timeoutMs, clock: context.clock, what: 'the check' };
  try {
    await withDeadline(deadline, (signal) => look(target, watch, findings, { ...context, signal }));
  } catch (error) {
    context.signal.throwIfAborted();
    const { message, remedy } = diagnoseRedis(error, target.access);
    findings.error(message, remedy);
  }
  return findings.all;
}

async function look(
  target: LoadedRedis,
  watch: Watch<RedisVisit, RedisSource>,
  findings: Findings,
  context: WorkContext,
): Promise<void> {
  await watch.sessions.proveLogin(context.signal);
  const visit = await watch.sessions.acquire(context.signal);
  try {
    const source = watch.sourceOf(visit);
    await tellNodes(target, source, findings, context);
    await tryFamilies(watch.collectors, source, { findings, remedy: aclRemedy, context });
  } finally {
    watch.sessions.release(visit);
  }
}

async function tellNodes(
  { access }: LoadedRedis,
  source: RedisSource,
  findings: Findings,
  context: WorkContext,
): Promise<void> {
  const outcomes = await source.readings(context);
  for (const outcome of outcomes) {
    const what = outcome.node.kind === 'sentinel' ? 'Sentinel' : 'server';
    if ('error' in outcome) {
      const { message, remedy } = diagnoseRedis(outcome.error, access, outcome.node);
      findings.warning(`the ${what} ${outcome.node.name} cannot be asked: ${message}`, remedy);
      continue;
    }
    const { info } = outcome.reading;
    findings.ok(`connected to the ${what} ${outcome.node.name}: ${info.product} ${info.version}`);
    const mode = info.text('redis_mode') ?? info.text('server_mode');
    if (access.mode !== 'standalone' || mode === undefined || mode === 'standalone') continue;
    findings.warning(`the server is part of something larger (${mode}), and only it is watched`, `mode: ${mode}`);
  }
  if (source.notWatched > 0) {
    findings.warning(`${source.notWatched} nodes more are not watched`, 'raise "watch.nodeLimit"');
  }
}

const aclRemedy = 'give the user the rights of deploy/redis/acl.txt, or switch the family off in "watch.collectors"';
