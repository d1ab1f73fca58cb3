import { type ChainableCommander, Redis, type RedisOptions } from 'ioredis';
import { abortable } from '../../core/deadline.ts';
import { errorCode } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import type { PooledSession } from '../session-pool.ts';
import { Info, ServerFacts } from './info.ts';
import { type RedisLogin, type RedisTls, redisTlsOptions } from './settings.ts';
import { formatAddress, type RedisAddress } from './url.ts';

/** `['SLOWLOG', 'GET', '1']` */
export type Command = readonly [string, ...string[]];

/** What a server answers to one command, as RESP2 has it. */
export type Reply = string | number | null | readonly Reply[];

/** A command whose arguments may be any bytes. */
export type ByteCommand = readonly [string, ...(string | Buffer)[]];

/** An answer with its bytes as they are: names and values need not be text. */
export type ByteReply = Buffer | number | null | readonly ByteReply[];

/** The server answered a command with an error. The code is its first word: `NOPERM`, `LOADING`, `ERR`. */
export class RedisError extends Error {
  override readonly name = 'RedisError';
  readonly code: string;

  constructor(message: string) {
    // The server repeats what it was sent, and that may be a password.
    super(message.replace(/,? with args beginning with:.*$/s, ''));
    this.code = /^[A-Z]+/.exec(message)?.[0] ?? 'ERR';
  }

  /** Another version, a managed service, or a command that was renamed. */
  get isUnknownCommand(): boolean {
    return /^ERR (unknown (sentinel )?(sub)?command|.*unsupported|.*not supported|.*not allowed)/i.test(this.message);
  }

  get isWrongPassword(): boolean {
    return this.code === 'WRONGPASS' || /^ERR invalid password/i.test(this.message);
  }

  /** Asking again is of no use for as long as this login lasts. */
  get isLasting(): boolean {
    return this.code === 'NOPERM' || this.isUnknownCommand;
  }
}

/** One open connection to one server. Not for concurrent use. */
export interface RedisConnection extends PooledSession {
  readonly address: RedisAddress;
  /** As of the login. */
  readonly facts: ServerFacts;
  /**
   * One round trip for all commands; their answers in the same order. An error that the server gives is an answer. What
   * was refused for good is not asked again on this connection. Aborting destroys the connection.
   */
  ask(commands: readonly Command[], signal: AbortSignal): Promise<readonly (Reply | RedisError)[]>;
  /** The same for commands and answers that may be any bytes; each is sent, whatever was refused before. */
  askBytes(commands: readonly ByteCommand[], signal: AbortSignal): Promise<readonly (ByteReply | RedisError)[]>;
  /** Drops the connection without a word to the server, which may be hung. */
  destroy(): void;
}

export interface OpenRedisOptions {
  readonly address: RedisAddress;
  readonly login: RedisLogin;
  readonly tls: RedisTls | undefined;
  readonly connectTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** Connects and logs in. Throws with the server's address and the reason. */
export async function openRedis(options: OpenRedisOptions): Promise<RedisConnection> {
  try {
    return await logInWithFreshPassword(options);
  } catch (error) {
    throw new Error(`connecting to ${formatAddress(options.address)}`, { cause: error });
  }
}

/** A password that is refused may have been rotated since it was read. */
async function logInWithFreshPassword(options: OpenRedisOptions): Promise<RedisConnection> {
  const source = options.login.password;
  const password = await source?.read();
  try {
    return await logIn(options, password);
  } catch (error) {
    if (source?.forget === undefined || !(error instanceof RedisError) || !error.isWrongPassword) throw error;
    source.forget();
    const fresh = await source.read();
    if (fresh.reveal() === password?.reveal()) throw error;
    return await logIn(options, fresh);
  }
}

async function logIn(options: OpenRedisOptions, password: Secret | undefined): Promise<RedisConnection> {
  const { address, login, signal } = options;
  const connection = new ClientConnection(address, await clientOptions(options));
  try {
    await connection.connect(signal);
    if (password !== undefined) {
      const [answer] = await connection.ask([authCommand(login.username, password.reveal())], signal);
      if (answer instanceof RedisError && !needsNoPassword(answer)) throw answer;
    }
    const [ping, ...info] = await connection.ask(greeting, signal);
    if (ping instanceof RedisError && !canBeReached.includes(ping.code)) throw ping;
    const texts = info.filter((answer) => typeof answer === 'string');
    connection.facts = new ServerFacts(Info.parse(texts.join('\n')));
    return connection;
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

/** The name is for whoever looks at CLIENT LIST; nothing of it is needed. */
const greeting: readonly Command[] = [
  ['PING'],
  ['INFO', 'server'],
  ['INFO', 'cluster'],
  ['CLIENT', 'SETNAME', 'watchkeeper'],
];

/** Answers to PING of a server that has let us in: it may lack a right, load its data or run a script. */
const canBeReached = ['NOPERM', 'LOADING', 'BUSY', 'MASTERDOWN'];

function authCommand(username: string | undefined, password: string): Command {
  return username === undefined ? ['AUTH', password] : ['AUTH', username, password];
}

/** A password that nobody asked for does no harm: the server lets in whoever comes. */
function needsNoPassword({ message }: RedisError): boolean {
  return /no password is set|without any password configured/.test(message);
}

type ClientOptions = RedisOptions & { readonly replyMapping: 'legacy' };

/** Everything that ioredis would do by itself is switched off: reconnecting, queueing, asking what nobody asked for. */
async function clientOptions({ address, tls, connectTimeoutMs }: OpenRedisOptions): Promise<ClientOptions> {
  const place = address.host.startsWith('/') ? { path: address.host } : { host: address.host, port: address.port };
  return {
    ...place,
    ...(tls === undefined ? {} : { tls: await redisTlsOptions(tls, address) }),
    lazyConnect: true,
    protocol: 2,
    replyMapping: 'legacy',
    connectTimeout: connectTimeoutMs,
    disconnectTimeout: 1_000,
    keepAlive: 30_000,
    retryStrategy: () => null,
    maxRetriesPerRequest: null,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    disableClientInfo: true,
  };
}

class ClientConnection implements RedisConnection {
  readonly address: RedisAddress;
  facts = new ServerFacts(Info.parse(''));
  readonly #client: Redis;
  /** Why the connection broke, when it did. */
  #broken: Error | undefined;
  #usable = true;
  /** By command: what this server refuses for good. */
  readonly #refused = new Map<string, RedisError>();

  constructor(address: RedisAddress, options: ClientOptions) {
    this.address = address;
    this.#client = new Redis(options);
    // Without a listener ioredis writes to the console.
    this.#client.on('error', (error: Error) => {
      this.#broken ??= error;
      this.#usable = false;
    });
    this.#client.on('close', () => {
      this.#usable = false;
    });
  }

  get usable(): boolean {
    return this.#usable;
  }

  async connect(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    try {
      await abortable(this.#client.connect(), signal);
    } catch (error) {
      signal.throwIfAborted();
      // ioredis says that the connection was closed; why, it told its listener before.
      throw this.#broken ?? error;
    }
  }

  async ask(commands: readonly Command[], signal: AbortSignal): Promise<readonly (Reply | RedisError)[]> {
    const wanted = commands.filter((command) => !this.#refused.has(keyOf(command)));
    const answers = await this.#untilAborted(signal, async () => {
      const pipeline = this.#client.pipeline();
      for (const [name, ...rest] of wanted) pipeline.call(name, ...rest);
      return await this.#answersOf<Reply>(pipeline, wanted.length, (index) => wanted[index]);
    });
    const byKey = new Map(wanted.map((command, index) => [keyOf(command), answers[index] ?? null]));
    return commands.map((command) => this.#refused.get(keyOf(command)) ?? byKey.get(keyOf(command)) ?? null);
  }

  async askBytes(commands: readonly ByteCommand[], signal: AbortSignal): Promise<readonly (ByteReply | RedisError)[]> {
    return await this.#untilAborted(signal, async () => {
      const pipeline = this.#client.pipeline();
      for (const [name, ...rest] of commands) pipeline.callBuffer(name, ...rest);
      return await this.#answersOf<ByteReply>(pipeline, commands.length, () => undefined);
    });
  }

  async #untilAborted<T>(signal: AbortSignal, send: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const onAbort = () => this.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await abortable(send(), signal);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** `commandAt`: the command whose refusal is remembered, if it is one for good. */
  async #answersOf<R>(
    pipeline: ChainableCommander,
    amount: number,
    commandAt: (index: number) => Command | undefined,
  ): Promise<(R | RedisError)[]> {
    const results = amount === 0 ? [] : ((await pipeline.exec()) ?? []);
    const answers = Array.from({ length: amount }, (_, index): R | RedisError | Error => {
      const [error, reply] = results[index] ?? [new Error('no answer'), null];
      return error === null ? (reply as R) : this.#refusal(commandAt(index), error);
    });
    const [first] = answers;
    return answers.map((answer) => {
      if (!(answer instanceof Error) || answer instanceof RedisError) return answer;
      // A server that is full, or does not want us, says so to the first command and hangs up.
      throw this.#broken ?? (first instanceof RedisError ? first : answer);
    });
  }

  /** The server's refusal; the error itself when it is the connection's or the library's. */
  #refusal(command: Command | undefined, error: Error): RedisError | Error {
    if (error.name !== 'ReplyError' || errorCode(error) !== undefined) return error;
    const refusal = new RedisError(error.message);
    if (refusal.isLasting && command !== undefined) this.#refused.set(keyOf(command), refusal);
    return refusal;
  }

  destroy(): void {
    this.#usable = false;
    this.#client.disconnect();
    this.#client.stream?.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.destroy();
  }
}

function keyOf(command: Command): string {
  return command.join(' ');
}
