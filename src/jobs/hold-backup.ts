import { randomBytes } from 'node:crypto';
import { errorMessage } from '../core/errors.ts';
import type { WorkContext } from '../core/work-context.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { Manifest } from './manifest.ts';
import { marksPrefix, putMark } from './retention-marks.ts';

/**
 * A reader that is not heard of for this long is gone. Much longer than a renewal takes: `until` is by the reader's clock, and is
 * judged by the clock of whoever prunes.
 */
const lifeMs = 15 * 60_000;
const renewalMs = 3 * 60_000;

type PinStore = Pick<ObjectStore, 'put' | 'delete'>;
type Held = Pick<Manifest, 'target' | 'id'>;

/**
 * Pins a backup while it is read, so that no retention of any process deletes it meanwhile. The pin is renewed as long as it
 * is held; disposing takes it away, and that of a killed process runs out within a quarter of an hour. As far as it can: on the
 * bad day a store that takes no writes must not keep anybody from reading.
 *
 * @param why for people: `a restore reads it`
 */
export async function holdBackup(
  store: PinStore,
  manifest: Held,
  why: string,
  context: WorkContext,
): Promise<AsyncDisposable> {
  const hold = new Hold(store, manifest, why, context);
  await hold.begin(context.signal);
  return hold;
}

class Hold implements AsyncDisposable {
  readonly #store: PinStore;
  readonly #backup: Held;
  readonly #why: string;
  readonly #context: WorkContext;
  readonly #pinnedAt: Date;
  readonly #ended = new AbortController();
  /** Of the pins that are there. */
  #names: readonly string[] = [];
  #hasWarned = false;
  #renewing: Promise<void> = Promise.resolve();

  constructor(store: PinStore, backup: Held, why: string, context: WorkContext) {
    this.#store = store;
    this.#backup = backup;
    this.#why = why;
    this.#context = context;
    this.#pinnedAt = context.clock.now();
  }

  async begin(signal: AbortSignal): Promise<void> {
    await this.#renew(signal).catch((error: unknown) => {
      signal.throwIfAborted();
      this.#warn(error, 'a backup that is read could not be pinned meanwhile');
    });
    this.#renewing = this.#renewUntilEnded();
  }

  /** Under a new name, and the old one goes afterwards: nobody ever sees the backup without a pin. */
  async #renew(signal: AbortSignal): Promise<void> {
    const name = `in-use-${randomBytes(6).toString('hex')}.json`;
    const pin = {
      format: 'watchkeeper-pin/1',
      target: this.#backup.target,
      backupId: this.#backup.id,
      pinnedAt: this.#pinnedAt.toISOString(),
      reason: this.#why,
      until: new Date(this.#context.clock.now().getTime() + lifeMs).toISOString(),
    } as const;
    const old = this.#names;
    // Its answer may be lost: then it is there nevertheless.
    this.#names = [...old, name];
    await putMark(this.#store, name, pin, signal);
    await this.#remove(old, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#renewing;
    // The caller's signal may be what ended the reading.
    await this.#remove(this.#names, AbortSignal.timeout(10_000)).catch((error: unknown) => {
      this.#warn(error, 'the pin of a backup that was read runs out by itself');
    });
  }

  async #renewUntilEnded(): Promise<void> {
    const { clock } = this.#context;
    const { signal } = this.#ended;
    for (;;) {
      await clock.sleep(renewalMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      const limited = AbortSignal.any([signal, AbortSignal.timeout(renewalMs)]);
      await this.#renew(limited).catch((error: unknown) => {
        if (!signal.aborted)
          this.#warn(error, 'the pin of a backup that is read could not be renewed; it is tried again');
      });
    }
  }

  async #remove(names: readonly string[], signal: AbortSignal): Promise<void> {
    const { target, id } = this.#backup;
    for (const name of names) {
      await this.#store.delete(`${marksPrefix(target, id)}${name}`, signal);
      this.#names = this.#names.filter((one) => one !== name);
    }
  }

  /** Once: a store that takes no writes takes none for hours. */
  #warn(error: unknown, message: string): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#context.log.warn({ backup: this.#backup.id, error: errorMessage(error) }, message);
  }
}
