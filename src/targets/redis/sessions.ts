import type { Clock } from '../../core/clock.ts';
import { abortable, withDeadline } from '../../core/deadline.ts';
import type { LoginFailureReason, Sessions } from '../session-pool.ts';
import { clusterDiscovery, type Discovery, noDiscovery, SentinelDiscovery } from './discovery.ts';
import { NodePools } from './node-pools.ts';
import type { RedisAccess, RedisMode } from './settings.ts';
import { nodeAt, type RedisNode } from './topology.ts';
import { RedisVisit } from './visit.ts';

export interface RedisSessionsOptions {
  readonly access: RedisAccess;
  readonly loginIntervalMs: number;
  /** Logging in to a node and asking it, together. */
  readonly nodeTimeoutMs: number;
  /** Nodes beyond this many are not watched. */
  readonly nodeLimit: number;
  readonly clock: Clock;
}

/** So long the node that answered last is waited for alone; then the others are tried beside it. */
const entryPatienceMs = 1_000;
/** Nodes tried at the same time when the usual one does not answer. */
const entriesTried = 4;

/**
 * The visits to a target. Any of its nodes can tell about the others: the one that did so last is asked first, the
 * addresses of the configuration are only where it begins, and where it begins again when nobody else is left.
 */
export class RedisSessions implements Sessions<RedisVisit> {
  readonly #options: RedisSessionsOptions;
  readonly #pools: NodePools;
  readonly #discovery: Discovery;
  readonly #seeds: readonly RedisNode[];
  #known: readonly RedisNode[] = [];
  #entry: RedisNode | undefined;
  #notWatched = 0;
  /** Nodes that told of far fewer others than were known: they may have been put out of the cluster. */
  readonly #doubted = new Set<string>();

  constructor(options: RedisSessionsOptions) {
    this.#options = options;
    this.#pools = new NodePools(options);
    this.#discovery = discoveryOf[options.access.mode]();
    this.#seeds = options.access.addresses.map((address) => nodeAt(address, entryTraits(options.access.mode)));
  }

  get loginFailures(): ReadonlyMap<LoginFailureReason, number> {
    return this.#pools.loginFailures;
  }

  /** Of the node where it took longest. */
  get loginSeconds(): number | undefined {
    return this.#pools.loginSeconds;
  }

  /** Masters that the Sentinels watch, as of the last scrape. */
  get masters(): readonly string[] {
    const masters = this.#known.filter(({ kind, role }) => kind === 'data' && role === 'master');
    return this.#options.access.mode === 'sentinel' ? masters.map(({ group }) => group) : [];
  }

  /** Nodes that were found beyond the limit. */
  get notWatched(): number {
    return this.#notWatched;
  }

  /** Rejects when no node that can tell about the others lets us in. */
  async proveLogin(signal: AbortSignal): Promise<'new' | 'recent'> {
    const [first, ...others] = this.#entries();
    if (first === undefined) throw new Error('no address is configured');
    try {
      return await this.#enter(first, signal, others.length > 0);
    } catch (error) {
      signal.throwIfAborted();
      if (others.length === 0) throw error;
      // The reason of the first one is told: the others are there in its place.
      return await Promise.any(others.map((node) => this.#enter(node, signal, false))).catch(() => {
        throw error;
      });
    }
  }

  async acquire(signal: AbortSignal): Promise<RedisVisit> {
    if (this.#entry === undefined || this.#entry.failed) await this.proveLogin(signal);
    const entry = this.#entry ?? this.#entries()[0];
    if (entry === undefined) throw new Error('no address is configured');
    const connection = await this.#pools.of(entry).acquire(signal);
    return new RedisVisit({
      pools: this.#pools,
      discovery: this.#discovery,
      entry,
      connection,
      known: this.#known,
      learn: (nodes) => this.#learn(nodes),
      nodeTimeoutMs: this.#options.nodeTimeoutMs,
      clock: this.#options.clock,
    });
  }

  release(visit: RedisVisit): void {
    void visit[Symbol.asyncDispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#pools[Symbol.asyncDispose]();
  }

  async #enter(node: RedisNode, signal: AbortSignal, impatient: boolean): Promise<'new' | 'recent'> {
    const pool = this.#pools.of(node);
    const { clock } = this.#options;
    const patience = { parent: signal, ms: entryPatienceMs, clock, what: 'logging in' };
    const proof = impatient
      ? await withDeadline(patience, (either) => abortable(pool.proveLogin(either), either))
      : await pool.proveLogin(signal);
    this.#entry = node;
    return proof;
  }

  /** Who can tell about the others, the likeliest first. */
  #entries(): RedisNode[] {
    const known = this.#others(this.#known);
    const current = this.#entry === undefined ? [] : [this.#entry];
    const byName = new Map([...current, ...known, ...this.#seeds].map((node) => [node.name, node]));
    const [first, ...others] = byName.values();
    if (first === undefined) return [];
    // The seeds are the last resort, but one of them is always among those that are tried.
    const seeds = new Set(this.#seeds.map(({ name }) => name));
    const found = others.filter(({ name }) => !seeds.has(name)).slice(0, entriesTried);
    return [first, ...found, ...others.filter(({ name }) => seeds.has(name)).slice(0, entriesTried)];
  }

  #learn(found: readonly RedisNode[]): readonly RedisNode[] {
    const nodes = [...new Map(found.map((node) => [node.name, node])).values()];
    if (this.#doubts(nodes)) return this.#known;
    this.#doubted.clear();
    const watched = nodes.sort((a, b) => rank(a) - rank(b)).slice(0, this.#options.nodeLimit);
    this.#notWatched = nodes.length - watched.length;
    this.#known = watched;
    const names = new Set(watched.map(({ name }) => name));
    // A seed may be called otherwise by the others: then it is left, so that each node has one connection.
    if (this.#entry !== undefined && !names.has(this.#entry.name)) this.#entry = this.#others(watched)[0];
    this.#pools.keepOnly(names);
    return watched;
  }

  /**
   * A node that was removed from its cluster goes on alone and knows nobody. Who suddenly knows less than half is not
   * believed as long as there is somebody else to ask; that one is asked in the next scrape.
   */
  #doubts(nodes: readonly RedisNode[]): boolean {
    if (this.#entry === undefined || nodes.length * 2 >= this.#known.length) return false;
    this.#doubted.add(this.#entry.name);
    const [other] = this.#others(this.#known).filter(({ name }) => !this.#doubted.has(name));
    if (other === undefined) return false;
    this.#entry = other;
    return true;
  }

  /** Those who can tell about the others and are not down. */
  #others(nodes: readonly RedisNode[]): RedisNode[] {
    const { kind } = entryTraits(this.#options.access.mode);
    return nodes.filter((node) => node.kind === kind && !node.failed);
  }
}

/** When there are more nodes than are watched, replicas are left out first. */
function rank({ role }: RedisNode): number {
  return role === 'replica' ? 1 : 0;
}

function entryTraits(mode: RedisMode): Pick<RedisNode, 'kind' | 'role'> {
  return mode === 'sentinel' ? { kind: 'sentinel', role: 'sentinel' } : { kind: 'data', role: 'unknown' };
}

const discoveryOf: Readonly<Record<RedisMode, () => Discovery>> = {
  standalone: () => noDiscovery,
  sentinel: () => new SentinelDiscovery(),
  cluster: () => clusterDiscovery,
};
