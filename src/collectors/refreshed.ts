import type { Clock } from '../core/clock.ts';
import { abortable, withDeadline } from '../core/deadline.ts';
import type { Log } from '../core/log.ts';
import type { WorkContext } from '../core/work-context.ts';

/** What a look brought: `failure` tells of what could not be read, beside what could. */
export interface Look<T> {
  readonly value: T;
  readonly failure?: unknown;
}

export interface RefreshedOptions<T> {
  /** What is looked at, for the message before the first look is over: `the tables`. */
  readonly what: string;
  /** Looks again; `previous` is the last value. Rejects when nothing could be read. */
  look(previous: T | undefined, context: WorkContext): Promise<Look<T>>;
  /** Time from the end of a look to the next one, in milliseconds. */
  nextInMs(): number;
  /** A value is given out for this long after it was read, in milliseconds. */
  readonly shownMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** When nobody asked for this long, looking stops until somebody asks again: it may cost money. */
const idleMs = 15 * 60_000;
/** The first scrape, also after a pause, waits this long for the first look; all others take what is there. */
const firstPatienceMs = 5_000;

/**
 * A value that is looked up in the background, again and again, for as long as somebody asks for it. Whoever asks never
 * waits for a look but for the first.
 */
export class Refreshed<T> implements AsyncDisposable {
  readonly #options: RefreshedOptions<T>;
  readonly #stopped = new AbortController();
  #askedMs = 0;
  #running: Promise<void> | undefined;
  /** Never rejects. */
  #looking: Promise<void> = Promise.resolve();
  #latest: { readonly look: Look<T>; readonly atMs: number } | undefined;
  #failure: unknown;

  constructor(options: RefreshedOptions<T>) {
    this.#options = options;
  }

  /** The latest value. Rejects with the reason when there is none, or when it is too old to be shown. */
  async read(signal: AbortSignal): Promise<Look<T>> {
    const { clock, what } = this.#options;
    this.#askedMs = clock.monotonicMs();
    this.#stopped.signal.throwIfAborted();
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    // There is nothing yet, or what there is dates from before a pause.
    if (this.#shown === undefined && this.#failure === undefined) {
      const deadline = { parent: signal, ms: firstPatienceMs, clock, what: `the first look at ${what}` };
      await withDeadline(deadline, (either) => abortable(this.#looking, either));
    }
    const shown = this.#shown;
    if (shown === undefined) throw this.#failure ?? new Error(`there was no look at ${what}`);
    return this.#failure === undefined ? shown : { ...shown, failure: this.#failure };
  }

  /** Waits for what is under way, which is told to stop. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort(new Error(`looking at ${this.#options.what} has ended`));
    await this.#running;
  }

  /** The last value, while it is not too old. */
  get #shown(): Look<T> | undefined {
    const { clock, shownMs } = this.#options;
    if (this.#latest === undefined || clock.monotonicMs() - this.#latest.atMs > shownMs) return undefined;
    return this.#latest.look;
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted && clock.monotonicMs() - this.#askedMs <= idleMs) {
      this.#looking = this.#lookOnce();
      await this.#looking;
      await clock.sleep(this.#options.nextInMs(), signal).catch(() => undefined);
    }
  }

  async #lookOnce(): Promise<void> {
    const { clock, log, look } = this.#options;
    try {
      const found = await look(this.#latest?.look.value, { signal: this.#stopped.signal, clock, log });
      this.#latest = { look: found, atMs: clock.monotonicMs() };
      this.#failure = undefined;
    } catch (error) {
      this.#failure = error ?? new Error(`looking at ${this.#options.what} failed`);
    }
  }
}
