import type { Command, RedisConnection } from '../../../targets/redis/connection.ts';
import { Info, parseFields } from '../../../targets/redis/info.ts';
import { RedisSessions } from '../../../targets/redis/sessions.ts';
import type { RedisAccess, RedisMode } from '../../../targets/redis/settings.ts';
import { slotOf, slotOwners } from '../../../targets/redis/slots.ts';
import { clusterNodesCommand } from '../../../targets/redis/topology.ts';
import { commandKey, type NodeAnswers } from '../../../targets/redis/visit.ts';
import type { CompareContext } from '../compare-databases.ts';
import type { ComparedState } from '../comparison.ts';
import { PairingProblem } from '../pairs/name-pair.ts';

const nodeTimeoutMs = 15_000;
/** No cluster has as many. */
const nodeLimit = 10_000;
/** The sessions are used once. */
const loginIntervalMs = 3_600_000;

const serverCommand: Command = ['INFO', 'server'];

type Node = Extract<NodeAnswers, { readonly connection: RedisConnection }>;

/** The keys of one server, of the master that Sentinels watch, or of all masters of a cluster together. */
export class KeySpace implements AsyncDisposable {
  readonly target: string;
  readonly #stack: AsyncDisposableStack;
  readonly #nodes: readonly Node[];
  readonly #owners: readonly (string | undefined)[] | undefined;
  readonly #context: CompareContext;
  readonly #openedAt: Date;

  private constructor(target: string, stack: AsyncDisposableStack, nodes: Nodes, context: CompareContext) {
    this.target = target;
    this.#stack = stack;
    this.#nodes = nodes.withKeys;
    this.#owners = nodes.owners;
    this.#context = context;
    this.#openedAt = context.clock.now();
  }

  /** Logs in to every node that has keys of its own. Rejects when one of them cannot be reached: its keys would be missing. */
  static async open(target: string, access: RedisAccess, context: CompareContext): Promise<KeySpace> {
    await using stack = new AsyncDisposableStack();
    const { clock, signal } = context;
    const sessions = stack.use(new RedisSessions({ access, loginIntervalMs, nodeTimeoutMs, nodeLimit, clock }));
    await sessions.proveLogin(signal);
    const visit = stack.use(await sessions.acquire(signal));
    const commands = [serverCommand, ...(access.mode === 'cluster' ? [clusterNodesCommand] : [])];
    const found = await visit.read(({ kind }) => (kind === 'data' ? commands : []), signal);
    const nodes = nodesWithKeys(target, access.mode, found);
    return new KeySpace(target, stack.move(), nodes, context);
  }

  get connections(): readonly RedisConnection[] {
    return this.#nodes.map(({ connection }) => connection);
  }

  /** Keys by database, as the servers tell; a database without keys is not among them. */
  async counts(): Promise<ReadonlyMap<number, number>> {
    const counts = new Map<number, number>();
    for (const { connection } of this.#nodes) {
      const [answer] = await connection.ask([['INFO', 'keyspace']], this.#context.signal);
      if (answer instanceof Error) throw answer;
      for (const [, index, fields = ''] of String(answer).matchAll(/^db(\d+):(.*)$/gm)) {
        const keys = Number(parseFields(fields.trim()).get('keys'));
        counts.set(Number(index), (counts.get(Number(index)) ?? 0) + keys);
      }
    }
    return counts;
  }

  /** Who has the key; undefined when nobody has its slot. */
  connectionOf(key: Buffer): RedisConnection | undefined {
    if (this.#owners === undefined) return this.#nodes[0]?.connection;
    const owner = this.#owners[slotOf(key)];
    return this.#nodes.find(({ node }) => node.group === owner)?.connection;
  }

  state(database: number | undefined): ComparedState {
    const info = Info.parse(String(this.#nodes[0]?.answers.get(commandKey(serverCommand)) ?? ''));
    return {
      target: this.target,
      engine: 'redis',
      database: database === undefined ? '' : `db${database}`,
      version: `${info.product} ${info.version}`,
      snapshotAt: this.#openedAt.toISOString(),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

interface Nodes {
  readonly withKeys: readonly Node[];
  /** By slot: the id of its master; undefined without a cluster. */
  readonly owners: readonly (string | undefined)[] | undefined;
}

function nodesWithKeys(target: string, mode: RedisMode, found: readonly NodeAnswers[]): Nodes {
  const data = found.filter(({ node }) => node.kind === 'data');
  if (mode === 'standalone') {
    const withKeys = data.map(answeringNode);
    if (withKeys.some(({ connection }) => connection.facts.isClusterNode)) {
      throw new PairingProblem(`${target} is a node of a cluster: "mode: cluster" compares all of its keys`);
    }
    return { withKeys, owners: undefined };
  }
  if (mode === 'sentinel') return { withKeys: [onlyMaster(target, data)], owners: undefined };
  const told = data.find((one) => 'answers' in one)?.answers.get(commandKey(clusterNodesCommand));
  const owners = slotOwners(String(told));
  const masters = new Set(owners);
  const withKeys = data.filter(({ node }) => node.role !== 'replica' && masters.has(node.group)).map(answeringNode);
  return { withKeys, owners };
}

function onlyMaster(target: string, data: readonly NodeAnswers[]): Node {
  const [master, ...others] = data.filter(({ node }) => node.role === 'master');
  if (master === undefined) throw new PairingProblem(`the Sentinels of ${target} watch no master`);
  if (others.length === 0) return answeringNode(master);
  const names = [master, ...others].map(({ node }) => node.group).join(', ');
  throw new PairingProblem(
    `the Sentinels of ${target} watch several masters (${names}): compare each by its own address`,
  );
}

function answeringNode(one: NodeAnswers): Node {
  if ('connection' in one) return one;
  throw new Error(`node ${one.node.name} cannot be asked, and its keys would be missing`, { cause: one.error });
}
