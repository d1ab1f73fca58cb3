import type { Clock } from '../core/clock.ts';
import { withDeadline } from '../core/deadline.ts';
import type { Log } from '../core/log.ts';
import type { PooledSession } from '../targets/session-pool.ts';
import type { Databases } from './databases.ts';
import type { Collected, Family } from './family.ts';
import type { Watch } from './watch.ts';

export type Login =
  | { readonly status: 'pending' | 'succeeded' }
  | { readonly status: 'failed'; readonly error: unknown };

interface RunOptions<P extends PooledSession, S> {
  readonly watch: Watch<P, S>;
  /** Those that are collected with the target's own sessions. */
  readonly families: readonly Family<S>[];
  /** The other databases of the server, when any family looks into them. */
  readonly databases: Databases<P, S> | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * One scrape of one target, shared by everybody who asks while it is under way. Its results can be read at any moment.
 * It goes on as long as somebody waits for it: {@link ScrapeRun.abandon} destroys the sessions that have not answered.
 */
export class ScrapeRun<P extends PooledSession, S> {
  readonly startedMs: number;
  readonly #collected = new Map<Family<S>, Collected>();
  readonly #begunAtMs = new Map<Family<S>, number>();
  /** Never rejects. */
  readonly done: Promise<void>;
  waiting = 0;
  login: Login = { status: 'pending' };
  isOver = false;
  #answered = false;
  readonly #options: RunOptions<P, S>;
  readonly #queue: Family<S>[];
  readonly #asksNothing: boolean;
  #isDiscoveryDue = false;
  #visits: Promise<void> | undefined;
  readonly #abandoned = new AbortController();

  constructor(options: RunOptions<P, S>) {
    this.#options = options;
    this.startedMs = options.clock.monotonicMs();
    this.#queue = this.#familiesDue();
    this.#asksNothing = this.#queue.length === 0;
    this.done = this.#run();
  }

  get isAbandoned(): boolean {
    return this.#abandoned.signal.aborted;
  }

  /** Whether the server answered anything in this run. With everything taken from before there was nothing to answer. */
  get hasAnswer(): boolean {
    return this.#answered || this.#asksNothing;
  }

  /** What there is of a family now; a family that is still waited for counts as failed. */
  resultOf(family: Family<S>): Collected {
    const nowMs = this.#options.clock.monotonicMs();
    const durationSeconds = (nowMs - (this.#begunAtMs.get(family) ?? nowMs)) / 1_000;
    const pending = { success: false, applicable: true, durationSeconds };
    return this.#collected.get(family) ?? { ...pending, ...family.keptSamples(this.startedMs) };
  }

  abandon(reason: unknown): void {
    this.#abandoned.abort(reason);
  }

  /** Costly families come last: what is quick is on the page even when they are late. */
  #familiesDue(): Family<S>[] {
    const due: Family<S>[] = [];
    for (const family of this.#options.families) {
      const result = family.resultStillGood(this.startedMs);
      if (result === undefined) due.push(family);
      else this.#collected.set(family, { ...result, ...family.keptSamples(this.startedMs) });
    }
    return due.sort((a, b) => Number(a.isCostly) - Number(b.isCostly));
  }

  async #run(): Promise<void> {
    const { watch } = this.#options;
    await this.#proveLogin();
    if (this.login.status === 'succeeded') this.#beginVisits();
    const workers = Math.min(watch.concurrency, this.#queue.length + Number(this.#isDiscoveryDue));
    await Promise.all(Array.from({ length: workers }, () => this.#work()));
    await this.#visits;
    // Whatever is left found no session to run in; that is told by `up`, not once for each family.
    if (!this.isAbandoned) for (const family of this.#queue) this.#fail(family);
    this.isOver = true;
  }

  /** As soon as it is known which databases there are; that is asked with one of the target's own sessions. */
  #beginVisits(): void {
    const { databases } = this.#options;
    this.#isDiscoveryDue = databases?.isDiscoveryDue(this.startedMs) === true;
    if (!this.#isDiscoveryDue) this.#visits = databases?.visit(this.#abandoned.signal);
  }

  async #discover(session: P): Promise<void> {
    const { watch, databases, clock } = this.#options;
    this.#isDiscoveryDue = false;
    const parent = this.#abandoned.signal;
    const deadline = { parent, ms: watch.familyTimeoutMs, clock, what: 'listing the databases' };
    await withDeadline(deadline, async (signal) => databases?.discover(watch.sourceOf(session), signal));
    this.#visits = databases?.visit(parent);
  }

  async #proveLogin(): Promise<void> {
    try {
      const proof = await this.#options.watch.sessions.proveLogin(this.#abandoned.signal);
      this.login = { status: 'succeeded' };
      if (proof === 'new') this.#answered = true;
    } catch (error) {
      if (!this.isAbandoned) this.login = { status: 'failed', error };
    }
  }

  /** Collects family after family with one session, as long as it can get one. */
  async #work(): Promise<void> {
    const { sessions } = this.#options.watch;
    let session: P | undefined;
    try {
      while (this.#queue.length > 0 || this.#isDiscoveryDue) {
        if (session?.usable !== true) {
          if (session !== undefined) sessions.release(session);
          session = undefined;
          session = await sessions.acquire(this.#abandoned.signal);
        }
        await this.#doNext(session);
      }
    } catch (error) {
      if (!this.isAbandoned) this.login = { status: 'failed', error };
    } finally {
      if (session !== undefined) sessions.release(session);
    }
  }

  /** Which databases there are comes first: their visits then run beside everything else. */
  async #doNext(session: P): Promise<void> {
    if (this.#isDiscoveryDue) return this.#discover(session);
    const family = this.#queue.shift();
    if (family !== undefined) await this.#collect(family, session);
  }

  async #collect(family: Family<S>, session: P): Promise<void> {
    const { watch, clock, log } = this.#options;
    this.#begunAtMs.set(family, clock.monotonicMs());
    const context = { signal: this.#abandoned.signal, clock, log };
    const collected = await family.collect(watch.sourceOf(session), context, watch.familyTimeoutMs);
    if (collected === undefined) return;
    this.#collected.set(family, collected);
    if (session.usable) this.#answered = true;
  }

  #fail(family: Family<S>): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.#collected.set(family, family.noteFailure(nowMs, this.#begunAtMs.get(family) ?? nowMs));
  }
}
