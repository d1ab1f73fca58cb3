import type { Signer } from '@aws-sdk/rds-signer';
import { awsCredentials } from '../../core/aws-credentials.ts';
import { abortable } from '../../core/deadline.ts';
import { errorMessage } from '../../core/errors.ts';
import { Secret, SecretUnavailable } from '../../core/secret.ts';
import type { Login, PasswordSource } from './access.ts';

const hostPattern = /\.(?<region>[a-z]{2}(?:-[a-z]+)+-\d+)\.rds\.amazonaws\.com(?:\.cn)?$/i;

/** `eu-central-1` from `db.c1x2.eu-central-1.rds.amazonaws.com`; undefined for other names. */
export function regionOfRdsHost(host: string): string | undefined {
  return hostPattern.exec(host)?.groups?.['region']?.toLowerCase();
}

const settingPattern = /^aws-rds-iam(?::(?<region>[a-z0-9-]+))?$/;

/** Reads the setting `aws-rds-iam` or `aws-rds-iam:REGION`; undefined for anything else. */
export function parseRdsIam(value: string): { readonly region: string | undefined } | undefined {
  const match = settingPattern.exec(value);
  return match === null ? undefined : { region: match.groups?.['region'] };
}

/** Long enough for the way to the credentials of the machine; signing itself asks nobody. */
const patienceMs = 5_000;

/**
 * Tokens of IAM database authentication of RDS and Aurora, made anew for each login: one is good for 15 minutes. They
 * are signed with the machine's AWS credentials, for the host name as AWS gives it. `region` absent: as the name says.
 */
export function rdsIamPassword(region: string | undefined): PasswordSource {
  // A signer keeps the machine's credentials until they expire: asking for them at each login would cost a request.
  const signers = new Map<string, Promise<Signer>>();
  return {
    origin: region === undefined ? 'aws-rds-iam' : `aws-rds-iam:${region}`,
    async read(login) {
      const key = JSON.stringify([login.host, login.port, login.user]);
      const signer = signers.get(key) ?? signerFor(login, region ?? regionOfRdsHost(login.host));
      signers.set(key, signer);
      return new Secret(await makeToken(await signer, login));
    },
  };
}

async function signerFor({ host, port, user }: Login, region: string | undefined): Promise<Signer> {
  if (region === undefined) {
    throw new SecretUnavailable(`the region of ${host} is not known: write aws-rds-iam:REGION`);
  }
  // Imported late: a daemon without such a login need not pay for it.
  const sdk = await import('@aws-sdk/rds-signer');
  return new sdk.Signer({ hostname: host, port, username: user, region, credentials: awsCredentials() });
}

async function makeToken(signer: Signer, { host, user }: Login): Promise<string> {
  try {
    return await abortable(signer.getAuthToken(), AbortSignal.timeout(patienceMs));
  } catch (error) {
    const what = `making an IAM token for ${user}@${host}`;
    throw new SecretUnavailable(`${what}: ${why(error)}`, { cause: error, transient: true });
  }
}

function why(error: unknown): string {
  const isMissing = error instanceof Error && error.name === 'CredentialsProviderError';
  return isMissing ? 'no AWS credentials were found' : errorMessage(error);
}
