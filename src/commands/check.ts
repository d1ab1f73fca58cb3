import type { LoadResult } from '../config/load.ts';
import type { LoadedBackup, LoadedConfig, LoadedPostgres, LoadedSandbox, LoadedTarget } from '../config/loaded.ts';
import { mapLimit } from '../core/map-limit.ts';
import type { WorkContext } from '../core/work-context.ts';
import { withDatabase } from '../targets/libpq/access.ts';
import { findInstallations, type ProgramInstallation } from '../targets/postgres/programs.ts';
import { checkAnnotations } from './check/annotations.ts';
import { checkAws, checkCommonCost } from './check/aws.ts';
import { checkCustomFamilies } from './check/custom-families.ts';
import { checkEncryption } from './check/encryption.ts';
import { type CheckFinding, findingsAbout } from './check/finding.ts';
import { checkPartSpools } from './check/part-spools.ts';
import { checkPgbouncer } from './check/pgbouncer.ts';
import { checkPooling } from './check/pooling.ts';
import { checkPrograms } from './check/programs.ts';
import { checkReading } from './check/reading.ts';
import { checkRedis } from './check/redis.ts';
import { configurationFindings, renderFindings, renderSummary } from './check/report.ts';
import { checkSandbox } from './check/sandboxes.ts';
import { type BackupOfDatabase, type SourceDatabase, withSession } from './check/source.ts';
import { checkSpools } from './check/spools.ts';
import { checkStoreAccess, type StoreAccess } from './check/stores.ts';
import { checkWatching } from './check/watching.ts';

export interface CheckContext extends WorkContext, StoreAccess {
  /** The PATH in which programs are looked for. */
  readonly searchPath: string;
  /** PostgreSQL's programs; looked for when absent. */
  readonly installations?: readonly ProgramInstallation[];
  /** For each connection and each store; 10 s by default. */
  readonly timeoutMs?: number;
}

const checksAtOnce = 8;
const defaultTimeoutMs = 10_000;

/**
 * Connects once to everything the configuration names and tells what is missing and how to get it: targets first, then
 * stores, programs and sandboxes. Rejects only when the context's signal fires.
 */
export async function checkConfiguration(config: LoadedConfig, context: CheckContext): Promise<CheckFinding[]> {
  const targets = await checkTargets(config, context);
  const stores = await checkStores(config, context);
  const machine = await checkMachine(config, targets.sources, context);
  return [...targets.findings, ...stores, ...machine, ...(await checkTelling(config, context))];
}

/** Every target, and what is known of its databases that are backed up. */
export async function checkTargets(config: LoadedConfig, context: CheckContext): Promise<CheckedTarget> {
  const checked = await mapLimit(config.targets, checksAtOnce, (target) => checkTarget(target, timed(context)));
  const cloudwatch = findingsAbout('cloudwatch');
  const costs = checked.flatMap(({ monthlyCost }) => monthlyCost ?? []);
  checkCommonCost(costs, config.cloudwatch.monthlyLimit, cloudwatch);
  return {
    findings: [...checked.flatMap(({ findings }) => findings), ...cloudwatch.all],
    sources: checked.flatMap(({ sources }) => sources),
  };
}

export async function checkStores(config: LoadedConfig, context: CheckContext): Promise<CheckFinding[]> {
  const checked = await mapLimit(config.stores, checksAtOnce, async (store) => {
    const findings = findingsAbout(`store ${store.name}`);
    await checkStoreAccess(store, findings, timed(context));
    return findings.all;
  });
  return checked.flat();
}

/** Whether what happens can be told where the configuration says. */
export async function checkTelling(config: LoadedConfig, context: CheckContext): Promise<readonly CheckFinding[]> {
  const findings = findingsAbout('annotations');
  await checkAnnotations(config, findings, context);
  return findings.all;
}

function hasRolesBackedUp({ backups }: LoadedConfig['targets'][number]): boolean {
  return backups.some(({ settings }) => settings.method === 'globals');
}

/** Whether programs and sandboxes fit the databases. */
export async function checkMachine(
  config: LoadedConfig,
  sources: readonly SourceDatabase[],
  context: CheckContext,
): Promise<CheckFinding[]> {
  const installations =
    context.installations ?? (await findInstallations(config.programDirectories, context.searchPath, context.signal));
  const programs = findingsAbout('programs');
  const withRoles = new Set(config.targets.filter(hasRolesBackedUp).map(({ name }) => name));
  if (sources.length > 0) await checkPrograms(sources, { ...context, installations, withRoles }, programs);
  const encryption = findingsAbout('encryption');
  await checkEncryption(config, context.searchPath, encryption);
  const spool = findingsAbout('spool');
  await checkSpools(config, sources, context.searchPath, spool);
  await checkPartSpools(config, sources, spool);
  const sandboxes = await mapLimit(usedSandboxes(config), checksAtOnce, async (sandbox) => {
    const findings = findingsAbout(`sandbox ${sandbox.name}`);
    const proven = sources.filter((source) => source.sandbox?.name === sandbox.name);
    await checkSandbox(sandbox, proven, findings, { ...timed(context), installations });
    return findings.all;
  });
  return [...programs.all, ...encryption.all, ...spool.all, ...sandboxes.flat()];
}

function timed(context: CheckContext): CheckContext & { readonly timeoutMs: number } {
  return { ...context, timeoutMs: context.timeoutMs ?? defaultTimeoutMs };
}

interface CheckedTarget {
  readonly findings: readonly CheckFinding[];
  /** The databases that could be looked at. */
  readonly sources: readonly SourceDatabase[];
  /** US dollars that CloudWatch will cost for it in 31 days, where it is read. */
  readonly monthlyCost?: number | undefined;
}

type TimedContext = WorkContext & { readonly timeoutMs: number };

async function checkTarget(target: LoadedTarget, context: TimedContext): Promise<CheckedTarget> {
  switch (target.engine) {
    case 'postgres':
      return checkPostgres(target, context);
    case 'pgbouncer':
      return { findings: await checkPgbouncer(target, context), sources: [] };
    case 'redis':
      return { findings: await checkRedis(target, context), sources: [] };
    case 'dynamodb':
    case 'rds':
    case 'elasticache':
    case 'sqs':
    case 'lambda':
      return { ...(await checkAws(target, context)), sources: [] };
  }
}

async function checkPostgres(target: LoadedPostgres, context: TimedContext): Promise<CheckedTarget> {
  const watching = findingsAbout(`target ${target.name}`);
  const watched = await withSession(target.access, watching, context, async (session, signal) => {
    await checkWatching(target, session, watching, signal);
    return true;
  });
  if (watched !== undefined) await checkCustomFamilies(target, watching, context);
  const sameLogin = target.backups.every(({ access }) => access === target.access);
  // A server that cannot be reached once need not be asked for every database.
  if (watched === undefined && sameLogin) return { findings: watching.all, sources: [] };
  const dumps = target.backups.filter(({ settings }) => settings.method === 'dump');
  const databases = await mapLimit(databasesOf(dumps), 2, async (backup) => {
    const findings = findingsAbout(`target ${target.name}, database ${backup.database}`);
    const access = withDatabase(backup.access, backup.database);
    const source = await withSession(access, findings, context, async (session, signal) => {
      await checkPooling(session, findings, { ...context, signal });
      return checkReading(backup, session, findings, signal);
    });
    return { findings: findings.all, source };
  });
  return {
    findings: [...watching.all, ...databases.flatMap(({ findings }) => findings)],
    sources: databases.map(({ source }) => source).filter((source) => source !== undefined),
  };
}

/** Each database once, however many schedules it has. */
function databasesOf(backups: readonly LoadedBackup[]): BackupOfDatabase[] {
  const found = new Map<string, BackupOfDatabase>();
  for (const { databases, discover, target, access, proof, schedule, settings } of backups) {
    const chosenFrom = discover !== undefined ? 'any' : databases.length === 1 ? 'one' : 'several';
    for (const database of databases) {
      const known = found.get(database);
      const chosen = [...(known?.chosen ?? []), { schedule, select: settings.select, chosenFrom } as const];
      const first = known?.proof === undefined ? { target, access, proof, database } : known;
      found.set(database, { ...first, chosen });
    }
  }
  return [...found.values()];
}

function usedSandboxes(config: LoadedConfig): LoadedSandbox[] {
  const proofs = config.targets.flatMap(({ backups }) => backups.map(({ proof }) => proof));
  return [...new Set(proofs.map((proof) => proof?.sandbox).filter((sandbox) => sandbox !== undefined))];
}

export interface CheckOptions extends CheckContext {
  readonly file: string;
  readonly json: boolean;
  readonly load: (file: string) => Promise<LoadResult>;
  readonly out: (text: string) => void;
}

/** `watchkeeper check`: prints everything that was looked at; 1 when something that is configured cannot work. */
export async function runCheck(options: CheckOptions): Promise<number> {
  const loaded = await options.load(options.file);
  const findings = configurationFindings(options.file, loaded.warnings, 'warning');
  if (loaded.ok) findings.push(...(await checkConfiguration(loaded.config, options)));
  else findings.unshift(...configurationFindings(options.file, loaded.problems, 'error'));
  return printFindings(findings, options);
}

/** Prints findings as text or JSON; the exit code is 1 when there is an error among them. */
export function printFindings(
  findings: readonly CheckFinding[],
  options: { readonly json: boolean; readonly out: (text: string) => void },
): number {
  const failed = findings.some(({ status }) => status === 'error');
  if (options.json) options.out(`${JSON.stringify({ ok: !failed, findings }, null, 2)}\n`);
  else options.out(`${renderFindings(findings)}\n\n${renderSummary(findings)}\n`);
  return failed ? 1 : 0;
}
