import { metric, sample } from '../../core/metric.ts';
import { renamed } from './commands.ts';
import type { RedisFamily } from './source.ts';

function perEvent(name: string, unit: string, help: string) {
  return metric({ name, type: 'gauge', help, labels: ['event_name'], source: 'LATENCY LATEST', unit });
}

const last = perEvent(
  'redis_latency_spike_last',
  'seconds',
  'When the server last was slow at this, in seconds since 1970.',
);
const duration = perEvent('redis_latency_spike_duration_seconds', 'seconds', 'Seconds that it took that time.');
const longest = perEvent('redis_latency_spike_longest_seconds', 'seconds', 'Most seconds that it ever took.');

export const latencySpikes: RedisFamily = {
  name: 'latency_spikes',
  about: 'What held the server up (a fork, an fsync, a slow command), where `latency-monitor-threshold` is set.',
  metrics: [last, duration, longest],
  enabledByDefault: true,
  commands: ({ settings }) => [renamed(settings, 'LATENCY', 'LATEST')],
  read(reading) {
    const reply = reading.reply(renamed(reading.settings, 'LATENCY', 'LATEST'));
    if (!Array.isArray(reply)) return [];
    return reply.flatMap((event) => {
      if (!Array.isArray(event)) return [];
      const [name, at, lastMs, longestMs] = event;
      const labels = { event_name: String(name) };
      return [
        sample(last, Number(at), labels),
        sample(duration, Number(lastMs) / 1_000, labels),
        sample(longest, Number(longestMs) / 1_000, labels),
      ];
    });
  },
};
