import type { PostgresAccess } from '../../targets/libpq/access.ts';
import type { JobContext } from '../job.ts';
import type { OpenedManifest } from '../manifest.ts';

/** An empty database where a restore is proven. Disposing destroys it with everything in it. */
export interface Sandbox extends AsyncDisposable {
  /** For the report: `throw-away PostgreSQL 15.20`, `scratch database on postgres://…`. */
  readonly description: string;
  readonly major: number;
  readonly access: PostgresAccess;
  /** Whether the roles of the source exist here, so that owners, grants and policies are restored too. */
  readonly ownership: 'restore' | 'ignore';
  /** Where its files are, if that is on this machine. */
  readonly directory?: string;
  /** What it takes on its disk now, beyond what an empty one does. */
  usedBytes(signal: AbortSignal): Promise<number>;
  /** What is not as at the source, such as a locale: a restore that fails may fail because of it. */
  readonly notes: readonly string[];
}

/**
 * Makes a sandbox fit for the backup. Rejects with reason `inconclusive` or `program` when this place cannot take it
 * (version, extension, space): that says nothing about the backup.
 */
export type OpenSandbox = (manifest: OpenedManifest, context: JobContext) => Promise<Sandbox>;
