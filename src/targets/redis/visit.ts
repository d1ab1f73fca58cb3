import type { Clock } from '../../core/clock.ts';
import { withDeadline } from '../../core/deadline.ts';
import { coerceError } from '../../core/errors.ts';
import type { PooledSession, SessionPool } from '../session-pool.ts';
import type { Command, RedisConnection, RedisError, Reply } from './connection.ts';
import type { Discovery } from './discovery.ts';
import type { ServerFacts } from './info.ts';
import type { NodePools } from './node-pools.ts';
import type { RedisNode } from './topology.ts';

/** What one node gave in one scrape: answers, or the reason why there are none. */
export type NodeAnswers = { readonly node: RedisNode } & (
  | { readonly connection: RedisConnection; readonly answers: ReadonlyMap<string, Reply | RedisError> }
  | { readonly error: Error }
);

/** Under which a command's answer is found. */
export function commandKey(command: Command): string {
  return command.join(' ');
}

/** What a node is asked, by what is known of it. */
export type CommandsFor = (node: RedisNode, facts: ServerFacts) => readonly Command[];

interface VisitOptions {
  readonly pools: NodePools;
  readonly discovery: Discovery;
  readonly entry: RedisNode;
  readonly connection: RedisConnection;
  readonly known: readonly RedisNode[];
  readonly learn: (nodes: readonly RedisNode[]) => readonly RedisNode[];
  readonly nodeTimeoutMs: number;
  readonly clock: Clock;
}

/** One scrape's look at all nodes of a target. It holds their connections until it is released. */
export class RedisVisit implements PooledSession {
  readonly #options: VisitOptions;
  readonly #held: { readonly pool: SessionPool<RedisConnection>; readonly connection: RedisConnection }[];
  #released = false;

  constructor(options: VisitOptions) {
    this.#options = options;
    this.#held = [{ pool: options.pools.of(options.entry), connection: options.connection }];
  }

  get usable(): boolean {
    return !this.#released && this.#options.connection.usable;
  }

  /**
   * Asks all nodes at once, in one round trip each; nodes that were not known before are asked after it. A node that
   * cannot be reached in time gives its reason; only when the one that tells about the others cannot does this reject.
   */
  async read(commandsFor: CommandsFor, signal: AbortSignal): Promise<NodeAnswers[]> {
    const { entry, known } = this.#options;
    const others = known.filter(({ name }) => name !== entry.name);
    const asking = others.map((node) => this.#askNode(node, commandsFor, signal));
    const first = await this.#askEntry(commandsFor, signal).catch((error: unknown) => coerceError(error));
    const early = await Promise.all(asking);
    if (first instanceof Error) throw first;
    const told = new Map([first.answers, ...early].map((one) => [one.node.name, one]));
    return Promise.all(
      first.nodes.map(async (node) => {
        const before = told.get(node.name);
        // What is known of a node may have changed since it was asked.
        return before === undefined ? this.#askNode(node, commandsFor, signal) : { ...before, node };
      }),
    );
  }

  async #askEntry(commandsFor: CommandsFor, signal: AbortSignal) {
    const { entry, connection, discovery, learn } = this.#options;
    const ask = (commands: readonly Command[]) => this.#inTime(signal, (either) => connection.ask(commands, either));
    const discovering = discovery.commands();
    const commands = [...discovering, ...commandsFor(entry, connection.facts)];
    const replies = await ask(commands);
    const nodes = await discovery.nodes(replies.slice(0, discovering.length), connection.address, ask);
    const answers = new Map(commands.map((command, index) => [commandKey(command), replies[index] ?? null]));
    return { nodes: learn(nodes), answers: { node: entry, connection, answers } };
  }

  async #askNode(node: RedisNode, commandsFor: CommandsFor, signal: AbortSignal): Promise<NodeAnswers> {
    if (node.failed) return { node, error: new Error('the other nodes say that it is down') };
    try {
      return await this.#inTime(signal, async (either) => {
        const connection = await this.#connect(node, either);
        const commands = commandsFor(node, connection.facts);
        const replies = await connection.ask(commands, either);
        const answers = new Map(commands.map((command, index) => [commandKey(command), replies[index] ?? null]));
        return { node, connection, answers };
      });
    } catch (error) {
      return { node, error: coerceError(error) };
    }
  }

  async #connect(node: RedisNode, signal: AbortSignal): Promise<RedisConnection> {
    const pool = this.#options.pools.of(node);
    await pool.proveLogin(signal);
    const connection = await pool.acquire(signal);
    this.#held.push({ pool, connection });
    return connection;
  }

  #inTime<T>(parent: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { nodeTimeoutMs: ms, clock } = this.#options;
    return withDeadline({ parent, ms, clock, what: 'asking the node' }, work);
  }

  /** Gives the connections back. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    for (const { pool, connection } of this.#held) pool.release(connection);
  }
}
