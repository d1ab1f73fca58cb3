import { errorMessage } from '../core/errors.ts';
import { type ObjectStore, readWhole } from '../storage/object-store.ts';
import { backupKey, manifestName } from './backup-keys.ts';
import { JobFailed } from './job.ts';
import { type Manifest, manifestSchema } from './manifest.ts';
import { parseSealedJson } from './sealed-json.ts';

interface WhichBackup {
  readonly target: string;
  readonly id: string;
}

/** The whole manifest of a backup, of which a catalog remembers a summary only. Rejects as the two below do. */
export async function readManifest(
  store: Pick<ObjectStore, 'get'>,
  backup: WhichBackup,
  signal: AbortSignal,
): Promise<Manifest> {
  return parseManifest(await readManifestBytes(store, backup, signal), backup);
}

/** Rejects with a StoreError of kind `missing` when there is none. */
export async function readManifestBytes(
  store: Pick<ObjectStore, 'get'>,
  { target, id }: WhichBackup,
  signal: AbortSignal,
): Promise<Buffer> {
  return readWhole(store, backupKey(target, id, manifestName), signal);
}

/** Throws with reason `damaged` when it is no manifest, its checksum is wrong, or it is that of another backup. */
export function parseManifest(bytes: Buffer, { target, id }: WhichBackup): Manifest {
  const manifest = parseSealedJson(bytes, manifestSchema);
  if (manifest instanceof Error) {
    const message = `the manifest of ${id} cannot be read: ${errorMessage(manifest)}`;
    throw new JobFailed('damaged', message, { cause: manifest });
  }
  if (manifest.id === id && manifest.target === target) return manifest;
  throw new JobFailed(
    'damaged',
    `the manifest in the folder of ${target}/${id} is of ${manifest.target}/${manifest.id}`,
  );
}
