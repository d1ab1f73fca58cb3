import type { Clock } from '../core/clock.ts';
import { abortable, DeadlineExceeded, withDeadline } from '../core/deadline.ts';

export const loginFailureReasons = [
  'authentication',
  'secret',
  'refused',
  'unknown_host',
  'timeout',
  'privilege',
  'too_many_connections',
  'tls',
  'other',
] as const;
export type LoginFailureReason = (typeof loginFailureReasons)[number];

export interface PooledSession extends AsyncDisposable {
  /** False once the connection broke or was destroyed. */
  readonly usable: boolean;
}

export interface SessionPoolOptions<S extends PooledSession> {
  /** Logs in. Must honour the signal. */
  open(signal: AbortSignal): Promise<S>;
  classify(error: unknown): LoginFailureReason;
  /** Sessions kept. For the moment in which a new login replaces an old session there is one more. */
  readonly size: number;
  readonly loginIntervalMs: number;
  readonly loginTimeoutMs: number;
  readonly clock: Clock;
}

/** A server that is down is not hammered: 1, 2, 4 … 15 s between two logins that fail. */
const firstBackoffMs = 1_000;
const longestBackoffMs = 15_000;
/** Nor waited for: a server that works logs us in faster, and a scrape has other targets to tell about. */
const retryPatienceMs = 250;

/**
 * The sessions that watching keeps on one server. A new login is tried now and then even when none is needed, because
 * sessions that were opened long ago go on working after the password, pg_hba.conf or the listener was changed.
 */
export class SessionPool<S extends PooledSession> implements AsyncDisposable {
  readonly #options: SessionPoolOptions<S>;
  /** In the order of their logins. */
  readonly #idle: S[] = [];
  /** Numbers the logins. */
  readonly #loginOf = new WeakMap<S, number>();
  #logins = 0;
  readonly #closing = new Set<Promise<void>>();
  readonly #closed = new AbortController();
  readonly #failures = new Map<LoginFailureReason, number>();
  #inUse = 0;
  #underWay: Promise<void> | undefined;
  #lastLoginMs: number | undefined;
  #loginSeconds: number | undefined;
  #failed: { readonly error: unknown; readonly backoffMs: number; readonly retryAtMs: number } | undefined;

  constructor(options: SessionPoolOptions<S>) {
    this.#options = options;
  }

  /** Logins that failed since the start. */
  get loginFailures(): ReadonlyMap<LoginFailureReason, number> {
    return this.#failures;
  }

  /** How long the last login took that succeeded. Undefined before the first. */
  get loginSeconds(): number | undefined {
    return this.#loginSeconds;
  }

  /** Rejects with the reason when nobody can log in now; tries it when that is not known well enough (`new`). */
  async proveLogin(signal: AbortSignal): Promise<'new' | 'recent'> {
    const { clock, loginIntervalMs } = this.#options;
    const isFresh = this.#lastLoginMs !== undefined && clock.monotonicMs() - this.#lastLoginMs < loginIntervalMs;
    const hasSession = this.#inUse > 0 || this.#idle.some((session) => session.usable);
    if (isFresh && hasSession && this.#failed === undefined) return 'recent';
    await this.#loginOrLastFailure(signal);
    return 'new';
  }

  /**
   * A session for one user at a time, to be given back by `release`. Callers keep to `size`. When the last login failed
   * there is none but those kept: `proveLogin` tries again.
   */
  async acquire(signal: AbortSignal): Promise<S> {
    for (;;) {
      signal.throwIfAborted();
      const session = this.#takeIdle();
      if (session !== undefined) {
        this.#inUse++;
        return session;
      }
      if (this.#failed !== undefined) throw this.#failed.error;
      await abortable(this.#login(), signal);
    }
  }

  release(session: S): void {
    this.#inUse--;
    if (session.usable && !this.#closed.signal.aborted) this.#keep(session);
    else this.#close(session);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new Error('the sessions of this target are being closed'));
    await this.#underWay?.catch(() => undefined);
    for (const session of this.#idle.splice(0)) this.#close(session);
    await Promise.all(this.#closing);
  }

  /** The newest login is used first: it proves itself. */
  #takeIdle(): S | undefined {
    for (let session = this.#idle.pop(); session !== undefined; session = this.#idle.pop()) {
      if (session.usable) return session;
      this.#close(session);
    }
    return undefined;
  }

  #keep(session: S): void {
    this.#idle.push(session);
    this.#idle.sort((a, b) => (this.#loginOf.get(a) ?? 0) - (this.#loginOf.get(b) ?? 0));
    while (this.#idle.length > 0 && this.#idle.length + this.#inUse > this.#options.size) {
      const [oldest] = this.#idle.splice(0, 1);
      if (oldest !== undefined) this.#close(oldest);
    }
  }

  async #loginOrLastFailure(signal: AbortSignal): Promise<void> {
    const failed = this.#failed;
    if (failed === undefined) return abortable(this.#login(), signal);
    const { clock } = this.#options;
    const patience = { parent: signal, ms: retryPatienceMs, clock, what: 'logging in again' };
    try {
      await withDeadline(patience, (either) => abortable(this.#login(), either));
    } catch (error) {
      throw error instanceof DeadlineExceeded && !signal.aborted && this.#underWay !== undefined ? failed.error : error;
    }
  }

  /** One login at a time. It outlives the scrape that began it, so that a short deadline does not keep it from ending. */
  #login(): Promise<void> {
    if (this.#failed !== undefined && this.#options.clock.monotonicMs() < this.#failed.retryAtMs) {
      return Promise.reject(this.#failed.error);
    }
    this.#underWay ??= this.#open().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  async #open(): Promise<void> {
    const { clock, loginTimeoutMs: ms } = this.#options;
    const startedMs = clock.monotonicMs();
    try {
      const deadline = { parent: this.#closed.signal, ms, clock, what: 'logging in' };
      const session = await withDeadline(deadline, (signal) => this.#options.open(signal));
      this.#lastLoginMs = clock.monotonicMs();
      this.#loginSeconds = (this.#lastLoginMs - startedMs) / 1_000;
      this.#failed = undefined;
      this.#loginOf.set(session, ++this.#logins);
      this.#keep(session);
    } catch (error) {
      this.#noteFailure(error);
      throw error;
    }
  }

  #noteFailure(error: unknown): void {
    if (this.#closed.signal.aborted) return;
    const reason = this.#options.classify(error);
    this.#failures.set(reason, (this.#failures.get(reason) ?? 0) + 1);
    const backoffMs = Math.min(longestBackoffMs, (this.#failed?.backoffMs ?? firstBackoffMs / 2) * 2);
    this.#failed = { error, backoffMs, retryAtMs: this.#options.clock.monotonicMs() + backoffMs };
  }

  #close(session: S): void {
    const closing: Promise<void> = Promise.resolve(session[Symbol.asyncDispose]())
      .catch(() => undefined)
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

/** What a scrape needs of a target's sessions, however they are kept. */
export type Sessions<S extends PooledSession> = Pick<SessionPool<S>, keyof SessionPool<S>>;
