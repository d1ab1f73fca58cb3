import { metric, sample } from '../../core/metric.ts';
import type { Info } from '../../targets/redis/info.ts';
import { fieldSamples, metricsOf, section } from './fields.ts';
import type { RedisFamily } from './source.ts';

const { gauge } = section('server');

const instanceInfo = metric({
  name: 'redis_instance_info',
  type: 'info',
  help: 'Always 1; the labels tell what the server is. run_id and process_id change with every restart, redis_version is 7.2.4 on any Valkey.',
  labels: [
    'role',
    'redis_version',
    'redis_build_id',
    'redis_mode',
    'os',
    'maxmemory_policy',
    'tcp_port',
    'run_id',
    'process_id',
    'master_replid',
    'valkey_version',
    'valkey_release_stage',
    'availability_zone',
  ],
  source: 'INFO server, replication, memory',
  unit: 'info',
});

const version = metric({
  name: 'redis_version_info',
  type: 'info',
  help: 'Always 1; the labels tell product and version, and nothing that changes with a restart.',
  labels: ['product', 'version'],
  source: 'INFO server: redis_version, valkey_version',
  unit: 'info',
});

const startTime = metric({
  name: 'redis_start_time_seconds',
  type: 'gauge',
  help: 'When the server was started, in seconds since 1970, by its own clock where it tells it.',
  labels: [],
  source: 'INFO server: server_time_usec, uptime_in_seconds',
  unit: 'seconds',
});

const fields = [
  gauge('uptime_in_seconds', 'seconds', 'Seconds since the server was started.'),
  gauge('process_id', 'id', 'Process id of the server.'),
  gauge('io_threads_active', 'boolean', 'Whether the threads for reading and writing are active.'),
  gauge(
    'configured_hz',
    'hertz',
    'Setting hz: how often a second the background work is done when nothing else tells.',
  ),
  gauge('hz', 'hertz', 'How often a second the server does its background work at present.'),
  gauge(
    'shutdown_in_milliseconds',
    'seconds',
    'Seconds that a shutdown still waits for replicas; none while it does not.',
    {
      as: 'shutdown_in_seconds',
      factor: 0.001,
    },
  ),
  gauge('server_threads', 'threads', 'Threads of the server; KeyDB only. The name ends like a counter.', {
    as: 'server_threads_total',
  }),
];

export const instance: RedisFamily = {
  name: 'instance',
  about: 'What the server is, its version and its start.',
  kind: 'any',
  metrics: [instanceInfo, version, startTime, ...metricsOf(fields)],
  enabledByDefault: true,
  read({ info }, { clock }) {
    const label = (name: string) => info.text(name) ?? '';
    return [
      sample(instanceInfo, 1, {
        role: label('role'),
        redis_version: label('redis_version'),
        redis_build_id: label('redis_build_id'),
        redis_mode: info.text('redis_mode') ?? label('server_mode'),
        os: label('os'),
        maxmemory_policy: label('maxmemory_policy'),
        tcp_port: label('tcp_port'),
        run_id: label('run_id'),
        process_id: label('process_id'),
        master_replid: label('master_replid'),
        valkey_version: label('valkey_version'),
        valkey_release_stage: label('valkey_release_stage'),
        availability_zone: label('availability_zone'),
      }),
      sample(version, 1, { product: info.product, version: info.version }),
      ...startSamples(info, clock.now().getTime()),
      ...fieldSamples(info, fields),
    ];
  },
};

function startSamples(info: Info, ourTimeMs: number) {
  const uptime = info.number('uptime_in_seconds');
  if (uptime === undefined) return [];
  const serverTime = info.number('server_time_usec');
  const nowSeconds = serverTime === undefined ? ourTimeMs / 1_000 : serverTime / 1_000_000;
  // Both are rounded down to whole seconds in turn, so the start may be off by one, but it does not waver by more.
  return [sample(startTime, Math.floor(nowSeconds) - uptime, {})];
}
