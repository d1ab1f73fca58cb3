import type { UploadPartCommand } from '@aws-sdk/client-s3';
import { type BodyPart, contentBytes } from './cut-into-parts.ts';
import { StoreError } from './object-store.ts';
import type { PartFile } from './part-spool.ts';
import type { S3Access } from './s3-client.ts';
import { isDamagedError } from './s3-error.ts';
import { md5, requireEtag } from './s3-put.ts';

/** Which upload a part belongs to. */
export interface UploadName {
  readonly key: string;
  readonly uploadId: string;
}

export interface SentPart {
  readonly PartNumber: number;
  readonly ETag: string;
  readonly md5: Buffer;
  readonly sizeBytes: number;
}

/** Times a part is sent of which other bytes arrive; in thousands of parts a bit may flip once. */
const triesOfDamaged = 3;

/** Sends one part until it is there as it should be, and releases it. */
export async function sendPart(
  access: S3Access,
  upload: UploadName,
  part: BodyPart,
  signal: AbortSignal,
): Promise<SentPart> {
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        return await sendOnce(access, upload, part, signal);
      } catch (error) {
        if (!isDamagedError(error) || attempt === triesOfDamaged || signal.aborted) throw error;
      }
    }
  } finally {
    await part.release();
  }
}

async function sendOnce(
  access: S3Access,
  { key, uploadId }: UploadName,
  part: BodyPart,
  signal: AbortSignal,
): Promise<SentPart> {
  const { sdk, client, settings } = access;
  const { number, content } = part;
  const sizeBytes = contentBytes(part);
  const isInMemory = content instanceof Uint8Array;
  const hash = isInMemory ? md5(content) : content.md5;
  const command = new sdk.UploadPartCommand({
    Bucket: settings.bucket,
    Key: key,
    UploadId: uploadId,
    PartNumber: number,
    Body: isInMemory ? content : Buffer.alloc(0),
    ContentLength: sizeBytes,
    ContentMD5: hash.toString('base64'),
  });
  const sending = isInMemory ? signal : sendFile(command, content, signal);
  const answer = await client.send(command, { abortSignal: sending }).catch((error) => {
    // What the SDK says when the file could not be read is that somebody ended the request.
    throw sending.aborted ? sending.reason : error;
  });
  if (answer.ETag === undefined)
    throw new StoreError('unavailable', `the service confirmed no part ${number} of ${key}`);
  requireEtag(answer, hash, `part ${number} of ${key}`);
  return { PartNumber: number, ETag: answer.ETag, md5: hash, sizeBytes };
}

/**
 * Puts a file in the place of the command's body. The SDK does not send a request again whose body is a stream. So it sees none: below its
 * repeating and signing, each attempt gets a stream of its own, and the hash that is signed is the one made when the file was
 * written. Returns the signal to send the command with, which also fires when the file cannot be read.
 */
function sendFile(command: UploadPartCommand, file: PartFile, signal: AbortSignal): AbortSignal {
  const unreadable = new AbortController();
  command.middlewareStack.add(
    (next) => (args) => {
      headersOf(args.request)['x-amz-content-sha256'] = file.sha256;
      return next(args);
    },
    { step: 'build', name: 'signPartFile' },
  );
  command.middlewareStack.add(
    (next) => async (args) => {
      const body = await file.read(signal);
      body.once('error', (error) => unreadable.abort(error));
      try {
        return await next({ ...args, request: { ...(args.request as object), body } });
      } finally {
        body.destroy();
      }
    },
    { step: 'deserialize', priority: 'low', name: 'sendPartFile' },
  );
  return AbortSignal.any([signal, unreadable.signal]);
}

function headersOf(request: unknown): Record<string, string> {
  return (request as { readonly headers: Record<string, string> }).headers;
}
