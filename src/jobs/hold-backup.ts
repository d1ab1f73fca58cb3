import { randomBytes } from 'node:crypto';
import { errorMessage } from '../core/errors.ts';
import type { WorkContext } from '../core/work-context.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { Manifest } from './manifest.ts';
import { marksPrefix, putMark } from './retention-marks.ts';

/** What is read for longer than this was given up, or its process is gone. */
const longestMs = 24 * 3_600_000;

/**
 * Pins a backup while it is read, so that no retention of any process deletes it meanwhile. Disposing takes the pin away;
 * that of a killed process runs out after a day. As far as it can: on the bad day a store that takes no writes must not
 * keep anybody from reading.
 *
 * @param why for people: `a restore reads it`
 */
export async function holdBackup(
  store: Pick<ObjectStore, 'put' | 'delete'>,
  manifest: Pick<Manifest, 'target' | 'id'>,
  why: string,
  { clock, log, signal }: WorkContext,
): Promise<AsyncDisposable> {
  const name = `in-use-${randomBytes(6).toString('hex')}.json`;
  const now = clock.now();
  const fields = { backup: manifest.id };
  const pin = {
    format: 'watchkeeper-pin/1',
    target: manifest.target,
    backupId: manifest.id,
    pinnedAt: now.toISOString(),
    reason: why,
    until: new Date(now.getTime() + longestMs).toISOString(),
  } as const;
  try {
    await putMark(store, name, pin, signal);
  } catch (error) {
    signal.throwIfAborted();
    log.warn({ ...fields, error: errorMessage(error) }, 'a backup that is read could not be pinned meanwhile');
    return { async [Symbol.asyncDispose]() {} };
  }
  return {
    async [Symbol.asyncDispose]() {
      // The caller's signal may be what ended the reading.
      const own = AbortSignal.timeout(10_000);
      await store.delete(`${marksPrefix(manifest.target, manifest.id)}${name}`, own).catch((error: unknown) => {
        log.warn({ ...fields, error: errorMessage(error) }, 'the pin of a backup that was read runs out by itself');
      });
    },
  };
}
