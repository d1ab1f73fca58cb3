import { awsCredentials } from '../core/aws-credentials.ts';
import { awsHttpStatus } from '../core/aws-error.ts';
import { awsRequests } from '../core/aws-requests.ts';
import { abortable } from '../core/deadline.ts';
import { coerceError, errorCode } from '../core/errors.ts';
import { SecretUnavailable } from '../core/secret.ts';
import { type AwsFailureKind, awsFailure, awsFailureNames } from '../targets/aws/failure.ts';

/** Where a secret is in AWS Secrets Manager. */
export interface AwsSecretName {
  /** Name or ARN. */
  readonly id: string;
  /** Key of the JSON object that the secret is; absent: the secret is the whole text. */
  readonly key?: string;
  /** From the ARN. */
  readonly region?: string;
}

const prefix = 'aws-secret:';
const pattern = /^(?<id>[A-Za-z0-9/_+=.@:-]+)(?:#(?<key>[^#]+))?$/;
const arnPattern = /^arn:aws[a-z-]*:secretsmanager:(?<region>[a-z0-9-]+):\d+:secret:.+$/;

/**
 * `aws-secret:NAME`, `aws-secret:NAME#KEY` or the same with an ARN. Undefined for what is no such reference, `invalid`
 * for one that is not well formed.
 */
export function parseAwsSecret(value: string): AwsSecretName | 'invalid' | undefined {
  if (!value.startsWith(prefix)) return undefined;
  const { id, key } = pattern.exec(value.slice(prefix.length))?.groups ?? {};
  if (id === undefined) return 'invalid';
  const region = arnPattern.exec(id)?.groups?.['region'];
  if (id.includes(':') && region === undefined) return 'invalid';
  return { id, ...(key === undefined ? {} : { key }), ...(region === undefined ? {} : { region }) };
}

export interface AwsSecretsSettings {
  readonly region?: string | undefined;
  readonly endpoint?: string | undefined;
}

/** Longer than the service takes, with the way to the credentials of the machine; shorter than anybody waits. */
const patienceMs = 5_000;

/** Text of the secret's present version. Rejects with {@link SecretUnavailable}; nothing of the secret is in it. */
export async function readAwsSecret({ id, region }: AwsSecretName, settings: AwsSecretsSettings): Promise<string> {
  // Imported late: a daemon without such a secret need not pay for it.
  const { GetSecretValueCommand, SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
  const chosen = region ?? settings.region;
  const client = new SecretsManagerClient({
    ...(chosen === undefined ? {} : { region: chosen }),
    ...(settings.endpoint === undefined ? {} : { endpoint: settings.endpoint }),
    credentials: awsCredentials(),
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 1_500, socketTimeout: 2_000 },
  });
  awsRequests.watch(client, 'secretsmanager');
  const signal = AbortSignal.timeout(patienceMs);
  try {
    const command = new GetSecretValueCommand({ SecretId: id });
    const answer = await abortable(client.send(command, { abortSignal: signal }), signal);
    if (answer.SecretString !== undefined) return answer.SecretString;
  } catch (error) {
    throw unavailable(id, error);
  } finally {
    client.destroy();
  }
  throw new SecretUnavailable(`the AWS secret ${id} is binary; only text can be used`);
}

/** The value of one key of a secret, or all of it. */
export function secretValue({ id, key }: AwsSecretName, text: string): string {
  const content = parseObject(text);
  if (key === undefined) {
    if (content !== undefined)
      throw new SecretUnavailable(`the AWS secret ${id} is JSON: say which key, ${id}#password`);
    return nonEmpty(text, `the AWS secret ${id}`);
  }
  if (content === undefined) {
    throw new SecretUnavailable(`the AWS secret ${id} is not a JSON object: leave "#${key}" away`);
  }
  const value = Object.hasOwn(content, key) ? content[key] : undefined;
  if (typeof value !== 'string' && typeof value !== 'number') {
    throw new SecretUnavailable(`the AWS secret ${id} has no text under the key "${key}"`);
  }
  return nonEmpty(String(value), `the key "${key}" of the AWS secret ${id}`);
}

/** What JSON.parse says of a text repeats parts of it. */
function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const content: unknown = JSON.parse(text);
    return typeof content === 'object' && content !== null && !Array.isArray(content)
      ? (content as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function nonEmpty(text: string, what: string): string {
  if (text === '') throw new SecretUnavailable(`${what} is empty`);
  return text;
}

/** What Secrets Manager alone says: what the person on call has to mend. */
const meanings: Readonly<Record<string, string>> = {
  DecryptionFailure: 'the credentials lack kms:Decrypt on its key',
  InvalidRequestException: 'it is marked for deletion',
  InvalidParameterException: 'its name is not valid',
};

const meaningsByKind: Partial<Record<AwsFailureKind, string>> = {
  missing: 'there is no such secret in this account and region, or it has no value yet',
  denied: 'the credentials lack secretsmanager:GetSecretValue on it (and kms:Decrypt when it has a key of its own)',
  region: 'its region is not known; set "secrets.aws.region"',
};

/** Failures that end without anybody mending anything. */
const passing: ReadonlySet<AwsFailureKind> = new Set(['throttled', 'unreachable', 'timeout', 'other']);

/** No cause: what the SDK says of an answer that it does not understand repeats parts of it. */
function unavailable(id: string, thrown: unknown): SecretUnavailable {
  const failure = awsFailure(thrown, 'secretsmanager:GetSecretValue');
  const { name } = coerceError(thrown);
  const own = meanings[name] ?? meaningOfRefusal(name, awsHttpStatus(thrown));
  const connection = meaningOfConnection(thrown);
  const told = own ?? connection ?? meaningsByKind[failure.kind] ?? failure.hint;
  const meaning = told ?? `AWS Secrets Manager answers with status ${awsHttpStatus(thrown) ?? 'unknown'}`;
  const transient = own === undefined && (passing.has(failure.kind) || connection !== undefined);
  return new SecretUnavailable(`reading the AWS secret ${id}: ${meaning}`, { transient });
}

/** An answer without a name, of a proxy or of something that only looks like AWS. */
function meaningOfRefusal(name: string, status: number | undefined): string | undefined {
  if ((status !== 401 && status !== 403) || awsFailureNames.has(name)) return undefined;
  return `AWS refuses it (status ${status}): the credentials are not valid or lack the permission`;
}

/** Undefined where there was an answer, or it was not asked. */
function meaningOfConnection(thrown: unknown): string | undefined {
  if (awsHttpStatus(thrown) !== undefined) return undefined;
  const code = errorCode(coerceError(thrown));
  if (code !== undefined) return `AWS Secrets Manager cannot be reached (${code})`;
  const { name } = coerceError(thrown);
  return name === 'TimeoutError' || name === 'AbortError' ? 'AWS Secrets Manager does not answer' : undefined;
}
