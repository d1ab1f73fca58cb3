import { type Metric, metric, type Sample, sample } from '../../core/metric.ts';
import type { WorkContext } from '../../core/work-context.ts';
import { type Collector, NotApplicable } from '../collector.ts';
import type { Answered, NodeOutcome, RedisFamily, RedisSource } from './source.ts';

/** A family as a collector of a single server: its samples carry no `node`. */
export function serverCollector(family: RedisFamily): Collector<RedisSource> {
  return {
    ...describe(family, family.metrics),
    async collect(source, context) {
      const [outcome] = await source.readings(context);
      if (outcome === undefined) throw new NotApplicable('there is no node');
      if ('error' in outcome) throw outcome.error;
      if (!concerns(family, outcome)) throw new NotApplicable(`it is about servers of the kind ${family.kind}`);
      return family.read(outcome.reading, context);
    },
  };
}

/**
 * A family as a collector of a cluster, or of Sentinels and their servers: every sample carries the `node`. Nodes that
 * cannot be reached are left out, the family `nodes` tells of them; one that answers but fails is counted there. Where
 * all fail, the family does.
 */
export function nodesCollector(family: RedisFamily): Collector<RedisSource> {
  const declared = new Map(family.metrics.map((one) => [one, withNode(one)]));
  return {
    ...describe(family, [...declared.values()]),
    async collect(source, context) {
      const failures: unknown[] = [];
      const asked = (await source.readings(context)).filter(isAnswered).filter((outcome) => concerns(family, outcome));
      const given = await Promise.all(
        asked.map(async (outcome) => {
          const samples = await readNode(family, outcome, context, failures);
          return samples?.map((one) => atNode(one, declared, outcome.node.name));
        }),
      );
      if (given.some((samples) => samples !== undefined)) return given.flatMap((samples) => samples ?? []);
      throw failures[0] ?? new NotApplicable('no node has it');
    },
  };
}

function isAnswered(outcome: NodeOutcome): outcome is Answered {
  return !('error' in outcome);
}

/** Undefined where there is nothing to measure or the node fails. */
async function readNode(
  family: RedisFamily,
  outcome: Answered,
  context: WorkContext,
  failures: unknown[],
): Promise<readonly Sample[] | undefined> {
  try {
    return await family.read(outcome.reading, context);
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof NotApplicable)) {
      outcome.failedFamilies++;
      failures.push(error);
    }
    return undefined;
  }
}

function describe(family: RedisFamily, metrics: readonly Metric[]): Omit<Collector<RedisSource>, 'collect'> {
  const { name, about, enabledByDefault, minIntervalMs } = family;
  return {
    name,
    about,
    scope: 'server',
    metrics,
    enabledByDefault,
    ...(minIntervalMs === undefined ? {} : { minIntervalMs }),
  };
}

function concerns({ kind = 'data' }: RedisFamily, { node }: NodeOutcome): boolean {
  return kind === 'any' || kind === node.kind;
}

function withNode(of: Metric): Metric {
  return { ...of, labels: ['node', ...of.labels] };
}

function atNode(of: Sample, declared: ReadonlyMap<Metric, Metric>, node: string): Sample {
  const { metric: own, value, suffix, extraLabel } = of;
  const given = {
    // A metric that is not declared stays as it is, and the check of the samples tells it.
    metric: declared.get(own) ?? own,
    labelValues: [node, ...of.labelValues],
    value,
  };
  if (suffix === undefined && extraLabel === undefined) return given;
  return {
    ...given,
    ...(suffix === undefined ? {} : { suffix }),
    ...(extraLabel === undefined ? {} : { extraLabel }),
  };
}

const nodeUp = metric({
  name: 'redis_node_up',
  type: 'gauge',
  help: 'Whether the node lets us log in and answers: 0 also for a node that the others call failed, which is not tried then.',
  labels: ['node'],
  source: 'a login',
  unit: 'boolean',
});

const nodeInfo = metric({
  name: 'redis_node_info',
  type: 'info',
  help: 'Always 1; the labels tell the role (master, replica, sentinel, unknown) and the group: the name of the master in Sentinel, its id in a cluster.',
  labels: ['node', 'role', 'group'],
  source: 'CLUSTER NODES or SENTINEL MASTERS, SLAVES, SENTINELS; INFO replication: role',
  unit: 'info',
});

const failedFamilies = metric({
  name: 'redis_node_failed_families',
  type: 'gauge',
  help: 'Families that this node answered with an error while other nodes did not, e.g. because its user lacks a right.',
  labels: ['node'],
  source: 'the scrape',
  unit: 'families',
});

const notWatched = metric({
  name: 'redis_nodes_not_watched',
  type: 'gauge',
  help: 'Nodes that were found beyond watch.nodeLimit and are not asked.',
  labels: [],
  source: 'the scrape',
  unit: 'nodes',
});

/** Which nodes there are and whether they answer; only for clusters and Sentinels. */
export const nodes: Collector<RedisSource> = {
  name: 'nodes',
  about:
    'The nodes of a cluster, or the Sentinels and the servers they watch: role, group (the master’s name in Sentinel, the master’s id in a cluster), whether they answer. For `mode: cluster` and `mode: sentinel`.',
  scope: 'server',
  metrics: [nodeUp, nodeInfo, failedFamilies, notWatched],
  enabledByDefault: true,
  async collect(source: RedisSource, context: WorkContext) {
    const outcomes = await source.readings(context);
    return [
      ...outcomes.map((outcome) => sample(nodeUp, Number(isAnswered(outcome)), { node: outcome.node.name })),
      ...outcomes.map((outcome) => {
        const { name, role, group } = outcome.node;
        return sample(nodeInfo, 1, { node: name, role: roleOf(outcome) ?? role, group });
      }),
      ...outcomes
        .filter(isAnswered)
        .map((outcome) => sample(failedFamilies, outcome.failedFamilies, { node: outcome.node.name })),
      sample(notWatched, source.notWatched, {}),
    ];
  },
};

/** A node knows best what it is. */
function roleOf(outcome: NodeOutcome): string | undefined {
  if ('error' in outcome || outcome.node.kind === 'sentinel') return undefined;
  const role = outcome.reading.info.text('role');
  return role === 'slave' ? 'replica' : role;
}
