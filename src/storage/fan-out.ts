import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import { errorMessage } from '../core/errors.ts';
import { BodyFailed, bodyChunks } from './body.ts';
import { type ObjectStore, type StoredObject, StoreError } from './object-store.ts';

export interface FanOutMember {
  readonly name: string;
  readonly store: ObjectStore;
}

export interface FanOutOptions {
  readonly clock: Clock;
  /** Is told of each member that fails, once, and what it failed with. */
  readonly onFailure?: (name: string, error: unknown) => void;
  /** A member that takes nothing for this long is given up, so that it does not hold up the others. Default 15 minutes. */
  readonly stallMs?: number;
}

/** What a backup needs of the place where it is written. */
export type WritableStore = Pick<ObjectStore, 'put' | 'head' | 'delete'>;

const usualStallMs = 15 * 60_000;
const branchBufferBytes = 2 ** 20;
/** How long a store may clean up after its signal fired, at most. */
const cleaningMs = 20_000;

/**
 * Several stores as one that is written to. Every stream is read once and goes to all of them at the pace of the slowest,
 * with a small buffer each. A member that fails gets nothing further – in particular no manifest – and the others go on;
 * a call fails only when none is left, or when the body itself does. The first member that is left answers for all.
 */
export function fanOut(members: readonly FanOutMember[], options: FanOutOptions): WritableStore {
  return new FanOut(members, options);
}

class FanOut implements WritableStore {
  readonly #members: readonly FanOutMember[];
  readonly #options: FanOutOptions;
  readonly #failures = new Map<FanOutMember, unknown>();
  readonly #sizes = new Map<string, number>();

  constructor(members: readonly FanOutMember[], options: FanOutOptions) {
    this.#members = members;
    this.#options = options;
  }

  put(key: string, body: Readable | Uint8Array, signal: AbortSignal): Promise<StoredObject> {
    if (body instanceof Readable) return this.#putStream(key, body, signal);
    this.#sizes.set(key, body.length);
    return this.#ofEach(signal, async ({ store }, own) => requireWhole(await store.put(key, body, own), body.length));
  }

  async head(key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    return this.#ofEach(signal, async ({ store }, own) => {
      const found = await store.head(key, own);
      const expected = this.#sizes.get(key);
      if (expected === undefined) return found;
      if (found !== undefined) return requireWhole(found, expected);
      throw new StoreError('damaged', `${key}: ${expected} bytes were sent, nothing is there`);
    });
  }

  /** In members that failed as well, as far as they let it: what is there is of no use to anybody. */
  async delete(key: string, signal: AbortSignal): Promise<void> {
    const failed = [...this.#failures.keys()];
    if (this.#live().length > 0) await this.#ofEach(signal, ({ store }, own) => store.delete(key, own));
    await Promise.all(failed.map(({ store }) => store.delete(key, signal).catch(() => undefined)));
  }

  #live(): FanOutMember[] {
    return this.#members.filter((member) => !this.#failures.has(member));
  }

  /** Asks every member that is left; the first answer counts. One that does not answer in time has failed. */
  async #ofEach<T>(signal: AbortSignal, work: (member: FanOutMember, signal: AbortSignal) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const { clock, stallMs = usualStallMs } = this.#options;
    const answers = await Promise.all(
      this.#live().map(async (member) => {
        const stop = new AbortController();
        const stopTimer = clock.startTimer(stallMs, () => stop.abort(stalled(stallMs)));
        const own = AbortSignal.any([signal, stop.signal]);
        try {
          return [await answerOf(work(member, own), own, this.#options)] as const;
        } catch (error) {
          if (!signal.aborted) this.#fail(member, error);
          return undefined;
        } finally {
          stopTimer();
        }
      }),
    );
    signal.throwIfAborted();
    const answer = answers.find((one) => one !== undefined);
    if (answer === undefined) throw this.#allFailed();
    return answer[0];
  }

  async #putStream(key: string, body: Readable, signal: AbortSignal): Promise<StoredObject> {
    const { clock, stallMs = usualStallMs } = this.#options;
    const branches = this.#live().map((member) => new Branch(member, key, { signal, clock, stallMs }));
    let sentBytes = 0;
    try {
      for await (const chunk of bodyChunks(body, signal)) {
        sentBytes += chunk.length;
        await Promise.all(branches.map((branch) => branch.write(chunk)));
        if (!branches.some(({ isOpen }) => isOpen)) break;
      }
    } catch (error) {
      const cause = error instanceof BodyFailed ? error.cause : error;
      await Promise.all(branches.map((branch) => branch.cancel(cause)));
      throw signal.aborted ? signal.reason : cause;
    } finally {
      body.destroy();
    }
    const outcomes = await Promise.all(branches.map((branch) => branch.end(sentBytes)));
    signal.throwIfAborted();
    for (const [index, { member }] of branches.entries()) {
      const outcome = outcomes[index];
      if (outcome !== undefined && 'error' in outcome) this.#fail(member, outcome.error);
    }
    const stored = outcomes.find((outcome) => 'stored' in outcome);
    if (stored === undefined) throw this.#allFailed();
    this.#sizes.set(key, sentBytes);
    return stored.stored;
  }

  #fail(member: FanOutMember, error: unknown): void {
    if (this.#failures.has(member)) return;
    this.#failures.set(member, error);
    this.#options.onFailure?.(member.name, error);
  }

  /** Worth another try when any of them may be back by then. */
  #allFailed(): unknown {
    const errors = [...this.#failures.values()];
    const [first] = errors;
    if (errors.length === 1) return first;
    const mayPass = errors.find((error) => error instanceof StoreError && error.kind === 'unavailable');
    const telling = mayPass ?? errors.find((error) => error instanceof StoreError) ?? first;
    const message = [...this.#failures].map(([{ name }, error]) => `${name}: ${errorMessage(error)}`).join('; ');
    const kind = telling instanceof StoreError ? telling.kind : 'unavailable';
    return new StoreError(kind, `every store failed – ${message}`, { cause: telling });
  }
}

type Outcome = { readonly stored: StoredObject } | { readonly error: unknown };

/** The way of one stream into one member. Its methods never reject. */
class Branch {
  readonly member: FanOutMember;
  readonly #pipe = new PassThrough({ highWaterMark: branchBufferBytes });
  readonly #stop = new AbortController();
  readonly #clock: Clock;
  readonly #stallMs: number;
  readonly #outcome: Promise<Outcome>;
  #open = true;

  constructor(
    member: FanOutMember,
    key: string,
    options: { readonly signal: AbortSignal; readonly clock: Clock; readonly stallMs: number },
  ) {
    this.member = member;
    this.#clock = options.clock;
    this.#stallMs = options.stallMs;
    // What it complains about when it is destroyed is told by the outcome.
    this.#pipe.on('error', () => undefined);
    const signal = AbortSignal.any([options.signal, this.#stop.signal]);
    this.#outcome = answerOf(member.store.put(key, this.#pipe, signal), signal, options).then(
      (stored) => this.#closed({ stored }),
      (error) => this.#closed({ error }),
    );
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Resolves when there is room for more, or the branch has failed. */
  async write(chunk: Buffer): Promise<void> {
    if (!this.#open || this.#pipe.write(chunk)) return;
    await this.#unlessStalled(Promise.race([once(this.#pipe, 'drain').catch(() => undefined), this.#outcome]));
  }

  async end(sentBytes: number): Promise<Outcome> {
    this.#pipe.end();
    await this.#unlessStalled(this.#outcome);
    const outcome = await this.#outcome;
    if (!('stored' in outcome) || outcome.stored.sizeBytes === sentBytes) return outcome;
    const message = `${outcome.stored.key}: ${sentBytes} bytes were sent, ${outcome.stored.sizeBytes} are there`;
    return { error: new StoreError('damaged', message) };
  }

  /** Ends the put by the body's own failure, and waits until it has cleaned up. */
  async cancel(error: unknown): Promise<void> {
    this.#pipe.destroy(error instanceof Error ? error : new Error(String(error)));
    await this.#unlessStalled(this.#outcome);
  }

  #closed(outcome: Outcome): Outcome {
    this.#open = false;
    this.#pipe.destroy();
    return outcome;
  }

  async #unlessStalled(progress: Promise<unknown>): Promise<void> {
    const stopTimer = this.#clock.startTimer(this.#stallMs, () => this.#stop.abort(stalled(this.#stallMs)));
    await progress;
    stopTimer();
  }
}

/** The answer to `work`, or the signal's reason when it has not ended some seconds after that: a hung disk notices no signal. */
function answerOf<T>(
  work: Promise<T>,
  signal: AbortSignal,
  { clock, stallMs = usualStallMs }: Pick<FanOutOptions, 'clock' | 'stallMs'>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let stopTimer = (): void => undefined;
    const onAbort = () => {
      stopTimer = clock.startTimer(Math.min(cleaningMs, stallMs), () => reject(signal.reason));
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', onAbort);
      stopTimer();
    });
  });
}

function stalled(ms: number): StoreError {
  return new StoreError('unavailable', `the store took nothing for ${Math.round(ms / 1_000)} seconds`);
}

function requireWhole(stored: StoredObject, sentBytes: number): StoredObject {
  if (stored.sizeBytes === sentBytes) return stored;
  throw new StoreError('damaged', `${stored.key}: ${sentBytes} bytes were sent, ${stored.sizeBytes} are there`);
}
