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

const nodeTimeoutMs = 15_000;
/** No cluster has as many. */
const nodeLimit = 10_000;
/** The sessions are used once. */
const loginIntervalMs = 3_600_000;

const serverCommand: Command = ['INFO', 'server'];

type Node = Extract<NodeAnswers, { readonly connection: RedisConnection }>;

export interface KeySpaceOptions {
  /** Its name in the configuration. */
  readonly target: string;
  readonly access: RedisAccess;
  /** What connecting, one count, sample or search may take. */
  readonly timeoutMs: number;
}

/** The keys of one server, of the master that Sentinels watch, or of all masters of a cluster together. */
export class KeySpace implements AsyncDisposable {
  readonly target: string;
  /** For one count, sample or search. */
  readonly timeoutMs: number;
  readonly #stack: AsyncDisposableStack;
  readonly #nodes: readonly Node[];
  readonly #owners: readonly (string | undefined)[] | undefined;
  readonly #openedAt: Date;
  #hung: string | undefined;

  private constructor(
    { target, timeoutMs }: KeySpaceOptions,
    stack: AsyncDisposableStack,
    nodes: Nodes,
    openedAt: Date,
  ) {
    this.target = target;
    this.timeoutMs = timeoutMs;
    this.#stack = stack;
    this.#nodes = nodes.withKeys;
    this.#owners = nodes.owners;
    this.#openedAt = openedAt;
  }

  /** Logs in to every node that has keys of its own. Rejects when one of them cannot be reached: its keys would be missing. */
  static async open(options: KeySpaceOptions, context: CompareContext): Promise<KeySpace> {
    await using stack = new AsyncDisposableStack();
    const { target, access, timeoutMs } = options;
    const { clock, signal } = context;
    const sessions = stack.use(new RedisSessions({ access, loginIntervalMs, nodeTimeoutMs, nodeLimit, clock }));
    const commands = [serverCommand, ...(access.mode === 'cluster' ? [clusterNodesCommand] : [])];
    const limit = { parent: signal, ms: timeoutMs, clock, what: `connecting to ${target}` };
    const found = await withDeadline(limit, async (either) => {
      await sessions.proveLogin(either);
      const visit = stack.use(await sessions.acquire(either));
      return await visit.read(({ kind }) => (kind === 'data' ? commands : []), either);
    });
    return new KeySpace(options, stack.move(), nodesWithKeys(target, access.mode, found), clock.now());
  }

  /** Why nothing more can be asked; undefined when it can. */
  get hung(): string | undefined {
    return this.#hung;
  }

  /** To be called when time ran out: the connection to whoever did not answer was dropped with that. */
  giveUpHung(): void {
    const hung = this.#nodes.filter(({ connection }) => !connection.usable).map(({ node }) => node.name);
    if (hung.length > 0) this.#hung = `${hung.join(', ')} did not answer in time before, and was not asked again`;
  }

  /** What tells its servers from all others, for as long as they run; empty where they do not tell. */
  get runIds(): ReadonlySet<string> {
    const ids = this.#nodes.map(({ answers }) => serverInfo(answers).text('run_id') ?? '');
    return new Set(ids.filter((id) => id !== ''));
  }

  get connections(): readonly RedisConnection[] {
    return this.#nodes.map(({ connection }) => connection);
  }

  /** Keys by database, as the servers tell; a database without keys is not among them. */
  async counts(signal: AbortSignal): Promise<ReadonlyMap<number, number>> {
    const counts = new Map<number, number>();
    for (const { connection } of this.#nodes) {
      const [answer] = await connection.ask([['INFO', 'keyspace']], signal);
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
    const info = serverInfo(this.#nodes[0]?.answers);
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

function serverInfo(answers: Node['answers'] | undefined): Info {
  return Info.parse(String(answers?.get(commandKey(serverCommand)) ?? ''));
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
  return clusterNodes(target, told, data);
}

/** Every slot's owner must be known: the keys of one that is overlooked would be missing without a word. */
export function clusterNodes(
  target: string,
  told: Reply | RedisError | undefined,
  data: readonly NodeAnswers[],
): Nodes {
  if (told instanceof Error) throw told;
  const owners = slotOwners(String(told));
  const masters = new Set(owners.filter((id) => id !== undefined));
  if (masters.size === 0) throw new Error(`CLUSTER NODES of ${target} tells of no node that has slots`);
  const nodes = [...masters].map((id) => {
    const master = data.find(({ node }) => node.role !== 'replica' && node.group === id);
    if (master === undefined) throw new Error(`nothing is known of the node ${id} of ${target}, which has slots`);
    return answeringNode(master);
  });
  return { withKeys: nodes, owners };
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
