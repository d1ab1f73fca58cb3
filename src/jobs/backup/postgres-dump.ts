import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { startProcess } from '../../core/run-process.ts';
import type { WorkDirectory } from '../../core/work-directory.ts';
import type { PostgresAccess } from '../../targets/libpq/access.ts';
import { libpqLogin } from '../../targets/postgres/libpq.ts';
import { majorOf } from '../../targets/postgres/major-version.ts';
import { chooseInstallation, type ProgramInstallation } from '../../targets/postgres/programs.ts';
import type { PostgresSession } from '../../targets/postgres/session.ts';
import type { JobContext } from '../job.ts';
import type { BackupSource, Manifest, Part } from '../manifest.ts';
import { usualPieceSizes } from '../pieces.ts';
import type { SelectSettings } from '../settings.ts';
import { readDatabaseProperties } from './database-properties.ts';
import { ChunkHasher, GatedOutlet } from './hashing.ts';
import { joinedRun } from './joined-run.ts';
import { largeWrites } from './large-writes.ts';
import { measureDatabase, measureInTransaction } from './measure-database.ts';
import type { BackupMethod, PartSink, TakenBackup } from './method.ts';
import { type ClosingOptions, closeContent } from './open-content.ts';
import { requireOwnConnections } from './pooling.ts';
import {
  type DirectoryFormat,
  directoryPartName,
  dumpIntoSpool,
  openDumpSpool,
  packing,
  requireSpoolSpace,
} from './postgres-directory.ts';
import { givingLocksBack } from './postgres-facts.ts';
import { dumpPartName, restoreDump, schemaPartName } from './postgres-restore.ts';
import { describeSource, type ExportedSnapshot, exportSnapshot } from './postgres-snapshot.ts';
import { readPublicSchema } from './public-schema.ts';
import { pump } from './pump.ts';
import { chooseSamples } from './sampling.ts';
import { Scope, selectionArguments } from './selection.ts';
import { sequenceFacts } from './sequence-facts.ts';
import type { Compressor } from './zstd.ts';

export interface PostgresDumpOptions extends ClosingOptions {
  readonly installations: readonly ProgramInstallation[];
  readonly facts: 'rows' | 'content';
  /** Of tables larger than this only a sample is fingerprinted; undefined: all rows of all tables. */
  readonly sampleAboveBytes?: number | undefined;
  /** What of the database is dumped; undefined: everything. */
  readonly select?: SelectSettings | undefined;
  readonly lockTimeoutMs: number;
  /** pg_dump's directory format by way of a spool; undefined: its custom format, streamed. */
  readonly directory?: DirectoryFormat | undefined;
}

/** A logical backup of one database: `pg_dump` in its custom or its directory format, compressed with zstd. */
export function postgresDump(options: PostgresDumpOptions): BackupMethod {
  return {
    format: 'postgres-dump/1',
    take: (access, sink, context) => takeDump(options, access, sink, context),
    restore: (request, context) => restoreDump(options.installations, request, context),
    measure: measureDatabase,
  };
}

async function takeDump(
  options: PostgresDumpOptions,
  access: PostgresAccess,
  sink: PartSink,
  context: JobContext,
): Promise<TakenBackup> {
  await requireOwnConnections(access, context);
  await using spool = options.directory === undefined ? undefined : await openDumpSpool(options.directory);
  const taken = await takeFromSnapshot({ options, access, spool }, sink, context);
  if (spool === undefined) return taken;
  // What is complete in the spool needs neither the locks nor the snapshot any longer.
  const packed = { name: directoryPartName, ...packing(spool), env: {} };
  const part: Part = { ...(await streamProgram(packed, options, sink, context)), archive: 'tar' };
  return { ...taken, parts: [part, ...taken.parts] };
}

/** Dumps and measures, side by side. Without a spool the parts are then stored, with one all but the dump in it. */
async function takeFromSnapshot(
  from: {
    readonly options: PostgresDumpOptions;
    readonly access: PostgresAccess;
    readonly spool: WorkDirectory | undefined;
  },
  sink: PartSink,
  context: JobContext,
): Promise<TakenBackup> {
  const { options, access, spool } = from;
  const { lockTimeoutMs, select } = options;
  await using snapshot = await exportSnapshot(access, { lockTimeoutMs, select, signal: context.signal });
  const { session, selection } = snapshot;
  const scope = new Scope(selection);
  const installation = chooseInstallation(options.installations, {
    programs: ['pg_dump'],
    serverMajor: Math.max(majorOf(session.version), scope.isChosen ? extensionsByName : 0),
  });
  const source: BackupSource = {
    ...(await describeSource(session, context.signal)),
    properties: await readDatabaseProperties(session, context.signal),
    publicSchema: await readPublicSchema(session, { pgDumpMajor: installation.major, selection }, context.signal),
  };
  // Before pg_dump starts: sequences move on outside the snapshot.
  const { signal } = context;
  const sequences = await givingLocksBack(session, signal, (afterEach) =>
    sequenceFacts(session, scope, { signal, afterEach }),
  );
  const measures = await measuresFor(options, session, context.signal);
  if (options.directory !== undefined) {
    const tables = snapshot.tables.filter((table) => scope.hasRowsOf(table));
    const estimated = { session, tables, withLargeObjects: scope.hasLargeObjects };
    await requireSpoolSpace(estimated, options.directory, context.signal);
  }

  // Whichever of the two fails ends the other: half of a backup is none.
  await using run = joinedRun(context);
  const inRun = { ...context, signal: run.signal };
  const dumping = dumpParts({ options, installation, snapshot, source, spool }, sink, inRun);
  const measuring = measureInTransaction(session, snapshot.tables, { ...measures, selection }, run.signal);
  await run.all([dumping, measuring]);
  return {
    snapshotAt: snapshot.takenAt,
    source,
    selection,
    tools: { pg_dump: installation.version },
    encryption: options.encryption,
    parts: await dumping,
    facts: { ...measures, items: [...sequences, ...(await measuring)] },
  };
}

/** The first major version whose pg_dump takes extensions along with chosen tables. */
const extensionsByName = 14;

async function measuresFor(
  { facts, sampleAboveBytes }: PostgresDumpOptions,
  session: PostgresSession,
  signal: AbortSignal,
): Promise<Pick<Manifest['facts'], 'mode' | 'sampled'>> {
  if (facts === 'rows' || sampleAboveBytes === undefined) return { mode: facts };
  const sampled = await chooseSamples(session, sampleAboveBytes, signal);
  return sampled.length === 0 ? { mode: facts } : { mode: facts, sampled };
}

interface DumpSource {
  readonly options: PostgresDumpOptions;
  readonly installation: ProgramInstallation;
  readonly snapshot: ExportedSnapshot;
  readonly source: BackupSource;
  readonly spool: WorkDirectory | undefined;
}

/** Data alone could not be loaded anywhere: the definitions go into a part of their own, of the same snapshot. */
async function dumpParts(from: DumpSource, sink: PartSink, context: JobContext): Promise<Part[]> {
  const content = from.snapshot.selection?.content ?? 'all';
  const sections = { all: [], schema: ['--schema-only'], data: ['--section=data'] }[content];
  const main = await dumpMain(from, sections, sink, context);
  if (content !== 'data') return main;
  const definitions = { name: schemaPartName, sections: ['--section=pre-data', '--section=post-data'] };
  return [...main, await streamDump(from, definitions, sink, context)];
}

/** Into the store, or into the spool, from where it is stored later. */
async function dumpMain(
  from: DumpSource,
  sections: readonly string[],
  sink: PartSink,
  context: JobContext,
): Promise<Part[]> {
  const { spool, snapshot } = from;
  const format = from.options.directory;
  if (spool === undefined || format === undefined) {
    return [await streamDump(from, { name: dumpPartName, sections }, sink, context)];
  }
  await using login = await libpqLogin(snapshot.session.access);
  const args = [...dumpArguments(login.argument, from), ...sections];
  await dumpIntoSpool({ program: programOf(from), args, env: login.env, spool, format }, context);
  return [];
}

async function streamDump(
  from: DumpSource,
  part: { readonly name: string; readonly sections: readonly string[] },
  sink: PartSink,
  context: JobContext,
): Promise<Part> {
  // The snapshot is known to the server of its session alone.
  await using login = await libpqLogin(from.snapshot.session.access);
  const args = ['--format=custom', ...dumpArguments(login.argument, from), ...part.sections];
  const program = programOf(from);
  const env = { ...login.env, ...(await largeWrites(program)) };
  return await streamProgram({ name: part.name, program, args, env }, from.options, sink, context);
}

function programOf({ installation }: DumpSource): string {
  return join(installation.directory, 'pg_dump');
}

/** pg_dump or its like → zstd → age where it is encrypted → hash → store, in constant memory. */
export async function streamProgram(
  part: {
    readonly name: string;
    readonly program: string;
    readonly args: readonly string[];
    readonly env: Readonly<Record<string, string>>;
  },
  options: ClosingOptions,
  sink: PartSink,
  context: JobContext,
): Promise<Part> {
  await using run = joinedRun(context);
  const { signal } = run;
  const codec = await closeContent(options, signal);
  const feed = feedFrom(part.program, part.args, { codec, env: part.env, signal });
  const hasher = new ChunkHasher(usualPieceSizes);
  const outlet = new GatedOutlet(hasher, {
    async confirm() {
      await Promise.all([feed.done, codec.done]);
    },
    onBytes: (doneBytes) => context.onProgress({ activity: 'dumping', doneBytes }),
  });
  const emptying = pipeline(codec.output, outlet, { signal });
  const encryption = options.encryption === undefined ? undefined : 'age';
  const name = encryption === undefined ? part.name : `${part.name}.${encryption}`;
  const storing = sink(name, outlet, signal);
  await run.all([feed.done, codec.done, emptying, storing]);
  return {
    name,
    ...hasher.finish(),
    compression: 'zstd',
    ...(encryption === undefined ? {} : { encryption }),
    content: { sizeBytes: feed.bytes() },
  };
}

interface Feed {
  readonly done: Promise<unknown>;
  /** How much was fed; known once `done` and the compressor's `done` resolved. */
  readonly bytes: () => number;
}

/** Starts a program that writes into the compressor: without us in between where the compressor counts by itself. */
function feedFrom(
  program: string,
  args: readonly string[],
  options: {
    readonly codec: Compressor;
    readonly env: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
  },
): Feed {
  const { codec, env, signal } = options;
  if (codec.inputBytes !== undefined) {
    const { exited } = startProcess(program, args, { signal, env, into: codec.input });
    return { done: exited, bytes: codec.inputBytes };
  }
  const running = startProcess(program, args, { signal, env });
  let bytes = 0;
  const onChunk = (chunk: Buffer) => {
    bytes += chunk.length;
  };
  const feeding = pump(running.stdout, codec.input, { signal, onChunk });
  return { done: Promise.all([running.exited, feeding]), bytes: () => bytes };
}

function dumpArguments(connection: string, { options, snapshot, source }: DumpSource): readonly string[] {
  const { selection } = snapshot;
  const extensions = source.extensions.map(({ name }) => name);
  return [
    '--compress=0',
    '--no-password',
    connection,
    `--snapshot=${snapshot.id}`,
    `--lock-wait-timeout=${options.lockTimeoutMs}`,
    ...(selection === undefined ? [] : selectionArguments(selection, extensions)),
  ];
}
