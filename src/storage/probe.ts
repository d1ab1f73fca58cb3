import { randomBytes } from 'node:crypto';
import { errorMessage } from '../core/errors.ts';
import { type ObjectStore, readWhole, StoreError } from './object-store.ts';

/**
 * Tries everything that backups need of a store, on a small object of its own: writes, refuses to overwrite, reads,
 * lists, deletes. Rejects with a {@link StoreError} that names the step; removes what it wrote.
 */
export async function probeStore(store: ObjectStore, signal: AbortSignal): Promise<void> {
  const key = `.probe/${randomBytes(8).toString('hex')}`;
  const bytes = randomBytes(32);
  await step('writing an object', () => store.put(key, bytes, signal));
  try {
    await step('reading it back', async () => {
      if (!(await readWhole(store, key, signal)).equals(bytes)) {
        throw new StoreError('damaged', 'other bytes came back than were written');
      }
    });
    await step('listing it', async () => {
      for await (const object of store.list('.probe/', signal)) if (object.key === key) return;
      throw new StoreError('misconfigured', 'the listing does not show what was written');
    });
    await step('refusing to overwrite it', async () => {
      if (await store.putIfAbsent(key, randomBytes(32), signal)) {
        throw new StoreError(
          'misconfigured',
          'the service overwrites in spite of If-None-Match: two processes could run the same backup at once',
        );
      }
    });
  } catch (error) {
    // The first failure is the one to tell. A time of its own: the caller's signal may be what ended the probe.
    await store.delete(key, AbortSignal.timeout(5_000)).catch(() => undefined);
    throw error;
  }
  await step('deleting it', async () => {
    await store.delete(key, signal);
    if ((await store.head(key, signal)) !== undefined) throw new StoreError('denied', 'it is still there');
  });
}

async function step(what: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw error instanceof StoreError ? inStep(what, error) : error;
  }
}

function inStep(what: string, cause: StoreError): StoreError {
  return new StoreError(cause.kind, `${what}: ${errorMessage(cause)}`, { cause });
}
