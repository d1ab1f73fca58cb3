import type { SecretSource } from '../../core/secret.ts';
import { readIdentities } from '../../jobs/encryption/identities.ts';
import { openManifest } from '../../jobs/encryption/manifest-details.ts';
import { type Extent, extentOf } from '../../jobs/extent.ts';
import type { Manifest } from '../../jobs/manifest.ts';
import type { FoundBackup } from '../find-backup.ts';

/** What each backup holds of its database; undefined where no identity opens it. */
export type Extents = ReadonlyMap<FoundBackup, Extent | undefined>;

/** Opens what is encrypted as far as the identities do; rejects for none that does not. */
export async function extentsOf(found: readonly FoundBackup[], sources: readonly SecretSource[]): Promise<Extents> {
  const isSealed = found.some(({ entry }) => entry.manifest.details !== undefined);
  const { identities } = isSealed ? await readIdentities(sources) : { identities: [] };
  const open = (manifest: Manifest) => openManifest(manifest, identities).catch(() => manifest);
  const extents = new Map<FoundBackup, Extent | undefined>();
  for (const one of found) extents.set(one, extentOf(await open(one.entry.manifest)));
  return extents;
}
