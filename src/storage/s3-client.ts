import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { rootCertificates } from 'node:tls';
import type { S3Client } from '@aws-sdk/client-s3';
import { awsCredentials } from '../core/aws-credentials.ts';
import { awsRequests } from '../core/aws-requests.ts';
import type { Clock } from '../core/clock.ts';
import { errorMessage } from '../core/errors.ts';
import type { SecretSource } from '../core/secret.ts';
import { type PartSizes, usualPartSizes } from './cut-into-parts.ts';
import { isHousekeeping, StoreError } from './object-store.ts';
import type { S3StoreSettings } from './settings.ts';

/** What everything that talks to one bucket shares. */
export interface S3Access {
  readonly sdk: typeof import('@aws-sdk/client-s3');
  readonly client: S3Client;
  readonly settings: S3StoreSettings;
  /** Put before every key: empty, or ending with a slash. */
  readonly prefix: string;
  readonly clock: Clock;
  /** Whether writes say `If-None-Match: *`. */
  readonly conditional: boolean;
  readonly partSizes: PartSizes;
}

/** Whether a key, as the service knows it, is one of {@link isHousekeeping}. */
export function isHousekeepingOf(access: S3Access, fullKey: string): boolean {
  return isHousekeeping(fullKey.slice(access.prefix.length));
}

export interface S3Dependencies {
  /** Read for every request, and again when it is refused, so that a rotated key needs no restart. Absent: the usual chain of the AWS SDK. */
  readonly secretAccessKey: SecretSource | undefined;
  readonly clock: Clock;
  readonly limits?: S3Limits;
  readonly partSizes?: PartSizes;
}

export interface S3Limits {
  readonly connectTimeoutMs: number;
  /** A connection over which nothing comes or goes for this long is given up, and the request is sent again. */
  readonly idleTimeoutMs: number;
  /** Times a request is sent at most; what is asked again is up to the SDK: 5xx, throttling, broken connections. */
  readonly attempts: number;
}

const usualLimits: S3Limits = { connectTimeoutMs: 5_000, idleTimeoutMs: 60_000, attempts: 6 };

export async function connectS3(settings: S3StoreSettings, given: S3Dependencies): Promise<S3Access> {
  const limits = given.limits ?? usualLimits;
  // Imported late: the SDK costs 20 MB, which a daemon without such a store need not pay.
  const sdk = await import('@aws-sdk/client-s3');
  const client = new sdk.S3Client({
    region: settings.region,
    forcePathStyle: settings.forcePathStyle,
    ...(settings.endpoint === undefined ? {} : { endpoint: settings.endpoint }),
    credentials: credentials(settings, given.secretAccessKey),
    maxAttempts: limits.attempts,
    // Not `adaptive`: one 503 would hold a backup down to a request every two seconds for a long while.
    retryMode: 'standard',
    // Other checksums than the client was asked for make many compatible services refuse the request.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // No limit for a whole request: a large part over a slow line takes its time, as long as bytes move.
    requestHandler: {
      connectionTimeout: limits.connectTimeoutMs,
      socketTimeout: limits.idleTimeoutMs,
      ...(await trusting(settings.caFile)),
    },
  });
  awsRequests.watch(client, 's3');
  if (given.secretAccessKey?.forget !== undefined) rereadRefusedKey(client, given.secretAccessKey);
  const { prefix } = settings;
  return {
    sdk,
    client,
    settings,
    prefix: prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`,
    clock: given.clock,
    conditional: true,
    partSizes: given.partSizes ?? usualPartSizes(settings.maxParts),
  };
}

async function trusting(caFile: string | undefined): Promise<{ httpsAgent?: Agent }> {
  if (caFile === undefined) return {};
  const certificates = await readFile(caFile, 'utf8').catch((error) => {
    throw new StoreError('misconfigured', `reading the certificates of caFile: ${errorMessage(error)}`, {
      cause: error,
    });
  });
  if (!holdsCertificate(certificates)) {
    throw new StoreError('misconfigured', `caFile ${caFile} holds no certificate in PEM`);
  }
  // An agent and not its options: for large objects the SDK makes another one that knows nothing of them.
  return { httpsAgent: new Agent({ ca: [...rootCertificates, certificates], keepAlive: true, maxSockets: 50 }) };
}

/** TLS leaves out what it does not understand, and then trusts nobody without a word why. */
function holdsCertificate(text: string): boolean {
  try {
    new X509Certificate(text);
    return true;
  } catch {
    return false;
  }
}

/** A key that was rotated since it was read is read again, once, and the request is sent anew: its body lies in memory or in a file. */
function rereadRefusedKey(client: S3Client, secret: SecretSource): void {
  client.middlewareStack.add(
    (next) => async (request) => {
      const used = await secret.read();
      try {
        return await next(request);
      } catch (error) {
        if (!(error instanceof Error) || error.name !== 'SignatureDoesNotMatch') throw error;
        secret.forget?.();
        if ((await secret.read()).reveal() === used.reveal()) throw error;
        return next(request);
      }
    },
    { step: 'initialize', name: 'rereadRefusedKey' },
  );
}

function credentials({ accessKeyId }: S3StoreSettings, secret: SecretSource | undefined) {
  if (accessKeyId === undefined || secret === undefined) return awsCredentials();
  return async () => ({
    accessKeyId,
    secretAccessKey: (await secret.read()).reveal(),
    // The SDK keeps what has not expired; this makes it ask again for every request.
    expiration: new Date(0),
  });
}
