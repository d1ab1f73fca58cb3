import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../core/clock.ts';
import { type ObjectStore, readWhole, StoreError } from '../storage/object-store.ts';
import { JobFailed } from './job.ts';
import { isDeadHere, type ProcessIdentity, processIdentitySchema } from './process-identity.ts';

const recordSchema = z.object({
  /** Random; tells two leases of the same process apart. */
  token: z.string(),
  holder: processIdentitySchema,
  ttlMs: z.number().positive(),
  released: z.boolean(),
});
type LeaseRecord = z.infer<typeof recordSchema>;

interface Found {
  readonly number: number;
  /** Undefined when nobody can read it; somebody wrote it nevertheless, and it runs out like any other. */
  readonly record: LeaseRecord | undefined;
  readonly modifiedAt: Date;
}

/** The right to do one thing alone, over all processes that use the same store. Disposing gives it back. */
export interface Lease extends AsyncDisposable {
  /** Fires when the lease was lost: what is done after that may be done by another one too. */
  readonly signal: AbortSignal;
  /** Asks the store whether the lease is still ours; to be called before what cannot be undone. Throws reason `locked`. */
  check(signal: AbortSignal): Promise<void>;
}

export interface LeaseOptions {
  readonly store: Pick<ObjectStore, 'list' | 'get' | 'putIfAbsent' | 'delete'>;
  readonly clock: Clock;
  readonly holder: ProcessIdentity;
  /** Without a renewal for this long the lease is free; it is renewed three times as often. */
  readonly ttlMs: number;
}

/** How far a clock may be off before an abandoned lease is taken for a living one, or the other way round. */
const clockToleranceMs = 5 * 60_000;
/** A holder renews every few seconds; a listing that shows what is gone more often than that is not to be trusted. */
const mostReplacements = 5;

/**
 * Leases on a store that can only add objects: a lease is a row of numbered records, each written with `putIfAbsent`, so
 * that of several who want the next number one wins. The highest number counts; renewing is writing the next one.
 *
 * Whether a lease was abandoned is judged by watching: the same number for longer than its time to live, by our own
 * monotonic clock. Only a record that is far older than any clock can be wrong is free at first sight, and one whose
 * process has provably ended on this very machine.
 */
export class Leases {
  readonly #options: LeaseOptions;
  readonly #watched = new Map<string, { readonly number: number; readonly sinceMs: number }>();

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** Undefined when somebody else holds it. */
  async acquire(name: string, signal: AbortSignal): Promise<Lease | undefined> {
    const prefix = leasePrefix(name);
    const highest = await this.#highest(prefix, signal);
    if (highest !== undefined && !(await this.#isFree(name, highest))) return undefined;
    const lease = new OwnLease(this.#options, prefix, (highest?.number ?? 0) + 1, (from) =>
      this.#highest(prefix, from),
    );
    return (await lease.take(signal)) ? lease : undefined;
  }

  async #isFree(name: string, { number, record, modifiedAt }: Found): Promise<boolean> {
    const { clock } = this.#options;
    const ttlMs = record?.ttlMs ?? this.#options.ttlMs;
    if (record?.released) return true;
    if (record !== undefined && (await isDeadHere(record.holder, this.#options.holder))) return true;
    const ageMs = clock.now().getTime() - modifiedAt.getTime();
    if (ageMs > ttlMs + clockToleranceMs) return true;
    const watched = this.#watched.get(name);
    if (watched?.number !== number) {
      this.#watched.set(name, { number, sinceMs: clock.monotonicMs() });
      return false;
    }
    return clock.monotonicMs() - watched.sinceMs > ttlMs;
  }

  async #highest(prefix: string, signal: AbortSignal): Promise<Found | undefined> {
    for (let attempt = 1; ; attempt++) {
      const last = await this.#lastRecord(prefix, signal);
      if (last === undefined) return undefined;
      try {
        const bytes = await readWhole(this.#options.store, last.key, signal);
        return { ...last, record: parseRecord(bytes) };
      } catch (error) {
        // Its holder renewed and removed it just now: whoever asks again sees the next one.
        const replaced = error instanceof StoreError && error.kind === 'missing';
        if (!replaced || attempt >= mostReplacements) throw error;
      }
    }
  }

  async #lastRecord(
    prefix: string,
    signal: AbortSignal,
  ): Promise<(Omit<Found, 'record'> & { key: string }) | undefined> {
    let last: { readonly number: number; readonly key: string; readonly modifiedAt: Date } | undefined;
    for await (const { key, modifiedAt } of this.#options.store.list(prefix, signal)) {
      const digits = key.slice(prefix.length);
      if (/^\d{12}$/.test(digits)) last = { number: Number(digits), key, modifiedAt };
    }
    return last;
  }
}

class OwnLease implements Lease {
  readonly #options: LeaseOptions;
  readonly #prefix: string;
  readonly #highest: (signal: AbortSignal) => Promise<Found | undefined>;
  readonly #token = randomBytes(8).toString('hex');
  readonly #lost = new AbortController();
  readonly #ended = new AbortController();
  #number: number;
  #renewing: Promise<void> = Promise.resolve();

  constructor(
    options: LeaseOptions,
    prefix: string,
    number: number,
    highest: (signal: AbortSignal) => Promise<Found | undefined>,
  ) {
    this.#options = options;
    this.#prefix = prefix;
    this.#number = number;
    this.#highest = highest;
  }

  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  async take(signal: AbortSignal): Promise<boolean> {
    const startMs = this.#options.clock.monotonicMs();
    if (!(await this.#write(this.#number, false, signal))) return false;
    this.#renewing = this.#renewUntilEnded(startMs);
    await this.#removeOlder(signal).catch(() => undefined);
    return true;
  }

  async check(signal: AbortSignal): Promise<void> {
    this.#lost.signal.throwIfAborted();
    const highest = await this.#highest(signal);
    if (highest?.record?.token !== this.#token) this.#lose('another process took it over');
    this.#lost.signal.throwIfAborted();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#renewing;
    if (this.#lost.signal.aborted) return;
    const signal = AbortSignal.timeout(10_000);
    // Should this fail, the lease runs out by itself.
    const released = await this.#write(this.#number + 1, true, signal).catch(() => false);
    if (!released) return;
    this.#number++;
    await this.#removeOlder(signal).catch(() => undefined);
  }

  /** Gives up at the very moment from which on a watcher may take the lease over, not at the next try after it. */
  async #renewUntilEnded(takenMs: number): Promise<void> {
    const { clock, ttlMs } = this.#options;
    const stop = AbortSignal.any([this.#ended.signal, this.#lost.signal]);
    for (let renewedMs = takenMs; ; ) {
      const leftMs = renewedMs + ttlMs - clock.monotonicMs();
      if (leftMs <= 0) return this.#lose('it could not be renewed in time');
      await clock.sleep(Math.min(ttlMs / 3, leftMs), stop).catch(() => undefined);
      if (stop.aborted) return;
      const startMs = clock.monotonicMs();
      if (startMs - renewedMs >= ttlMs) continue;
      const renewed = await this.#renew(stop).catch(() => 'not_reached' as const);
      if (renewed === 'taken') return this.#lose('another process took it over');
      if (renewed === 'renewed') renewedMs = startMs;
    }
  }

  async #renew(signal: AbortSignal): Promise<'renewed' | 'taken'> {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(this.#options.ttlMs / 3))]);
    if (!(await this.#write(this.#number + 1, false, limited))) return 'taken';
    this.#number++;
    await this.#removeOlder(limited).catch(() => undefined);
    return 'renewed';
  }

  /** False when the number is taken by somebody else. */
  async #write(number: number, released: boolean, signal: AbortSignal): Promise<boolean> {
    const { store, holder, ttlMs } = this.#options;
    const record: LeaseRecord = { token: this.#token, holder, ttlMs, released };
    if (await store.putIfAbsent(this.#key(number), Buffer.from(JSON.stringify(record)), signal)) return true;
    // The answer to an earlier try of ours may have been lost: then the number is ours after all.
    const bytes = await readWhole(store, this.#key(number), signal).catch(() => Buffer.alloc(0));
    const found = parseRecord(bytes);
    if (found?.token !== this.#token) return false;
    // A renewal that was given up arrived nevertheless; only the next number can say that we are done.
    return found.released === released || this.#write(number + 1, released, signal);
  }

  async #removeOlder(signal: AbortSignal): Promise<void> {
    const { store } = this.#options;
    for await (const { key } of store.list(this.#prefix, signal)) {
      if (key < this.#key(this.#number)) await store.delete(key, signal);
    }
  }

  #lose(how: string): void {
    this.#lost.abort(new JobFailed('locked', `the lease was lost: ${how}`));
  }

  #key(number: number): string {
    return `${this.#prefix}${String(number).padStart(12, '0')}`;
  }
}

function parseRecord(bytes: Buffer): LeaseRecord | undefined {
  try {
    return recordSchema.safeParse(JSON.parse(bytes.toString('utf8'))).data;
  } catch {
    return undefined;
  }
}

/** Names may hold what keys must not: each such character is written as `_` and its code. */
function leasePrefix(name: string): string {
  const encoded = name.replaceAll(/[^A-Za-z0-9.-]/g, (character) => `_${character.codePointAt(0)?.toString(16)}_`);
  return `.leases/${encoded}/`;
}
