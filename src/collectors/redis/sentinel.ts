import { type Metric, metric, type Sample, sample } from '../../core/metric.ts';
import { type Command, RedisError } from '../../targets/redis/connection.ts';
import { parseFields } from '../../targets/redis/info.ts';
import {
  recordsOf,
  sentinelMastersCommand,
  sentinelPeersCommand,
  sentinelReplicasCommand,
} from '../../targets/redis/topology.ts';
import { fieldSamples, metricsOf, section } from './fields.ts';
import type { NodeReading, RedisFamily } from './source.ts';

const { gauge } = section('sentinel');

const fields = [
  gauge('sentinel_masters', 'masters', 'Masters that the Sentinel watches.'),
  gauge(
    'sentinel_tilt',
    'boolean',
    'Whether the Sentinel is in tilt: its clock jumped, and it does nothing for a while.',
  ),
  gauge('sentinel_running_scripts', 'scripts', 'Scripts that run now.'),
  gauge('sentinel_scripts_queue_length', 'scripts', 'Scripts that wait.'),
  gauge('sentinel_simulate_failure_flags', 'flags', 'Failures that the Sentinel was told to simulate.'),
];

const ofMaster = ['master_name', 'master_address'] as const;
type MasterLabels = Readonly<Record<(typeof ofMaster)[number], string>>;

function about(name: string, unit: string, help: string, source: string): Metric<(typeof ofMaster)[number]> {
  return metric({ name: `redis_sentinel_master_${name}`, type: 'gauge', help, labels: ofMaster, source, unit });
}

const status = metric({
  name: 'redis_sentinel_master_status',
  type: 'gauge',
  help: 'Whether the master is up, as this Sentinel sees it. The label tells the state, so each state is a series of its own; see redis_sentinel_master_up.',
  labels: [...ofMaster, 'master_status'],
  source: 'INFO sentinel: masterN status',
  unit: 'boolean',
});
const up = metric({
  name: 'redis_sentinel_master_up',
  type: 'gauge',
  help: 'Whether the master of this name is up, as this Sentinel sees it. A failover does not change the series.',
  labels: ['master_name'],
  source: 'INFO sentinel: masterN status',
  unit: 'boolean',
});
const quorum = metric({
  name: 'redis_sentinel_master_ckquorum_status',
  type: 'gauge',
  help: 'Whether enough Sentinels are there to agree on a failover. The label tells the first word of the answer.',
  labels: ['master_name', 'message'],
  source: 'SENTINEL CKQUORUM',
  unit: 'boolean',
});
const replicas = about('slaves', 'replicas', 'Replicas that the Sentinel knows.', 'INFO sentinel: masterN slaves');
const sentinels = about(
  'sentinels',
  'sentinels',
  'Sentinels that watch the master, this one included.',
  'INFO sentinel: masterN sentinels',
);
const replicasUp = about(
  'ok_slaves',
  'replicas',
  'Replicas that are up, as this Sentinel sees them.',
  'SENTINEL SLAVES: flags',
);
const sentinelsUp = about(
  'ok_sentinels',
  'sentinels',
  'Sentinels that are up, this one included.',
  'SENTINEL SENTINELS: flags',
);

/** Fields of SENTINEL MASTERS. */
const settings = [
  {
    field: 'quorum',
    factor: 1,
    metric: about(
      'setting_ckquorum',
      'sentinels',
      'Sentinels that must agree that the master is down.',
      'SENTINEL MASTERS: quorum',
    ),
  },
  {
    field: 'failover-timeout',
    factor: 1,
    metric: about(
      'setting_failover_timeout',
      'milliseconds',
      'Milliseconds until a failover that does not end is tried again.',
      'SENTINEL MASTERS: failover-timeout',
    ),
  },
  {
    field: 'parallel-syncs',
    factor: 1,
    metric: about(
      'setting_parallel_syncs',
      'replicas',
      'Replicas that are synchronised with a new master at the same time.',
      'SENTINEL MASTERS: parallel-syncs',
    ),
  },
  {
    field: 'down-after-milliseconds',
    factor: 1,
    metric: about(
      'setting_down_after_milliseconds',
      'milliseconds',
      'Milliseconds without an answer after which the master counts as down.',
      'SENTINEL MASTERS: down-after-milliseconds',
    ),
  },
  {
    field: 'config-epoch',
    factor: 1,
    metric: about('config_epoch', 'epoch', 'Grows by one with each failover.', 'SENTINEL MASTERS: config-epoch'),
  },
  {
    field: 'last-ok-ping-reply',
    factor: 0.001,
    metric: about(
      'last_ok_ping_reply_seconds',
      'seconds',
      'Seconds since the master last answered.',
      'SENTINEL MASTERS: last-ok-ping-reply',
    ),
  },
];

const quorumCommand = (name: string): Command => ['SENTINEL', 'CKQUORUM', name];

export const sentinel: RedisFamily = {
  name: 'sentinel',
  about: 'What each Sentinel thinks of the masters it watches; for `mode: sentinel`.',
  kind: 'sentinel',
  metrics: [
    ...metricsOf(fields),
    status,
    up,
    quorum,
    replicas,
    sentinels,
    replicasUp,
    sentinelsUp,
    ...settings.map((one) => one.metric),
  ],
  enabledByDefault: true,
  commands: ({ node, masters }) =>
    node.kind !== 'sentinel'
      ? []
      : [
          sentinelMastersCommand,
          ...masters.flatMap((name) => [
            sentinelReplicasCommand(name),
            sentinelPeersCommand(name),
            quorumCommand(name),
          ]),
        ],
  read: (reading) => [
    ...fieldSamples(reading.info, fields),
    ...reading.info
      .startingWith('master')
      .flatMap(([rest, text]) => (/^\d+$/.test(rest) ? statusSamples(parseFields(text)) : [])),
    ...recordsOf(reading.reply(sentinelMastersCommand)).flatMap((master) => masterSamples(reading, master)),
  ],
};

/** `name=mymaster,status=ok,address=127.0.0.1:6379,slaves=2,sentinels=3` */
function statusSamples(master: ReadonlyMap<string, string>): Sample[] {
  const labels = { master_name: master.get('name') ?? '', master_address: master.get('address') ?? '' };
  const state = master.get('status') ?? '';
  const isUp = Number(state === 'ok');
  return [
    sample(status, isUp, { ...labels, master_status: state }),
    sample(up, isUp, { master_name: labels.master_name }),
    sample(replicas, Number(master.get('slaves')), labels),
    sample(sentinels, Number(master.get('sentinels')), labels),
  ];
}

function masterSamples(reading: NodeReading, master: ReadonlyMap<string, string>): Sample[] {
  const name = master.get('name') ?? '';
  const labels = { master_name: name, master_address: `${master.get('ip')}:${master.get('port')}` };
  return [
    ...settings.flatMap(({ field, factor, metric: of }) => {
      const value = master.get(field);
      return value === undefined ? [] : [sample(of, Number(value) * factor, labels)];
    }),
    ...healthySamples(reading, name, labels),
    ...quorumSamples(reading, name),
  ];
}

/** A master that is new to us was not asked about in this scrape. */
function healthySamples(reading: NodeReading, name: string, labels: MasterLabels): Sample[] {
  const up = (command: Command) => {
    const reply = reading.optionalReply(command);
    return reply === undefined ? undefined : recordsOf(reply).filter((one) => !isDown(one.get('flags') ?? '')).length;
  };
  const replicaCount = up(sentinelReplicasCommand(name));
  const peers = up(sentinelPeersCommand(name));
  return [
    ...(replicaCount === undefined ? [] : [sample(replicasUp, replicaCount, labels)]),
    ...(peers === undefined ? [] : [sample(sentinelsUp, peers + 1, labels)]),
  ];
}

function isDown(flags: string): boolean {
  return flags.split(',').some((flag) => flag === 's_down' || flag === 'o_down' || flag === 'disconnected');
}

function quorumSamples(reading: NodeReading, name: string): Sample[] {
  const answer = reading.answer(quorumCommand(name));
  if (answer === undefined) return [];
  const text = answer instanceof RedisError ? answer.message : String(answer);
  // The rest of the answer holds numbers: it would make a new series for each.
  const message = text.split(' ')[0] ?? '';
  if (message === 'NOPERM') return [];
  return [sample(quorum, Number(message === 'OK'), { master_name: name, message })];
}
