import type { NodeReading } from '../collectors/redis/source.ts';
import { watchRedis } from '../collectors/redis/watch.ts';
import type { LoadedRedis } from '../config/loaded.ts';
import { formatBytes } from '../core/bytes.ts';
import { withDeadline } from '../core/deadline.ts';
import { errorMessage } from '../core/errors.ts';
import type { WorkContext } from '../core/work-context.ts';
import { parseFields } from '../targets/redis/info.ts';
import { type CheckFinding, type Findings, findingsAbout } from './check/finding.ts';
import { diagnoseRedis } from './check/redis-remedy.ts';
import { renderFindings, renderSummary } from './check/report.ts';
import { type CommandContext, CommandError, loadOrFail } from './command-context.ts';
import { judgeHealth } from './doctor/redis-health.ts';
import { type KeySample, sampleKeys } from './doctor/redis-keys.ts';
import { exitCodes } from './exit-code.ts';

/** How much of each server is looked at. */
export interface DoctorLimits {
  /** Keys of each database of each node. */
  readonly keys: number;
  /** For each node. */
  readonly seconds: number;
}

/** What was found of one target. */
export interface RedisExamination {
  readonly findings: readonly CheckFinding[];
  readonly keys: readonly (KeySample & { readonly node: string })[];
}

/** `watchkeeper doctor redis [TARGET]`: 1 when something of a server is wrong now. */
export async function runDoctorRedis(
  context: CommandContext,
  name: string | undefined,
  limits: DoctorLimits,
): Promise<number> {
  const { targets } = await loadOrFail(context);
  const all = targets.filter((target): target is LoadedRedis => target.engine === 'redis');
  const wanted = all.filter((target) => name === undefined || target.name === name);
  if (wanted.length === 0) {
    const known = all.length === 0 ? 'there is none' : `there are ${all.map((one) => one.name).join(', ')}`;
    throw new CommandError(exitCodes.usage.code, `no Redis target${name === undefined ? '' : ` "${name}"`}: ${known}`);
  }
  const found: (RedisExamination & { readonly target: string })[] = [];
  for (const target of wanted) found.push({ target: target.name, ...(await examineRedis(target, limits, context)) });
  const failed = found.some(({ findings }) => findings.some(({ status }) => status === 'error'));
  const text = context.json ? `${JSON.stringify({ ok: !failed, targets: found }, null, 2)}\n` : render(found);
  context.terminal.out.write(text);
  return failed ? 1 : 0;
}

/** Looks at every node in turn: its figures, and a sample of its keys where it is a master. Rejects only when the signal fires. */
export async function examineRedis(
  target: LoadedRedis,
  limits: DoctorLimits,
  context: WorkContext,
): Promise<RedisExamination> {
  const about = findingsAbout(`target ${target.name}`);
  const watch = watchRedis(target, context.clock);
  await using _sessions = watch.sessions;
  const findings: CheckFinding[] = [];
  const keys: (KeySample & { readonly node: string })[] = [];
  try {
    await watch.sessions.proveLogin(context.signal);
    const visit = await watch.sessions.acquire(context.signal);
    await using _visit = visit;
    for (const outcome of await watch.sourceOf(visit).readings(context)) {
      const ofNode = findingsAbout(`target ${target.name}, node ${outcome.node.name}`);
      if ('error' in outcome) {
        const { message, remedy } = diagnoseRedis(outcome.error, target.access, outcome.node);
        ofNode.error(message, remedy);
      } else if (outcome.node.kind === 'data') {
        judgeHealth(outcome.reading.info, ofNode);
        const samples = await sampleNode(outcome.reading, limits, ofNode, context);
        keys.push(...samples.map((sample) => ({ node: outcome.node.name, ...sample })));
      }
      findings.push(...ofNode.all);
    }
  } catch (error) {
    context.signal.throwIfAborted();
    const { message, remedy } = diagnoseRedis(error, target.access);
    about.error(message, remedy);
  }
  return { findings: [...about.all, ...findings], keys };
}

const spareMs = 5_000;

async function sampleNode(
  { connection, info, node }: NodeReading,
  limits: DoctorLimits,
  findings: Findings,
  { clock, signal }: WorkContext,
): Promise<KeySample[]> {
  // A replica has what its master has, and that is looked at.
  if (node.group !== '' && info.text('role') !== 'master') return [];
  const databases = info
    .startingWith('db')
    .flatMap(([index, text]) =>
      /^\d+$/.test(index) ? [{ index: Number(index), keys: Number(parseFields(text).get('keys')) }] : [],
    );
  const ms = limits.seconds * 1_000;
  const endsAtMs = clock.monotonicMs() + ms;
  const samples: KeySample[] = [];
  const deadline = { parent: signal, ms: ms + spareMs, clock, what: 'looking at keys' };
  try {
    await withDeadline(deadline, async (either) => {
      for (const database of databases) {
        samples.push(await sampleKeys(connection, database, { clock, signal: either, keys: limits.keys, endsAtMs }));
      }
    });
  } catch (error) {
    signal.throwIfAborted();
    findings.warning(`keys cannot be looked at: ${errorMessage(error)}`, keysRemedy);
  }
  return samples;
}

const keysRemedy = 'use the user watchkeeper_keys of deploy/redis/acl.txt for this, e.g. in a configuration of its own';
const patternsShown = 15;

function render(found: readonly (RedisExamination & { readonly target: string })[]): string {
  const findings = found.flatMap((one) => one.findings);
  const samples = found.flatMap(({ target, keys }) => keys.map((sample) => renderSample(target, sample)));
  return `${[renderFindings(findings), ...samples, renderSummary(findings)].join('\n\n')}\n`;
}

function renderSample(target: string, sample: KeySample & { readonly node: string }): string {
  const { node, database, sampled, total, patterns, biggest } = sample;
  const bytes = patterns.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  const rows = patterns
    .slice(0, patternsShown)
    .map(({ pattern, keys, memoryBytes, persistent }) => [
      `${((memoryBytes / Math.max(bytes, 1)) * 100).toFixed(1)} %`,
      formatBytes(memoryBytes),
      String(keys),
      String(persistent),
      pattern,
    ]);
  const keys = biggest.map(({ key, type, memoryBytes }) => [formatBytes(memoryBytes), type, key]);
  return [
    `keys of ${target}, node ${node}, db${database}: ${sampled} of ${total} were looked at`,
    table(['share', 'memory', 'keys', 'without expiry', 'names'], rows),
    'the biggest of them',
    table(['memory', 'type', 'key'], keys),
  ].join('\n');
}

/** The last column is text, the others stand to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === row.length - 1 ? printable(cell) : cell.padStart(widths[column] ?? 0)))
      .join('  ');
  return [head, ...rows].map((row) => `  ${line(row)}`).join('\n');
}

/** Names of keys may hold anything, control characters of terminals included. */
function printable(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
