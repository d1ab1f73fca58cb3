import { errorMessage } from '../../core/errors.ts';
import type { SecretSource } from '../../core/secret.ts';
import { decryptAge, encryptAge } from '../encryption/age.ts';
import type { Identity } from '../encryption/age-keys.ts';
import { JobFailed } from '../job.ts';
import type { Manifest, Part } from '../manifest.ts';
import { isEcho } from './joined-run.ts';
import { pump } from './pump.ts';
import { type Codec, type Compressor, compressZstd, decompressZstd } from './zstd.ts';

/** Paths of the programs that parts pass through; undefined where one is not installed, then it is done in this process. */
export interface ContentPrograms {
  readonly zstdProgram: string | undefined;
  readonly ageProgram: string | undefined;
}

/** With what backups are opened, encrypted or not. */
export interface OpeningTools extends ContentPrograms {
  /** Where the identities come from; empty where nothing that is encrypted can be opened. */
  readonly identities: readonly SecretSource[];
}

/** With what the parts of one backup are opened. */
export interface PartTools extends ContentPrograms {
  /** Those that open it; empty for one that is not encrypted. */
  readonly identities: readonly Identity[];
}

/** What becomes of a dump on its way into the store. */
export interface ClosingOptions extends ContentPrograms {
  readonly compressionLevel: number;
  /** Absent: not encrypted. */
  readonly encryption?: Manifest['encryption'];
}

/** Compression, and encryption after it where that is wanted: what is encrypted cannot be compressed any more. */
export async function closeContent(options: ClosingOptions, signal: AbortSignal): Promise<Compressor> {
  const { zstdProgram, ageProgram, compressionLevel, encryption } = options;
  if (encryption === undefined) return compressZstd(zstdProgram, compressionLevel, signal);
  const age = encryptAge(ageProgram, encryption.recipients, signal);
  if (zstdProgram !== undefined && ageProgram !== undefined) {
    const zstd = await compressZstd(zstdProgram, compressionLevel, signal, age.input);
    return { ...zstd, output: age.output, done: allOf([zstd.done, age.done]) };
  }
  const zstd = await compressZstd(zstdProgram, compressionLevel, signal);
  return { ...zstd, ...joined(zstd, age, signal) };
}

/**
 * The way back: decrypts a part that is encrypted, and decompresses it. `intoFile`: descriptor of a file that zstd writes to instead
 * of `output`; without that program it is not touched.
 */
export async function openContent(
  part: Pick<Part, 'name' | 'encryption'>,
  tools: PartTools,
  signal: AbortSignal,
  intoFile?: number,
): Promise<Codec> {
  const { zstdProgram, ageProgram: program, identities } = tools;
  const zstd = decompressZstd(zstdProgram, signal, intoFile);
  if (part.encryption === undefined) return zstd;
  if (zstdProgram !== undefined && program !== undefined) {
    const age = await decryptAge({ program, identities, into: zstd.input }, signal);
    return { input: age.input, output: zstd.output, done: explained(part, allOf([age.done, zstd.done])) };
  }
  const age = await decryptAge({ program, identities }, signal);
  const both = joined(age, zstd, signal);
  return { input: age.input, output: both.output, done: explained(part, both.done) };
}

/** One after the other, through this process. */
function joined(first: Codec, second: Codec, signal: AbortSignal): Codec {
  const joining = pump(first.output, second.input, { signal, onChunk: () => undefined });
  return { input: first.input, output: second.output, done: allOf([first.done, joining, second.done]) };
}

/** Waits for all; throws what failed by itself, not the broken pipe that followed. Never goes unhandled. */
function allOf(steps: readonly Promise<void>[]): Promise<void> {
  const done = Promise.allSettled(steps).then((settled) => {
    const failures = settled.flatMap((step) => (step.status === 'rejected' ? [step.reason] : []));
    if (failures.length > 0) throw failures.find((error) => !isEcho(error)) ?? failures[0];
  });
  done.catch(() => undefined);
  return done;
}

/** In words of the program and of the library. */
const refusal =
  /no identity matched|authenticat|(?:read|invalid|malformed|bad|parse).* header|HMAC|payload|not .*an age/i;

/** The pieces were as stored and the identity the manifest's: then it is the manifest or the encryption that is wrong. */
function explained({ name }: Pick<Part, 'name'>, done: Promise<void>): Promise<void> {
  const told = done.catch((cause: unknown) => {
    if (!refusal.test(errorMessage(cause))) throw cause;
    throw new JobFailed('damaged', `part ${name} is not encrypted as the manifest says`, { cause });
  });
  told.catch(() => undefined);
  return told;
}
