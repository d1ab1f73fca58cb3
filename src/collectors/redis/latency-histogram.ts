import { metric, type Sample } from '../../core/metric.ts';
import type { Reply } from '../../targets/redis/connection.ts';
import { fieldsOf } from '../../targets/redis/topology.ts';
import { callsOf } from './command-stats.ts';
import { renamed } from './commands.ts';
import type { RedisFamily } from './source.ts';

const histogram = metric({
  name: 'redis_commands_latencies_usec',
  type: 'histogram',
  help: 'Calls of the command by the microseconds that they took. Bounds are powers of two and differ between commands; the sum is that of commandstats.',
  labels: ['cmd'],
  source: 'LATENCY HISTOGRAM; INFO commandstats: usec',
  unit: 'microseconds',
});

export const latencyHistogram: RedisFamily = {
  name: 'latency_histogram',
  about:
    'How long commands took, as histograms that can be summed up over servers; from Redis 7.0 on, unless `latency-tracking` is off.',
  metrics: [histogram],
  enabledByDefault: true,
  commands: ({ settings, facts }) => (facts.isBefore(7) ? [] : [renamed(settings, 'LATENCY', 'HISTOGRAM')]),
  read(reading) {
    const reply = reading.reply(renamed(reading.settings, 'LATENCY', 'HISTOGRAM'));
    const calls = callsOf(reading.info);
    return pairsOf(reply).flatMap(([cmd, about]) => histogramSamples(cmd, about, calls.get(cmd)?.usec));
  },
};

/** `[name, value, name, value, …]` */
function pairsOf(reply: Reply | undefined): [string, Reply][] {
  if (!Array.isArray(reply)) return [];
  const pairs: [string, Reply][] = [];
  for (let index = 0; index + 1 < reply.length; index += 2) pairs.push([String(reply[index]), reply[index + 1]]);
  return pairs;
}

/** Calls up to each bound, all of them, and their time; nothing for a command whose time is not known. */
function histogramSamples(cmd: string, about: Reply, usec: number | undefined): Sample[] {
  const parts = new Map(pairsOf(about));
  const count = Number(parts.get('calls'));
  if (Number.isNaN(count) || usec === undefined) return [];
  const buckets = [...fieldsOf(parts.get('histogram_usec'))];
  const bucket = (le: string, value: number): Sample => ({
    metric: histogram,
    labelValues: [cmd],
    suffix: '_bucket',
    extraLabel: ['le', le],
    value,
  });
  return [
    ...buckets.map(([bound, calls]) => bucket(bound, Number(calls))),
    bucket('+Inf', count),
    { metric: histogram, labelValues: [cmd], suffix: '_sum', value: usec },
    { metric: histogram, labelValues: [cmd], suffix: '_count', value: count },
  ];
}
