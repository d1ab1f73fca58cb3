import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import { Decrypter, Encrypter } from 'age-encryption';
import type { Identity } from './age-keys.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** More than a list of all objects of a database can be; a few bytes could otherwise fill all memory. */
const mostBytes = 2 ** 30;

/**
 * A value as JSON, compressed with zstd, encrypted with age, in base64: for what is small and must not be read by whoever
 * reads the store. Opens with `base64 -d | age -d -i key | zstd -d`.
 */
export async function sealText(value: unknown, recipients: readonly string[]): Promise<string> {
  const params = { [constants.ZSTD_c_checksumFlag]: 1 };
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  const sealed = await encrypter.encrypt(await compress(JSON.stringify(value), { params }));
  return Buffer.from(sealed).toString('base64');
}

/** The value again. Throws when none of the identities opens it, or when it is damaged. */
export async function unsealText(text: string, identities: readonly Identity[]): Promise<unknown> {
  const decrypter = new Decrypter();
  for (const { key } of identities) decrypter.addIdentity(key.reveal());
  const opened = await decrypter.decrypt(Buffer.from(text, 'base64'));
  return JSON.parse((await decompress(opened, { maxOutputLength: mostBytes })).toString('utf8'));
}
