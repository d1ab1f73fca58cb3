import { type Metric, metric, sample } from '../../core/metric.ts';
import type { Command } from '../../targets/redis/connection.ts';
import { Info } from '../../targets/redis/info.ts';
import { type FieldMetric, fieldSamples, metricsOf } from './fields.ts';
import type { RedisFamily } from './source.ts';

function field(type: 'gauge' | 'counter', name: string, as: string, unit: string, help: string): FieldMetric {
  const of: Metric<never> = metric({
    name: `redis_${as}`,
    type,
    help,
    labels: [],
    source: `CLUSTER INFO: ${name}`,
    unit,
  });
  return { field: name, metric: of };
}

const enabled = metric({
  name: 'redis_cluster_enabled',
  type: 'gauge',
  help: 'Whether the server is a node of a cluster.',
  labels: [],
  source: 'INFO cluster: cluster_enabled',
  unit: 'boolean',
});
const state = metric({
  name: 'redis_cluster_state',
  type: 'gauge',
  help: 'Whether the cluster works, as this node sees it.',
  labels: [],
  source: 'CLUSTER INFO: cluster_state',
  unit: 'boolean',
});

/** Every number is what the asked node believes: it cannot be summed up over nodes. */
const view = [
  field(
    'gauge',
    'cluster_slots_assigned',
    'cluster_slots_assigned',
    'slots',
    'Slots that have a node; 16384 in a whole cluster.',
  ),
  field('gauge', 'cluster_slots_ok', 'cluster_slots_ok', 'slots', 'Slots whose node works.'),
  field('gauge', 'cluster_slots_pfail', 'cluster_slots_pfail', 'slots', 'Slots whose node this node cannot reach.'),
  field(
    'gauge',
    'cluster_slots_fail',
    'cluster_slots_fail',
    'slots',
    'Slots whose node is down, as the majority says.',
  ),
  field('gauge', 'cluster_known_nodes', 'cluster_known_nodes', 'nodes', 'Nodes that this node knows.'),
  field('gauge', 'cluster_size', 'cluster_size', 'nodes', 'Masters with slots.'),
  field('gauge', 'cluster_current_epoch', 'cluster_current_epoch', 'epoch', 'Highest epoch that this node has seen.'),
  field('gauge', 'cluster_my_epoch', 'cluster_my_epoch', 'epoch', 'Epoch of the configuration of this node.'),
  field(
    'counter',
    'cluster_stats_messages_sent',
    'cluster_messages_sent_total',
    'messages',
    'Messages sent over the cluster bus.',
  ),
  field(
    'counter',
    'cluster_stats_messages_received',
    'cluster_messages_received_total',
    'messages',
    'Messages received over the cluster bus.',
  ),
  field(
    'counter',
    'total_cluster_links_buffer_limit_exceeded',
    'cluster_links_buffer_limit_exceeded_total',
    'links',
    'Links that were cut because their buffer was full; from Redis 7.0 on.',
  ),
];

/** https://redis.io/docs/latest/commands/cluster-info/ */
const messageTypes = [
  'ping',
  'pong',
  'meet',
  'fail',
  'publish',
  'publishshard',
  'auth-req',
  'auth-ack',
  'update',
  'mfstart',
  'module',
];
const messages = messageTypes.flatMap((type) =>
  (['sent', 'received'] as const).map((direction) => {
    const name = `cluster_stats_messages_${type}_${direction}`;
    const help = `Messages of type ${type} that were ${direction} over the cluster bus. A counter whose name does not say so.`;
    return field('counter', name, name.replace('-', '_'), 'messages', help);
  }),
);

const infoOfCluster: Command = ['CLUSTER', 'INFO'];
const fields = [...view, ...messages];

export const cluster: RedisFamily = {
  name: 'cluster',
  about: 'State of the cluster as each node sees it; for servers in cluster mode.',
  metrics: [enabled, state, ...metricsOf(fields)],
  enabledByDefault: true,
  commands: ({ facts }) => (facts.isClusterNode ? [infoOfCluster] : []),
  read(reading) {
    const isEnabled = reading.info.number('cluster_enabled');
    if (isEnabled !== 1) return isEnabled === undefined ? [] : [sample(enabled, isEnabled, {})];
    const about = Info.parse(String(reading.reply(infoOfCluster)));
    return [
      sample(enabled, 1, {}),
      sample(state, Number(about.text('cluster_state') === 'ok'), {}),
      ...fieldSamples(about, fields),
    ];
  },
};
