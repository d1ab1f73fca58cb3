import { stat, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { formatBytes } from '../core/bytes.ts';
import type { JobContext } from './job.ts';
import { JobFailed } from './job.ts';
import { contentBytesOf, type OpenedManifest } from './manifest.ts';
import type { Sandbox } from './sandbox/sandbox.ts';

export interface ProofSpace {
  /** Where the fetched dump lies; the system's temporary folder when absent. */
  readonly spoolDirectory?: string | undefined;
  /** Most bytes that dump and restored database may take together. */
  readonly diskLimitBytes?: number | undefined;
}

const mebibyte = 2 ** 20;
/** Left free on the disk of the sandbox, which others use too; of a small one a twentieth. */
const reserveBytes = 256 * mebibyte;
const intervalMs = 1_000;

/** About what the restored database takes: no more than the source's, which has dead rows too, and tables that were left out. */
export function estimatedRestoreBytes({ parts, source }: Pick<OpenedManifest, 'parts' | 'source'>): number {
  // Rows as text are about as large as in their tables; indexes come on top.
  return Math.min(source.databaseSizeBytes, Math.round(1.5 * contentBytesOf({ parts })) + 16 * mebibyte);
}

/** Throws, with obstacle `disk`, when fetched dump and restored database are likely to pass the limit. */
export function requireWithinLimit(
  manifest: Pick<OpenedManifest, 'parts' | 'source'>,
  { diskLimitBytes }: ProofSpace,
): void {
  const aboutBytes = contentBytesOf(manifest) + estimatedRestoreBytes(manifest);
  if (diskLimitBytes === undefined || aboutBytes <= diskLimitBytes) return;
  const about = formatBytes(aboutBytes);
  throw short(`the proof would take about ${about}, verify.disk allows ${formatBytes(diskLimitBytes)}`);
}

/**
 * Throws, with obstacle `disk`, when the restored database, and what of the dump is still to come, are likely to have no room.
 * `spooledBytes`: what of the dump lies there already.
 */
export async function requireRestoreSpace(
  manifest: Pick<OpenedManifest, 'parts' | 'source'>,
  { directory }: Pick<Sandbox, 'directory'>,
  { spoolDirectory = tmpdir(), spooledBytes }: ProofSpace & { readonly spooledBytes: number },
): Promise<void> {
  if (directory === undefined) return;
  const [place, spool] = await Promise.all([stat(directory), stat(spoolDirectory)]);
  const toComeBytes = place.dev === spool.dev ? Math.max(0, contentBytesOf(manifest) - spooledBytes) : 0;
  const neededBytes = estimatedRestoreBytes(manifest) + toComeBytes;
  const { freeBytes, keepBytes } = await spaceOf(directory);
  if (neededBytes + keepBytes <= freeBytes) return;
  throw short(
    `not enough space for the restore in ${directory}: about ${formatBytes(neededBytes)} are needed, ${formatBytes(freeBytes)} free`,
  );
}

/**
 * Does `work` and looks meanwhile at what the sandbox takes. Ends it, with obstacle `disk`, before the limit is passed by much
 * or the disk is full.
 */
export async function withinSpace(
  sandbox: Pick<Sandbox, 'directory' | 'usedBytes'>,
  limits: ProofSpace & { readonly dumpBytes: number },
  context: JobContext,
  work: (context: JobContext) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const done = new AbortController();
  const watching = watch(sandbox, limits, { ...context, signal: AbortSignal.any([context.signal, done.signal]) }).then(
    (shortage) => shortage && stop.abort(shortage),
    () => undefined,
  );
  try {
    await work({ ...context, signal: AbortSignal.any([context.signal, stop.signal]) });
  } catch (error) {
    // What a worker says when it was ended is an echo of the reason.
    if (!context.signal.aborted) stop.signal.throwIfAborted();
    throw error;
  } finally {
    done.abort(new Error('the proof ended'));
    await watching;
  }
}

/** Rejects when the signal fires. A look that fails says nothing: the server may be busy or just going. */
async function watch(
  sandbox: Pick<Sandbox, 'directory' | 'usedBytes'>,
  limits: ProofSpace & { readonly dumpBytes: number },
  { clock, signal }: JobContext,
): Promise<JobFailed | undefined> {
  for (;;) {
    await clock.sleep(intervalMs, signal);
    const shortage = await shortageOf(sandbox, limits, signal).catch(() => undefined);
    if (shortage !== undefined) return shortage;
  }
}

async function shortageOf(
  { directory, usedBytes }: Pick<Sandbox, 'directory' | 'usedBytes'>,
  { diskLimitBytes, dumpBytes }: ProofSpace & { readonly dumpBytes: number },
  signal: AbortSignal,
): Promise<JobFailed | undefined> {
  if (directory !== undefined) {
    const { freeBytes, keepBytes } = await spaceOf(directory);
    if (freeBytes < keepBytes) {
      return short(
        `the restore was ended before it filled the disk of ${directory}: ${formatBytes(freeBytes)} are free`,
      );
    }
  }
  if (diskLimitBytes === undefined) return undefined;
  const takenBytes = dumpBytes + (await usedBytes(signal));
  if (takenBytes <= diskLimitBytes) return undefined;
  return short(`the proof takes ${formatBytes(takenBytes)}, verify.disk allows ${formatBytes(diskLimitBytes)}`);
}

async function spaceOf(directory: string): Promise<{ readonly freeBytes: number; readonly keepBytes: number }> {
  const { bavail, blocks, bsize } = await statfs(directory);
  return { freeBytes: bavail * bsize, keepBytes: Math.min(reserveBytes, (blocks * bsize) / 20) };
}

function short(message: string): JobFailed {
  return new JobFailed('inconclusive', message, { obstacle: 'disk' });
}
