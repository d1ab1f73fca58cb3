import type { FileHandle } from 'node:fs/promises';

/** Rare enough that a sync is worth its journal, often enough that little is left to do at the end. */
const syncEveryBytes = 16 * 2 ** 20;

/**
 * Has a growing file taken to the disk while it grows, one sync at a time and never waited for. Without it a large file
 * lies in memory until its end, and then the disk is busy for everybody, the watched database as well.
 */
export class EarlySync {
  readonly #file: Pick<FileHandle, 'datasync'>;
  #sincePreviousBytes = 0;
  #underWay: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(file: Pick<FileHandle, 'datasync'>) {
    this.#file = file;
  }

  /** So much more was written. Throws when an earlier sync failed: the kernel tells that once, a later one would succeed. */
  wrote(bytes: number): void {
    this.#throwFailure();
    this.#sincePreviousBytes += bytes;
    if (this.#sincePreviousBytes < syncEveryBytes || this.#underWay !== undefined) return;
    this.#sincePreviousBytes = 0;
    this.#underWay = this.#file
      .datasync()
      .catch((error: unknown) => {
        this.#failure = { error };
      })
      .finally(() => {
        this.#underWay = undefined;
      });
  }

  /** Waits for what is under way; throws when it failed. What was written since is not synced. */
  async done(): Promise<void> {
    await this.#underWay;
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
