import { type Extent, extentOf } from './extent.ts';
import type { BackupSource, Manifest, Part } from './manifest.ts';

/**
 * What is remembered of a manifest. Facts, hashes of pieces and who has which rights are most of it, and a daemon that keeps
 * thousands of backups would hold hundreds of megabytes of them: who needs them reads them again, see read-manifest.ts.
 */
export interface ManifestSummary
  extends Pick<
    Manifest,
    | 'method'
    | 'id'
    | 'target'
    | 'schedule'
    | 'database'
    | 'startedAt'
    | 'snapshotAt'
    | 'finishedAt'
    | 'tools'
    | 'encryption'
  > {
  readonly facts: Pick<Manifest['facts'], 'mode'>;
  readonly parts: readonly Pick<Part, 'name' | 'sizeBytes' | 'sha256' | 'content'>[];
  readonly source: Pick<BackupSource, 'version' | 'versionNumber' | 'databaseSizeBytes' | 'extensions'>;
  /** Undefined: it is sealed. */
  readonly extent: Extent | undefined;
}

/** Which backup it is, and who can open it: as much as must be known of one whose manifest is read from the store. */
export type BackupIdentity = Pick<ManifestSummary, 'id' | 'target' | 'schedule' | 'database' | 'encryption'>;

export function summaryOf(manifest: Manifest): ManifestSummary {
  const { method, id, target, schedule, database, startedAt, snapshotAt, finishedAt, tools, encryption } = manifest;
  const { version, versionNumber, databaseSizeBytes, extensions } = manifest.source;
  return {
    ...{ method, id, target, schedule, database, startedAt, snapshotAt, finishedAt, tools },
    ...(encryption === undefined ? {} : { encryption }),
    facts: { mode: manifest.facts.mode },
    parts: manifest.parts.map(({ name, sizeBytes, sha256, content }) => ({ name, sizeBytes, sha256, content })),
    source: { version, versionNumber, databaseSizeBytes, extensions },
    extent: extentOf(manifest),
  };
}
