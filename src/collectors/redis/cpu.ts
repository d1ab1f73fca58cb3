import { metric, sample } from '../../core/metric.ts';
import { fieldSamples, metricsOf, section } from './fields.ts';
import type { RedisFamily } from './source.ts';

const { counter } = section('cpu');

const fields = [
  counter('used_cpu_sys', 'seconds', 'CPU time of the server in the kernel.', { as: 'cpu_sys_seconds_total' }),
  counter('used_cpu_user', 'seconds', 'CPU time of the server itself.', { as: 'cpu_user_seconds_total' }),
  counter('used_cpu_sys_children', 'seconds', 'CPU time of its children (snapshots, rewrites) in the kernel.', {
    as: 'cpu_sys_children_seconds_total',
  }),
  counter('used_cpu_user_children', 'seconds', 'CPU time of its children (snapshots, rewrites).', {
    as: 'cpu_user_children_seconds_total',
  }),
  counter('used_cpu_sys_main_thread', 'seconds', 'CPU time of the main thread in the kernel; from Redis 6.2 on.', {
    as: 'cpu_sys_main_thread_seconds_total',
  }),
  counter('used_cpu_user_main_thread', 'seconds', 'CPU time of the main thread; from Redis 6.2 on.', {
    as: 'cpu_user_main_thread_seconds_total',
  }),
  counter('used_active_time_main_thread', 'seconds', 'Seconds in which the main thread was busy; from Valkey 9.0 on.', {
    as: 'active_time_main_thread_seconds_total',
  }),
];

const threads = metric({
  name: 'redis_active_time_io_thread_seconds_total',
  type: 'counter',
  help: 'Seconds in which a thread for reading and writing was busy; from Valkey 9.0 on.',
  labels: ['thread'],
  source: 'INFO cpu: used_active_time_io_thread_N',
  unit: 'seconds',
});

export const cpu: RedisFamily = {
  name: 'cpu',
  about: 'CPU time of the server.',
  kind: 'any',
  metrics: [...metricsOf(fields), threads],
  enabledByDefault: true,
  read: ({ info }) => [
    ...fieldSamples(info, fields),
    ...info
      .startingWith('used_active_time_io_thread_')
      .map(([thread, value]) => sample(threads, Number(value), { thread })),
  ],
};
