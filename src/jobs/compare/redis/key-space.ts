import { withDeadline } from '../../../core/deadline.ts';
import type { Command, RedisConnection, RedisError, Reply } from '../../../targets/redis/connection.ts';
import { Info, parseFields } from '../../../targets/redis/info.ts';
import { RedisSessions } from '../../../targets/redis/sessions.ts';
import type { RedisAccess, RedisMode } from '../../../targets/redis/settings.ts';
import { slotOf, slotOwners } from '../../../targets/redis/slots.ts';
import { clusterNodesCommand } from '../../../targets/redis/topology.ts';
import { commandKey, type NodeAnswers } from '../../../targets/redis/visit.ts';
import type { CompareContext } from '../compare-databases.ts';
import type { ComparedState } from '../comparison.ts';
import { PairingProblem } from '../pairs/name-pair.ts';
import { describeFailures, KeyNode } from './key-node.ts';

const longestNodeMs = 15_000;
/** No cluster has as many. */
const nodeLimit = 10_000;
/** The sessions are used once. */
const loginIntervalMs = 3_600_000;

const serverCommand: Command = ['INFO', 'server'];

type AnsweringNode = Extract<NodeAnswers, { readonly connection: RedisConnection }>;

export interface KeySpaceOptions {
  /** Its name in the configuration. */
  readonly target: string;
  readonly access: RedisAccess;
  /** What connecting may take, and one count, sample or search of each node. */
  readonly timeoutMs: number;
}

/** How many keys each database has, as far as it was told. */
export interface CountedKeys {
  /** A database without keys is not among them. */
  readonly byDatabase: ReadonlyMap<number, number>;
  /** Why some nodes did not tell; undefined when all did. */
  readonly untold: string | undefined;
  readonly isUntoldByAll: boolean;
}

/** The keys of one server, of the master that Sentinels watch, or of all masters of a cluster together. */
export class KeySpace implements AsyncDisposable {
  readonly target: string;
  /** For one count, sample or search of each node. */
  readonly timeoutMs: number;
  readonly nodes: readonly KeyNode[];
  readonly #stack: AsyncDisposableStack;
  readonly #found: FoundNodes;
  readonly #openedAt: Date;

  private constructor(
    { target, timeoutMs }: KeySpaceOptions,
    stack: AsyncDisposableStack,
    found: FoundNodes,
    context: CompareContext,
  ) {
    this.target = target;
    this.timeoutMs = timeoutMs;
    this.#stack = stack;
    this.#found = found;
    this.#openedAt = context.clock.now();
    this.nodes = found.withKeys.map((one) => {
      if ('connection' in one) return new KeyNode(one.node.name, one.connection, context);
      return new KeyNode(one.node.name, one.error, context);
    });
  }

  /**
   * Logs in to every node that has keys of its own. A node of a cluster that cannot be reached is among them all the same,
   * since its keys would be missing; rejects when none can.
   */
  static async open(options: KeySpaceOptions, context: CompareContext): Promise<KeySpace> {
    await using stack = new AsyncDisposableStack();
    const { target, access, timeoutMs } = options;
    const { clock, signal } = context;
    // A node that does not answer leaves time for the others.
    const nodeTimeoutMs = Math.min(longestNodeMs, timeoutMs / 3);
    const sessions = stack.use(new RedisSessions({ access, loginIntervalMs, nodeTimeoutMs, nodeLimit, clock }));
    const commands = [serverCommand, ...(access.mode === 'cluster' ? [clusterNodesCommand] : [])];
    const limit = { parent: signal, ms: timeoutMs, clock, what: `connecting to ${target}` };
    const found = await withDeadline(limit, async (either) => {
      await sessions.proveLogin(either);
      const visit = stack.use(await sessions.acquire(either));
      return await visit.read(({ kind }) => (kind === 'data' ? commands : []), either);
    });
    return new KeySpace(options, stack.move(), nodesWithKeys(target, access.mode, found), context);
  }

  /** What tells its servers from all others, for as long as they run; empty where they do not tell. */
  get runIds(): ReadonlySet<string> {
    const ids = this.#answers.map((answers) => serverInfo(answers).text('run_id') ?? '');
    return new Set(ids.filter((id) => id !== ''));
  }

  get #answers(): readonly AnsweringNode['answers'][] {
    return this.#found.withKeys.flatMap((one) => ('answers' in one ? [one.answers] : []));
  }

  async countKeys(what: string): Promise<CountedKeys> {
    const byDatabase = new Map<number, number>();
    const failures: { readonly node: KeyNode; readonly why: string }[] = [];
    for (const node of this.nodes) {
      const told = await node.attempt({ what, timeoutMs: this.timeoutMs }, (ask) => ask([['INFO', 'keyspace']]));
      if ('why' in told) failures.push({ node, why: told.why });
      else {
        for (const [, index, fields = ''] of String(told.value[0]).matchAll(/^db(\d+):(.*)$/gm)) {
          const keys = Number(parseFields(fields.trim()).get('keys'));
          byDatabase.set(Number(index), (byDatabase.get(Number(index)) ?? 0) + keys);
        }
      }
    }
    const isUntoldByAll = failures.length === this.nodes.length;
    return {
      byDatabase,
      isUntoldByAll,
      untold: failures.length === 0 ? undefined : describeFailures(failures, this.nodes),
    };
  }

  /** Who has the key; undefined when nobody has its slot. */
  nodeOf(key: Buffer): KeyNode | undefined {
    const { owners, withKeys } = this.#found;
    if (owners === undefined) return this.nodes[0];
    const owner = owners[slotOf(key)];
    return this.nodes[withKeys.findIndex(({ node }) => node.group === owner)];
  }

  state(database: number | undefined): ComparedState {
    const info = serverInfo(this.#answers[0]);
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

function serverInfo(answers: AnsweringNode['answers'] | undefined): Info {
  return Info.parse(String(answers?.get(commandKey(serverCommand)) ?? ''));
}

interface FoundNodes {
  /** Of a cluster those too that could not be asked. */
  readonly withKeys: readonly NodeAnswers[];
  /** By slot: the id of its master; undefined without a cluster. */
  readonly owners: readonly (string | undefined)[] | undefined;
}

function nodesWithKeys(target: string, mode: RedisMode, found: readonly NodeAnswers[]): FoundNodes {
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
  return clusterNodes(target, told, data);
}

/** Every slot's owner must be known: the keys of one that is overlooked would be missing without a word. */
export function clusterNodes(
  target: string,
  told: Reply | RedisError | undefined,
  data: readonly NodeAnswers[],
): FoundNodes {
  if (told instanceof Error) throw told;
  const owners = slotOwners(String(told));
  const masters = new Set(owners.filter((id) => id !== undefined));
  if (masters.size === 0) throw new Error(`CLUSTER NODES of ${target} tells of no node that has slots`);
  const nodes = [...masters].map((id) => {
    const master = data.find(({ node }) => node.role !== 'replica' && node.group === id);
    if (master === undefined) throw new Error(`nothing is known of the node ${id} of ${target}, which has slots`);
    return master;
  });
  const [first] = nodes;
  if (first !== undefined && nodes.every((one) => 'error' in one)) answeringNode(first);
  return { withKeys: nodes, owners };
}

function onlyMaster(target: string, data: readonly NodeAnswers[]): AnsweringNode {
  const [master, ...others] = data.filter(({ node }) => node.role === 'master');
  if (master === undefined) throw new PairingProblem(`the Sentinels of ${target} watch no master`);
  if (others.length === 0) return answeringNode(master);
  const names = [master, ...others].map(({ node }) => node.group).join(', ');
  throw new PairingProblem(
    `the Sentinels of ${target} watch several masters (${names}): compare each by its own address`,
  );
}

function answeringNode(one: NodeAnswers): AnsweringNode {
  if ('connection' in one) return one;
  throw new Error(`node ${one.node.name} cannot be asked, and its keys would be missing`, { cause: one.error });
}
