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
  readonly record: LeaseRecord;
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
    if (record.released || (await isDeadHere(record.holder, this.#options.holder))) return true;
    const ageMs = clock.now().getTime() - modifiedAt.getTime();
    if (ageMs > record.ttlMs + clockToleranceMs) return true;
    const watched = this.#watched.get(name);
    if (watched?.number !== number) {
      this.#watched.set(name, { number, sinceMs: clock.monotonicMs() });
      return false;
    }
    return clock.monotonicMs() - watched.sinceMs > record.ttlMs;
  }

  async #highest(prefix: string, signal: AbortSignal): Promise<Found | undefined> {
    const { store } = this.#options;
    let last: { readonly key: string; readonly modifiedAt: Date } | undefined;
    for await (const object of store.list(prefix, signal)) last = object;
    if (last === undefined) return undefined;
    const number = Number(last.key.slice(prefix.length));
    const bytes = await readWhole(store, last.key, signal).catch((error) => {
      // Its holder renewed and removed it just now: whoever asks again sees the next one.
      if (error instanceof StoreError && error.kind === 'missing') return undefined;
      throw error;
    });
    if (bytes === undefined) return this.#highest(prefix, signal);
    return { number, record: recordSchema.parse(JSON.parse(bytes.toString('utf8'))), modifiedAt: last.modifiedAt };
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
    if (!(await this.#write(this.#number, false, signal))) return false;
    await this.#removeOlder(signal);
    this.#renewing = this.#renewUntilEnded();
    return true;
  }

  async check(signal: AbortSignal): Promise<void> {
    this.#lost.signal.throwIfAborted();
    const highest = await this.#highest(signal);
    if (highest?.record.token !== this.#token) this.#lose('another process took it over');
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

  async #renewUntilEnded(): Promise<void> {
    const { clock, ttlMs } = this.#options;
    const stop = AbortSignal.any([this.#ended.signal, this.#lost.signal]);
    let renewedMs = clock.monotonicMs();
    while (!stop.aborted) {
      await clock.sleep(ttlMs / 3, stop).catch(() => undefined);
      if (stop.aborted) return;
      const startMs = clock.monotonicMs();
      if (startMs - renewedMs > ttlMs) return this.#lose('it could not be renewed in time');
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
    const bytes = await readWhole(store, this.#key(number), signal).catch(() => Buffer.from('{}'));
    return recordSchema.safeParse(JSON.parse(bytes.toString('utf8'))).data?.token === this.#token;
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

/** Names may hold what keys must not: each such character is written as `_` and its code. */
function leasePrefix(name: string): string {
  const encoded = name.replaceAll(/[^A-Za-z0-9.-]/g, (character) => `_${character.codePointAt(0)?.toString(16)}_`);
  return `.leases/${encoded}/`;
}
