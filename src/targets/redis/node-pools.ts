import type { Clock } from '../../core/clock.ts';
import { type LoginFailureReason, SessionPool } from '../session-pool.ts';
import { openRedis, type RedisConnection } from './connection.ts';
import { classifyRedisFailure } from './login-failure.ts';
import type { RedisAccess } from './settings.ts';
import type { RedisNode } from './topology.ts';

export interface NodePoolsOptions {
  readonly access: RedisAccess;
  readonly loginIntervalMs: number;
  readonly clock: Clock;
}

/** Less than a scrape has, so that a server that does not answer is told as such and the answer still is on time. */
export const loginTimeoutMs = 3_000;

/** One kept connection for each node, with its own new logins and its own patience when it is down. */
export class NodePools implements AsyncDisposable {
  readonly #options: NodePoolsOptions;
  readonly #pools = new Map<string, SessionPool<RedisConnection>>();
  /** Of pools that are gone: the count must not go down. */
  readonly #formerFailures = new Map<LoginFailureReason, number>();
  readonly #closing = new Set<Promise<void>>();

  constructor(options: NodePoolsOptions) {
    this.#options = options;
  }

  of(node: RedisNode): SessionPool<RedisConnection> {
    const existing = this.#pools.get(node.name);
    if (existing !== undefined) return existing;
    const { access, loginIntervalMs, clock } = this.#options;
    const pool = new SessionPool<RedisConnection>({
      open: (signal) =>
        openRedis({
          address: node.address,
          login: node.kind === 'sentinel' ? access.sentinelLogin : access.login,
          tls: access.tls,
          connectTimeoutMs: loginTimeoutMs,
          signal,
        }),
      classify: classifyRedisFailure,
      size: 1,
      loginIntervalMs,
      loginTimeoutMs,
      clock,
    });
    this.#pools.set(node.name, pool);
    return pool;
  }

  /** Closes the connections of all other nodes. One that is in use is closed when it is given back. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const [name, pool] of this.#pools) {
      if (names.has(name)) continue;
      this.#pools.delete(name);
      for (const [reason, count] of pool.loginFailures) {
        this.#formerFailures.set(reason, (this.#formerFailures.get(reason) ?? 0) + count);
      }
      const closing: Promise<void> = pool[Symbol.asyncDispose]().finally(() => this.#closing.delete(closing));
      this.#closing.add(closing);
    }
  }

  /** Of the node where it took longest; undefined before the first login. */
  get loginSeconds(): number | undefined {
    const all = [...this.#pools.values()].map(({ loginSeconds }) => loginSeconds).filter((one) => one !== undefined);
    return all.length === 0 ? undefined : Math.max(...all);
  }

  get loginFailures(): ReadonlyMap<LoginFailureReason, number> {
    const sum = new Map(this.#formerFailures);
    for (const pool of this.#pools.values()) {
      for (const [reason, count] of pool.loginFailures) sum.set(reason, (sum.get(reason) ?? 0) + count);
    }
    return sum;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.keepOnly(new Set());
    await Promise.all(this.#closing);
  }
}
