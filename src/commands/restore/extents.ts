import { mapLimit } from '../../core/map-limit.ts';
import type { SecretSource } from '../../core/secret.ts';
import type { Identity } from '../../jobs/encryption/age-keys.ts';
import { readIdentities } from '../../jobs/encryption/identities.ts';
import { openManifest } from '../../jobs/encryption/manifest-details.ts';
import { type Extent, extentOf } from '../../jobs/extent.ts';
import { readManifest } from '../../jobs/read-manifest.ts';
import type { FoundBackup } from '../find-backup.ts';

/** What each backup holds of its database; undefined where no identity opens it. */
export type Extents = ReadonlyMap<FoundBackup, Extent | undefined>;

const readsAtOnce = 8;

/** Opens what is encrypted as far as the identities do; rejects for none that does not. */
export async function extentsOf(
  found: readonly FoundBackup[],
  sources: readonly SecretSource[],
  signal: AbortSignal,
): Promise<Extents> {
  const sealed = found.filter(({ entry }) => entry.manifest.extent === undefined);
  const { identities } = sealed.length > 0 ? await readIdentities(sources) : { identities: [] };
  const extents = new Map(found.map((one) => [one, one.entry.manifest.extent]));
  await mapLimit(sealed, readsAtOnce, async (one) => extents.set(one, await sealedExtent(one, identities, signal)));
  return extents;
}

async function sealedExtent(
  { entry, opened }: FoundBackup,
  identities: readonly Identity[],
  signal: AbortSignal,
): Promise<Extent | undefined> {
  const recipients = entry.manifest.encryption?.recipients ?? [];
  if (!identities.some(({ recipient }) => recipients.includes(recipient))) return undefined;
  try {
    return extentOf(await openManifest(await readManifest(opened.store, entry.manifest, signal), identities));
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}
