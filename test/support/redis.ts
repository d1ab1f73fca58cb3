import { writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { redisEngineFamilies } from '../../src/collectors/redis/index.ts';
import { type RedisWatchSettings, redisWatchSettings } from '../../src/collectors/redis/settings.ts';
import type { WatchedRedis } from '../../src/collectors/redis/watch.ts';
import { findProgram } from '../../src/core/find-program.ts';
import { startProcess } from '../../src/core/run-process.ts';
import { makeWorkDirectory } from '../../src/core/work-directory.ts';
import { type Command, openRedis, RedisError, type Reply } from '../../src/targets/redis/connection.ts';
import type { RedisAccess, RedisLogin, RedisTls } from '../../src/targets/redis/settings.ts';
import type { RedisAddress } from '../../src/targets/redis/url.ts';
import { freePort } from './free-port.ts';

const never = new AbortController().signal;

export interface TestRedisOptions {
  /** The lines of redis.conf, beside those that tests always use. */
  readonly settings?: readonly string[];
  readonly program?: 'server' | 'sentinel' | 'valkey';
  /** Default: a free one. 0: no TCP. */
  readonly port?: number;
  /** As whom tests talk to the server. */
  readonly login?: RedisLogin;
  readonly tls?: RedisTls;
  /** Where tests talk to it, when not on `port`. */
  readonly address?: RedisAddress;
  /** Whether an error of PING means that the server is as far as the test wants it. */
  readonly isReady?: (error: unknown) => boolean;
}

/** A Redis server (or Valkey, or a Sentinel) of a test. Disposing stops it and removes its folder. */
export interface TestRedis extends AsyncDisposable {
  readonly port: number;
  /** `127.0.0.1:port`: the value of the label `node`. */
  readonly name: string;
  readonly folder: string;
  /** Throws the server's error. */
  call(...command: Command): Promise<Reply>;
  /** Stops the process where it is, so that it neither answers nor closes anything. */
  freeze(): void;
  thaw(): void;
  /** Ends the process at once. */
  kill(): Promise<void>;
}

export async function startTestRedis(options: TestRedisOptions = {}): Promise<TestRedis> {
  const { program = 'server', settings = [], port = await freePort(), login = {}, tls } = options;
  const directory = await makeWorkDirectory({ prefix: 'watchkeeper-test-redis-' });
  const file = join(directory.path, 'redis.conf');
  await writeFile(
    file,
    [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${directory.path}`,
      ...(program === 'sentinel' ? [] : serverSettings),
      ...settings,
    ].join('\n'),
  );
  const running = startProcess(await redisProgram(program), [file], { signal: never });
  running.stdout.resume();
  let isOver = false;
  const noteEnd = () => {
    isOver = true;
  };
  running.exited.then(noteEnd, noteEnd);
  const address = options.address ?? { host: '127.0.0.1', port };
  const server: TestRedis = {
    port,
    name: `127.0.0.1:${port}`,
    folder: directory.path,
    async call(...command) {
      await using connection = await openRedis({ address, login, tls, connectTimeoutMs: 2_000, signal: never });
      const [answer = null] = await connection.ask([command], AbortSignal.timeout(10_000));
      if (answer instanceof RedisError) throw answer;
      return answer;
    },
    freeze: () => void process.kill(running.pid ?? 0, 'SIGSTOP'),
    thaw: () => void process.kill(running.pid ?? 0, 'SIGCONT'),
    async kill() {
      if (running.pid !== undefined && !isOver) process.kill(running.pid, 'SIGKILL');
      await running.exited.catch(() => undefined);
    },
    async [Symbol.asyncDispose]() {
      await server.kill();
      await directory[Symbol.asyncDispose]();
    },
  };
  try {
    await untilReady(server, running.exited, options.isReady);
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** Safe to lose. Short periods, so that tests need not wait for replicas. */
const serverSettings = ['save ""', 'appendonly no', 'repl-diskless-sync-delay 0', 'repl-ping-replica-period 1'];

/** Redis's programs, or Valkey's where there are no others; `valkey` is Valkey alone. */
async function redisProgram(program: NonNullable<TestRedisOptions['program']>): Promise<string> {
  const searchPath = [process.env['PATH'], join(import.meta.dirname, '../../.cache/bin')].join(delimiter);
  const names = program === 'valkey' ? ['valkey-server'] : [`redis-${program}`, `valkey-${program}`];
  for (const name of names) {
    const path = await findProgram(name, searchPath);
    if (path !== undefined) return path;
  }
  throw new Error(`${names[0]} is not installed: run "sh scripts/setup test"`);
}

async function untilReady(server: TestRedis, exited: Promise<void>, isReady?: (error: unknown) => boolean) {
  const ended = exited.then(
    () => Promise.reject(new Error('the server ended')),
    (error: unknown) => Promise.reject(error),
  );
  ended.catch(() => undefined);
  for (let tries = 0; ; tries++) {
    const failure = await Promise.race([
      server.call('PING').then(
        () => undefined,
        (error: unknown) => error,
      ),
      ended,
    ]);
    if (failure === undefined || isReady?.(failure) === true) return;
    if (tries >= 100) throw new Error('the server does not become ready', { cause: failure });
    await delay(30);
  }
}

/** How to reach servers of tests without users and TLS. */
export function redisAccess(servers: readonly TestRedis[], changes: Partial<RedisAccess> = {}): RedisAccess {
  return {
    mode: 'standalone',
    addresses: servers.map(({ port }) => ({ host: '127.0.0.1', port })),
    login: {},
    sentinelLogin: {},
    tls: undefined,
    database: 0,
    ...changes,
  };
}

/** A Redis target to be watched with the default settings, as far as they are not given. */
export function watchedRedis(name: string, access: RedisAccess, watch: Partial<RedisWatchSettings> = {}): WatchedRedis {
  return { name, engine: 'redis', access, watch: { ...redisWatchSettings.parse({}), ...watch } };
}

/** Only these families: what a test about them needs. */
export function onlyRedisFamilies(...names: readonly string[]): Pick<RedisWatchSettings, 'collectors'> {
  return { collectors: Object.fromEntries(redisEngineFamilies.map(({ name }) => [name, names.includes(name)])) };
}
