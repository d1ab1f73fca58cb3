import type { Clock } from '../../core/clock.ts';
import { metric } from '../../core/metric.ts';
import type { Command } from '../../targets/redis/connection.ts';
import type { ServerFacts } from '../../targets/redis/info.ts';
import { RedisSessions } from '../../targets/redis/sessions.ts';
import type { RedisAccess } from '../../targets/redis/settings.ts';
import type { RedisNode } from '../../targets/redis/topology.ts';
import type { NodeAnswers, RedisVisit } from '../../targets/redis/visit.ts';
import type { Watch } from '../watch.ts';
import { redisFamilies } from './index.ts';
import { nodes, nodesCollector, serverCollector } from './nodes.ts';
import { redisScrapeMetrics } from './scrape-metrics.ts';
import type { RedisWatchSettings } from './settings.ts';
import {
  infoCommand,
  type NodeMemory,
  type NodeOutcome,
  NodeReading,
  type RedisFamily,
  type RedisSource,
} from './source.ts';

/** A Redis server, cluster or set of Sentinels that is to be watched. */
export interface WatchedRedis {
  readonly name: string;
  readonly engine: 'redis';
  readonly access: RedisAccess;
  readonly watch: RedisWatchSettings;
}

export const redisUp = metric({
  name: 'redis_up',
  type: 'gauge',
  help: 'Whether the server lets us log in and answers; of a cluster or Sentinels, whether one of them does (see redis_node_up). A new login is tried every watch.loginInterval, so that old connections do not hide that others cannot log in.',
  labels: [],
  source: 'a login',
  unit: 'boolean',
});

/** Asking the nodes takes two turns at most: those that are known, then those that were found by it. */
const turns = 2;
const spareMs = 500;

/** Connects to nothing yet: the first scrape logs in. */
export function watchRedis(target: WatchedRedis, clock: Clock): Watch<RedisVisit, RedisSource> {
  const { name, engine, access, watch } = target;
  const isSingle = access.mode === 'standalone';
  const families = redisFamilies.filter((one) => watch.collectors[one.name] ?? one.enabledByDefault);
  const showsNodes = !isSingle && (watch.collectors[nodes.name] ?? nodes.enabledByDefault);
  const sessions = new RedisSessions({
    access,
    loginIntervalMs: watch.loginInterval,
    nodeTimeoutMs: watch.nodeTimeout,
    nodeLimit: watch.nodeLimit,
    clock,
  });
  const sources = new SourceOfVisits(sessions, families, target);
  return {
    name,
    engine,
    up: redisUp,
    peer: redisScrapeMetrics,
    // The family about the nodes comes last: it tells what the others met.
    collectors: [...families.map(isSingle ? serverCollector : nodesCollector), ...(showsNodes ? [nodes] : [])],
    sessions,
    // One visit holds one connection to each node.
    concurrency: 1,
    sourceOf: (visit) => sources.of(visit),
    familyTimeoutMs: turns * watch.nodeTimeout + spareMs,
  };
}

/** All families of a scrape share one visit, and with it one reading. */
class SourceOfVisits {
  readonly #sessions: RedisSessions;
  readonly #families: readonly RedisFamily[];
  readonly #target: WatchedRedis;
  readonly #sources = new WeakMap<RedisVisit, RedisSource>();
  #memories = new Map<string, NodeMemory>();

  constructor(sessions: RedisSessions, families: readonly RedisFamily[], target: WatchedRedis) {
    this.#sessions = sessions;
    this.#families = families;
    this.#target = target;
  }

  of(visit: RedisVisit): RedisSource {
    const existing = this.#sources.get(visit);
    if (existing !== undefined) return existing;
    let readings: Promise<readonly NodeOutcome[]> | undefined;
    const sessions = this.#sessions;
    const source: RedisSource = {
      readings: ({ signal }) => {
        readings ??= visit
          .read((node, facts) => this.#commandsFor(node, facts), signal)
          .then((all) => this.#outcomes(all));
        return readings;
      },
      get notWatched() {
        return sessions.notWatched;
      },
    };
    this.#sources.set(visit, source);
    return source;
  }

  #commandsFor(node: RedisNode, facts: ServerFacts): Command[] {
    const asked = { node, facts, masters: this.#sessions.masters, settings: this.#target.watch };
    const all = [infoCommand, ...this.#families.flatMap((one) => one.commands?.(asked) ?? [])];
    return [...new Map(all.map((command) => [command.join(' '), command])).values()];
  }

  #outcomes(all: readonly NodeAnswers[]): NodeOutcome[] {
    const memories = new Map<string, NodeMemory>();
    const outcomes = all.map((answers): NodeOutcome => {
      const before = this.#memories.get(answers.node.name);
      if ('error' in answers) {
        if (before !== undefined) memories.set(answers.node.name, before);
        return answers;
      }
      const memory = before ?? { runId: '' };
      memories.set(answers.node.name, memory);
      const reading = new NodeReading(answers, {
        settings: this.#target.watch,
        memory,
        database: this.#target.access.database,
      });
      return { node: answers.node, reading, failedFamilies: 0 };
    });
    this.#memories = memories;
    return outcomes;
  }
}
