import { access, constants, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable, type Writable } from 'node:stream';
import { Decrypter, Encrypter } from 'age-encryption';
import { startProcess } from '../../core/run-process.ts';
import { makeWorkDirectory } from '../../core/work-directory.ts';
import { streamBufferBytes } from '../backup/hashing.ts';
import type { Codec } from '../backup/zstd.ts';
import type { Identity } from './age-keys.ts';

/** Begins the folders' names in which identities are handed to age. */
export const identityPrefix = 'watchkeeper-identity-';

/** A filesystem in memory, where Linux has one: what a killed process leaves there never was on a disk. */
const memoryFolder = '/dev/shm';

/** Where folders with {@link identityPrefix} are made; undefined for the system's temporary folder. */
export async function identityParent(): Promise<string | undefined> {
  const isThere =
    process.platform === 'linux' &&
    (await access(memoryFolder, constants.W_OK | constants.X_OK).then(
      () => true,
      () => false,
    ));
  return isThere ? memoryFolder : undefined;
}

/**
 * Encrypts to all recipients, any of whom can open the result: with the `age` program where there is one, ten times as fast
 * as the library that does it otherwise. `program` is its path, undefined when not installed. Both write the same format.
 */
export function encryptAge(program: string | undefined, recipients: readonly string[], signal: AbortSignal): Codec {
  if (program === undefined) {
    return inProcess(async (stream) => {
      const encrypter = new Encrypter();
      for (const recipient of recipients) encrypter.addRecipient(recipient);
      return encrypter.encrypt(stream);
    });
  }
  const args = ['--encrypt', ...recipients.flatMap((recipient) => ['--recipient', recipient])];
  const running = startProcess(program, args, { signal, stdin: 'pipe' });
  return { input: running.stdin as Writable, output: running.stdout, done: running.exited };
}

/**
 * Opens what was encrypted to one of the identities; damage and a wrong identity are errors of the output or of `done`. The
 * program is handed them in a file that only we can read, in a folder that is gone when `done` is settled. `into`: where the
 * program is to write instead of `output`, see `ProcessOptions`.
 */
export async function decryptAge(
  given: { readonly program: string | undefined; readonly identities: readonly Identity[]; readonly into?: Writable },
  signal: AbortSignal,
): Promise<Codec> {
  const { program, identities, into } = given;
  if (program === undefined) {
    return inProcess(async (stream) => {
      const decrypter = new Decrypter();
      for (const { key } of identities) decrypter.addIdentity(key.reveal());
      return decrypter.decrypt(stream);
    });
  }
  const directory = await makeWorkDirectory({ prefix: identityPrefix, parent: await identityParent() });
  const clearAway = () => directory[Symbol.asyncDispose]();
  try {
    const path = join(directory.path, 'identities');
    await writeFile(path, identities.map(({ key }) => `${key.reveal()}\n`).join(''), { mode: 0o600 });
    const args = ['--decrypt', '--identity', path];
    const running = startProcess(program, args, { signal, stdin: 'pipe', ...(into === undefined ? {} : { into }) });
    const done = running.exited.finally(clearAway);
    done.catch(() => undefined);
    return { input: running.stdin as Writable, output: running.stdout, done };
  } catch (error) {
    await clearAway();
    throw error;
  }
}

type WebStream = Parameters<Encrypter['encrypt']>[0] & ReadableStream<Uint8Array>;

/** The library wants to see the beginning before it gives a stream: that is waited for only when somebody reads. */
function inProcess(transform: (stream: WebStream) => Promise<AsyncIterable<Uint8Array>>): Codec {
  const input = new PassThrough({ highWaterMark: streamBufferBytes });
  async function* transformed(): AsyncIterable<Uint8Array> {
    yield* await transform(Readable.toWeb(input) as WebStream);
  }
  const output = Readable.from(transformed(), { objectMode: false, highWaterMark: streamBufferBytes });
  // Whoever writes must learn that nobody reads any more.
  output.once('close', () => input.destroy());
  return { input, output, done: Promise.resolve() };
}
