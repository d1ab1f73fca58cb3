import type { Readable } from 'node:stream';
import type { WorkContext } from '../../core/work-context.ts';
import type { PostgresAccess } from '../../targets/libpq/access.ts';
import type { JobContext } from '../job.ts';
import type { BackupSource, Fact, Manifest, OpenedManifest, Part, Selection } from '../manifest.ts';
import type { TableSelection } from './postgres-restore-tables.ts';

/** What a finished `take` tells for the manifest. */
export interface TakenBackup {
  readonly snapshotAt: Date;
  readonly source: BackupSource;
  /** Undefined: the whole database. */
  readonly selection?: Selection | undefined;
  readonly tools: Readonly<Record<string, string>>;
  /** Undefined: the parts are not encrypted. */
  readonly encryption?: Manifest['encryption'];
  readonly parts: readonly Part[];
  readonly facts: Manifest['facts'];
}

/** Takes a stream under a name; resolves once the store has it whole. */
export type PartSink = (name: string, body: Readable, signal: AbortSignal) => Promise<void>;

export interface RestoreRequest {
  readonly manifest: OpenedManifest;
  /** Path of each part's content: fetched, checked, decompressed. */
  readonly contentPath: (partName: string) => string;
  /** An empty database that the restore fills. */
  readonly into: PostgresAccess;
  /** `sandbox`: nobody's property; owners and grants are restored where all roles exist. */
  readonly ownership: 'restore' | 'ignore';
  /** Processes that load at once. */
  readonly parallel: number;
  /** Only the rows of these tables; everything when absent. */
  readonly selection?: TableSelection | undefined;
  /** Is told what the reader of the result should know. */
  readonly onNote?: (note: string) => void;
}

/** One way to back up one engine. The format in the manifest names the method that restores it. */
export interface BackupMethod {
  readonly format: Manifest['method'];
  /** Dump and facts of one snapshot. Anything less than complete rejects; what the sink took is then worthless. */
  take(access: PostgresAccess, sink: PartSink, context: JobContext): Promise<TakenBackup>;
  restore(request: RestoreRequest, context: JobContext): Promise<void>;
  /** The same list as in the manifest, measured on a restored database. */
  measure(access: PostgresAccess, manifest: OpenedManifest, context: WorkContext): Promise<Fact[]>;
}
