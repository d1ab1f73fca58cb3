import { z } from 'zod';
import type { SecretSource } from '../../core/secret.ts';
import { JobFailed } from '../job.ts';
import { factsSchema, type Manifest, type OpenedManifest, selectionSchema, sourceSchema } from '../manifest.ts';
import type { Identity } from './age-keys.ts';
import { identitiesFor } from './identities.ts';
import { sealText, unsealText } from './sealed-text.ts';

/** Of an encrypted backup, what nobody may read without an identity: names of objects and roles, and what they hold. */
const detailsSchema = z.strictObject({
  /** So that those of another backup are not taken for its own. */
  backupId: z.string(),
  selection: selectionSchema.optional(),
  source: sourceSchema.pick({
    roles: true,
    superusers: true,
    memberships: true,
    bootstrapRole: true,
    properties: true,
    publicSchema: true,
  }),
  facts: factsSchema.pick({ sampled: true, items: true }),
});

/** As it is stored: of an encrypted backup the details are sealed, and what is left tells no name and no content. */
export async function closeManifest(manifest: OpenedManifest): Promise<Manifest> {
  const { encryption, selection, facts, source, ...rest } = manifest;
  if (encryption === undefined) return manifest;
  const { roles, superusers, memberships, bootstrapRole, properties, publicSchema, ...plainSource } = source;
  const details: z.infer<typeof detailsSchema> = {
    backupId: manifest.id,
    selection,
    source: { roles, superusers, memberships, bootstrapRole, properties, publicSchema },
    facts: { sampled: facts.sampled, items: facts.items },
  };
  return {
    ...rest,
    encryption,
    source: { ...plainSource, roles: [] },
    facts: { mode: facts.mode, revision: facts.revision, items: [] },
    details: await sealText(details, encryption.recipients),
  };
}

/** Of the configured identities those that open a backup, and its manifest with all details. Rejects as both of these do. */
export async function openBackup(
  manifest: Manifest,
  sources: readonly SecretSource[],
): Promise<{ readonly manifest: OpenedManifest; readonly identities: readonly Identity[] }> {
  const identities = await identitiesFor(manifest, sources);
  return { manifest: await openManifest(manifest, identities), identities };
}

/**
 * With its details, for restoring and comparing; `identities` are those that open it. Rejects with reason `damaged` when
 * they are not what the manifest says.
 */
export async function openManifest(manifest: Manifest, identities: readonly Identity[]): Promise<OpenedManifest> {
  const { details: sealed, ...rest } = manifest;
  if (sealed === undefined) return rest;
  const details = await opened(sealed, identities).catch((cause: unknown) => {
    throw new JobFailed('damaged', `the details of backup ${manifest.id} cannot be opened`, { cause });
  });
  if (details.backupId !== manifest.id) {
    throw new JobFailed('damaged', `the details of backup ${manifest.id} are those of ${details.backupId}`);
  }
  return {
    ...rest,
    ...(details.selection === undefined ? {} : { selection: details.selection }),
    source: { ...rest.source, ...details.source },
    facts: { ...rest.facts, ...details.facts },
  };
}

async function opened(sealed: string, identities: readonly Identity[]): Promise<z.infer<typeof detailsSchema>> {
  return detailsSchema.parse(await unsealText(sealed, identities));
}
