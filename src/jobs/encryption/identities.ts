import { errorMessage } from '../../core/errors.ts';
import { type SecretSource, SecretUnavailable } from '../../core/secret.ts';
import { JobFailed } from '../job.ts';
import type { Manifest } from '../manifest.ts';
import { type Identity, parseIdentities } from './age-keys.ts';

/** What the identities that are configured turned out to be. */
export interface ReadIdentities {
  readonly identities: readonly Identity[];
  /** One for each secret that cannot be had or is no identity: which, and why. */
  readonly problems: readonly unknown[];
}

/** Reads all of them anew. Never rejects: on the bad day one that is there is enough. */
export async function readIdentities(sources: readonly SecretSource[]): Promise<ReadIdentities> {
  const identities: Identity[] = [];
  const problems: unknown[] = [];
  for (const source of sources) {
    try {
      identities.push(...(await readFrom(source)));
    } catch (error) {
      problems.push(error);
    }
  }
  return { identities, problems };
}

async function readFrom(source: SecretSource): Promise<Identity[]> {
  const secret = await source.read();
  return parseIdentities(secret.reveal()).catch((error: unknown) => {
    throw new SecretUnavailable(`the identity in ${source.origin} cannot be used: ${errorMessage(error)}`);
  });
}

/**
 * Those of the configured identities that open a backup; none for one that is not encrypted. Rejects with reason `identity`
 * when there is none: that says nothing about the backup, but a great deal about the day it will be needed.
 */
export async function identitiesFor(
  { id, encryption }: Pick<Manifest, 'id' | 'encryption'>,
  sources: readonly SecretSource[],
): Promise<readonly Identity[]> {
  if (encryption === undefined) return [];
  const { identities, problems } = await readIdentities(sources);
  const fitting = identities.filter(({ recipient }) => encryption.recipients.includes(recipient));
  if (fitting.length > 0) return fitting;
  throw new JobFailed('identity', `no identity opens backup ${id}: ${whyNone(encryption, { identities, problems })}`, {
    transient: problems.some((problem) => problem instanceof SecretUnavailable && problem.transient),
  });
}

function whyNone(
  { recipients }: NonNullable<Manifest['encryption']>,
  { identities, problems }: ReadIdentities,
): string {
  const wanted = `it was encrypted to ${recipients.join(', ')}`;
  if (identities.length === 0 && problems.length === 0) return `none is configured (encryption.identities); ${wanted}`;
  const had = identities.map(({ recipient }) => recipient).join(', ');
  const wrong = problems.map((problem) => errorMessage(problem)).join('; ');
  return [wanted, ...(had === '' ? [] : [`the configured ones are of ${had}`]), ...(wrong === '' ? [] : [wrong])].join(
    '; ',
  );
}
