import { metric, type Sample } from '../../core/metric.ts';
import { parseFields, parseNumber } from '../../targets/redis/info.ts';
import { NotApplicable } from '../collector.ts';
import { type Calls, callsOf } from './command-stats.ts';
import type { RedisFamily } from './source.ts';

const percentiles = metric({
  name: 'redis_latency_percentiles_usec',
  type: 'summary',
  help: 'Microseconds that calls of the command took, since the start of the server. The label quantile is in percent (50, 99, 99.9) as redis_exporter has it; see redis_commands_latency_seconds.',
  labels: ['cmd'],
  source: 'INFO latencystats: latency_percentiles_usec_*; commandstats',
  unit: 'microseconds',
});

const seconds = metric({
  name: 'redis_commands_latency_seconds',
  type: 'summary',
  help: 'Seconds that calls of the command took, since the start of the server; quantiles are 0.5, 0.99, 0.999. They cannot be summed up over servers, redis_commands_latencies_usec can.',
  labels: ['cmd'],
  source: 'INFO latencystats: latency_percentiles_usec_*; commandstats',
  unit: 'seconds',
});

export const latency: RedisFamily = {
  name: 'latency_percentiles',
  about:
    'How long commands took, as percentiles since the start of the server; from Redis 7.0 on, unless `latency-tracking` is off.',
  metrics: [percentiles, seconds],
  enabledByDefault: true,
  read({ info }) {
    const lines = info.startingWith('latency_percentiles_usec_');
    if (lines.length === 0) throw new NotApplicable('the server tells no percentiles');
    const calls = callsOf(info);
    return lines.flatMap(([cmd, text]) => [...percentileSamples(cmd, text), ...totals(cmd, calls.get(cmd))]);
  },
};

function percentileSamples(cmd: string, text: string): Sample[] {
  return [...parseFields(text)].flatMap(([name, value]) => {
    const percent = name.slice(1);
    const usec = parseNumber(value);
    const share = parseNumber(percent);
    if (!name.startsWith('p') || usec === undefined || share === undefined) return [];
    // 99.9 / 100 is 0.9990000000000001.
    const quantile = String(Number((share / 100).toFixed(6)));
    return [
      { metric: percentiles, labelValues: [cmd], value: usec, extraLabel: ['quantile', percent] as const },
      { metric: seconds, labelValues: [cmd], value: usec / 1_000_000, extraLabel: ['quantile', quantile] as const },
    ];
  });
}

function totals(cmd: string, spent: Calls | undefined): Sample[] {
  if (spent === undefined) return [];
  return [
    { metric: percentiles, labelValues: [cmd], suffix: '_sum', value: spent.usec },
    { metric: percentiles, labelValues: [cmd], suffix: '_count', value: spent.calls },
    { metric: seconds, labelValues: [cmd], suffix: '_sum', value: spent.usec / 1_000_000 },
    { metric: seconds, labelValues: [cmd], suffix: '_count', value: spent.calls },
  ];
}
