import { createHash } from 'node:crypto';
import type { ZodType } from 'zod';
import { coerceError } from '../core/errors.ts';

/**
 * A JSON document whose last line but one holds the SHA-256 of all bytes before that line, so that no changed bit of a
 * manifest or a report goes unnoticed. To be checked without Watchkeeper: `head -n -2 manifest.json | sha256sum`.
 */
export function sealedJson(value: Readonly<Record<string, unknown>>): Buffer {
  const body = `${JSON.stringify(value, null, 1).replace(/\n\}$/, '')},\n`;
  return Buffer.from(`${body} "sha256": "${sha256(body)}"\n}\n`);
}

/** The document without its seal. Throws when the seal is broken; one that never had a seal is taken as it is. */
export function openSealedJson(bytes: Buffer): unknown {
  const text = bytes.toString('utf8');
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || !('sha256' in value)) return value;
  const { sha256: stated, ...document } = value;
  const line = ` "sha256": "${stated}"\n}\n`;
  // Decoding replaces bytes that are no UTF-8, so what is hashed are the bytes themselves.
  const body = bytes.subarray(0, bytes.length - Buffer.byteLength(line));
  if (!text.endsWith(line) || sha256(body) !== stated)
    throw new Error('its checksum is wrong: it was damaged or changed');
  return document;
}

/** The document as the schema has it, or why it is none. */
export function parseSealedJson<T>(bytes: Buffer, schema: ZodType<T>): T | Error {
  try {
    const parsed = schema.safeParse(openSealedJson(bytes));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    return new Error(`not understood at ${issue?.path.join('.')}: ${issue?.message}`);
  } catch (error) {
    return error instanceof SyntaxError ? new Error('not valid JSON', { cause: error }) : coerceError(error);
  }
}

function sha256(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
