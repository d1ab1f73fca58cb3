import { writeFile } from 'node:fs/promises';
import type { Assembly } from '../assembly.ts';
import type { LoadedConfig } from '../config/loaded.ts';
import { parseBytes } from '../core/bytes.ts';
import { parseDuration } from '../core/duration.ts';
import { compareWithBackup } from '../jobs/compare/compare-backup.ts';
import {
  type CompareContext,
  type CompareOptions,
  compareDatabases,
  ignorable,
} from '../jobs/compare/compare-databases.ts';
import type { ComparedState, Comparison } from '../jobs/compare/comparison.ts';
import { type Choice, LiveSide, takeSnapshots } from '../jobs/compare/live-side.ts';
import { openBackup } from '../jobs/encryption/manifest-details.ts';
import { readManifest } from '../jobs/read-manifest.ts';
import { type SelectSettings, selectSettings } from '../jobs/settings.ts';
import { assembleOrFail, type CommandContext, CommandError, loadOrFail } from './command-context.ts';
import { renderComparison } from './compare/render.ts';
import { reportOf } from './compare/report.ts';
import { refuseOthers, type StoreFlags, storeRequestOf } from './compare/store-flags.ts';
import { compareStores, lockTimeoutMs } from './compare/stores.ts';
import { type ComparedTarget, comparedTarget, type Subject, subjectOf } from './compare/subject.ts';
import { exitCodes } from './exit-code.ts';
import { backupsOf, type FoundBackup, findBackup } from './find-backup.ts';
import { ProgressDisplay } from './progress-display.ts';
import { extentsOf } from './restore/extents.ts';
import { printJson, printLine } from './terminal.ts';

/** As the command line gives them. */
export interface CompareFlags extends StoreFlags {
  readonly rows?: boolean;
  readonly content?: boolean;
  /** A size such as `1GiB`. */
  readonly sampleAbove?: string;
  readonly schema: readonly string[];
  readonly table: readonly string[];
  /** A backup's id, or `latest`. */
  readonly backup?: string;
  /** Where the backup is looked for. */
  readonly store?: string;
  readonly keys?: number;
  /** Of {@link ignorable}. */
  readonly ignore: readonly string[];
  /** For one statement, e.g. `30m`. */
  readonly timeout: string;
  /** File for the JSON report. */
  readonly report?: string;
}

interface Request {
  readonly options: CompareOptions;
  readonly patterns: SelectSettings;
  readonly statementTimeoutMs: number;
}

/**
 * `watchkeeper compare SOURCE OTHER`, or `SOURCE --backup ID`: what two databases hold, or a backup and a database, told
 * by its differences. Exit codes as those of diff: 0 the same, 1 different, 2 it could not be compared.
 */
export async function runCompare(
  context: CommandContext,
  source: string,
  other: string | undefined,
  flags: CompareFlags,
): Promise<number> {
  if ((other === undefined) === (flags.backup === undefined)) {
    throw usage('name two databases, or one and --backup');
  }
  const display = new ProgressDisplay(context.terminal, context.clock, `compare ${source}`);
  try {
    const comparison =
      other === undefined
        ? await withBackup(context, source, flags, display)
        : await withOther(context, [source, other], flags, display);
    display.clear();
    await tell(context, comparison, flags.report);
    return codes[comparison.result];
  } catch (error) {
    display.clear();
    context.signal.throwIfAborted();
    throw asCommandError(error);
  }
}

function asCommandError(cause: unknown): CommandError {
  if (cause instanceof CommandError) return cause;
  return new CommandError(exitCodes.usage.code, 'could not compare', { cause });
}

const codes = {
  same: exitCodes.success.code,
  different: exitCodes.failure.code,
  incomplete: exitCodes.usage.code,
} as const satisfies Record<Comparison['result'], number>;

function requestOf(flags: CompareFlags): Request {
  if (flags.rows === true && flags.content === true) throw usage('choose --rows or --content');
  const statementTimeoutMs = parseDuration(flags.timeout);
  if (!statementTimeoutMs) throw usage(`--timeout "${flags.timeout}" is no duration such as 30m`);
  const sampleAboveBytes = flags.sampleAbove === undefined ? undefined : parseBytes(flags.sampleAbove);
  if (flags.sampleAbove !== undefined && !sampleAboveBytes) {
    throw usage(`--sample-above "${flags.sampleAbove}" is no size such as 1GiB`);
  }
  if (sampleAboveBytes !== undefined && flags.content !== true) throw usage('--sample-above needs --content');
  const patterns = selectSettings.safeParse({
    ...(flags.schema.length === 0 ? {} : { schemas: flags.schema }),
    ...(flags.table.length === 0 ? {} : { tables: flags.table }),
  });
  if (!patterns.success)
    throw usage(patterns.error.issues.map(({ message }) => `--schema, --table: ${message}`).join('; '));
  const ignore = ignorable.filter((part) => flags.ignore.includes(part));
  const unknown = flags.ignore.find((part) => !ignorable.some((known) => known === part));
  if (unknown !== undefined) throw usage(`--ignore "${unknown}": there are ${ignorable.join(', ')}`);
  const options = {
    level: flags.content === true ? 'content' : 'rows',
    sampleAboveBytes,
    ignore,
    keys: flags.keys,
  } as const;
  return { options, patterns: patterns.data, statementTimeoutMs };
}

async function withOther(
  context: CommandContext,
  names: readonly [string, string],
  flags: CompareFlags,
  display: ProgressDisplay,
): Promise<Comparison> {
  const config = await loadOrFail(context);
  const targets = names.map((name) => comparedTarget(config, name)) as [ComparedTarget, ComparedTarget];
  refuseOthers(
    flags,
    targets.map(({ engine }) => engine),
  );
  if (targets.every(({ engine }) => engine === 'postgres')) {
    return await withDatabase(context, { config, names }, requestOf(flags), display);
  }
  const work = workContext(context, display);
  return await compareStores(targets, storeRequestOf(flags), { context, work, display });
}

async function withDatabase(
  context: CommandContext,
  { config, names }: { readonly config: LoadedConfig; readonly names: readonly [string, string] },
  request: Request,
  display: ProgressDisplay,
): Promise<Comparison> {
  const subjects = names.map((name) => subjectOf(config, name)) as [Subject, Subject];
  const startedAt = context.clock.now();
  await using source = await open(subjects[0], request, context);
  await using other = await open(subjects[1], request, context);
  const sides = [source, other] as const;
  const snapshotsWithinSeconds = await takeSnapshots(sides, context);
  if (source.identity === other.identity) {
    throw usage(
      `${source.name} and ${other.name} are the same database of the same server: it would be compared with itself`,
    );
  }
  const fitting = await Promise.all(sides.map((side) => side.choose({ patterns: request.patterns })));
  if (!fitting.includes(true)) throw usage('neither database has such schemas or tables');
  const findings = await compareDatabases(sides, request.options, workContext(context, display));
  const states = sides.map((side, at) => stateOf(side, subjects[at] ?? subjects[0])) as [ComparedState, ComparedState];
  return { ...reportOf(findings, states, request.options.level, { startedAt, context }), snapshotsWithinSeconds };
}

async function withBackup(
  context: CommandContext,
  source: string,
  flags: CompareFlags,
  display: ProgressDisplay,
): Promise<Comparison> {
  refuseOthers({ ...flags, backup: '', store: '', ignore: [] }, ['postgres']);
  const request = requestOf(flags);
  if (request.options.keys !== undefined)
    throw usage('--keys needs two databases: a backup tells none without a restore');
  if (request.options.sampleAboveBytes !== undefined)
    throw usage('--sample-above: a backup is sampled as it was taken');
  await using assembly = await assembleOrFail(context);
  const startedAt = context.clock.now();
  const { entry, opened } = await chooseBackup(assembly, source, flags, context.signal);
  const { manifest } = await openBackup(
    await readManifest(opened.store, entry.manifest, context.signal),
    assembly.opening.identities,
  );
  if (manifest.method === 'postgres-globals/1') throw usage(`backup ${manifest.id} holds roles and no database`);
  if (request.options.level === 'content' && manifest.facts.mode === 'rows') {
    throw usage(`backup ${manifest.id} knows row counts only ("facts: rows"): leave --content out`);
  }
  const subject = subjectOf(assembly.config, source, manifest.database);
  await using side = await open(subject, request, context);
  await takeSnapshots([side], context);
  await side.choose({ selection: manifest.selection } satisfies Choice);
  const { schemas, tables } = request.patterns;
  const options = { ...request.options, part: { schemas, tables } };
  const findings = await compareWithBackup(manifest, side, options, workContext(context, display));
  const held = {
    target: manifest.target,
    database: manifest.database,
    version: manifest.source.version,
    snapshotAt: manifest.snapshotAt,
    backup: { id: manifest.id, store: opened.name },
  };
  return reportOf(findings, [held, stateOf(side, subject)], options.level, { startedAt, context });
}

/** `latest`: the newest one of the database, proven or not. One of a part of it says nothing of the rest, and is taken by its id. */
async function chooseBackup(
  assembly: Assembly,
  source: string,
  { backup = '', store }: CompareFlags,
  signal: AbortSignal,
): Promise<FoundBackup> {
  if (backup !== 'latest') return await findBackup(assembly, backup, signal, { store });
  const { target, database } = subjectOf(assembly.config, source);
  const found = await backupsOf(assembly, target, signal, { store });
  const own = found.filter(({ entry: { manifest } }) => manifest.database === database);
  const [newest] = own;
  if (newest === undefined) throw usage(`there is no backup of ${target}/${database}`);
  const extents = await extentsOf(own, assembly.opening.identities, signal);
  const chosen = own.find((one) => !['part', 'roles'].includes(extents.get(one)?.kind ?? ''));
  if (chosen !== undefined) return chosen;
  const [{ id }, held] = [newest.entry.manifest, extents.get(newest)?.text];
  throw usage(`no backup holds all of ${target}/${database}: name one by its id. The newest, ${id}, holds ${held}`);
}

function open(subject: Subject, { statementTimeoutMs }: Request, context: CommandContext): Promise<LiveSide> {
  const name = `${subject.target}/${subject.database}`;
  return LiveSide.open({ name, access: subject.access, statementTimeoutMs, lockTimeoutMs }, context);
}

function workContext({ signal, clock, log }: CommandContext, display: ProgressDisplay): CompareContext {
  return { signal, clock, log, onProgress: display.update };
}

function stateOf(side: LiveSide, { target, database }: Subject): ComparedState {
  return { target, database, version: side.session.versionText, snapshotAt: side.snapshotAt };
}

async function tell(
  { terminal, json }: CommandContext,
  comparison: Comparison,
  file: string | undefined,
): Promise<void> {
  if (file !== undefined) await writeFile(file, `${JSON.stringify(comparison, null, 2)}\n`);
  if (json) printJson(terminal, comparison);
  else printLine(terminal, renderComparison(comparison));
}

function usage(message: string): CommandError {
  return new CommandError(exitCodes.usage.code, message);
}
