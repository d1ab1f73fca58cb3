import { type Metric, metric, type Sample } from '../../core/metric.ts';
import type { Info } from '../../targets/redis/info.ts';
import { NotApplicable } from '../collector.ts';
import { scaled } from './fields.ts';
import type { RedisFamily } from './source.ts';

const prefix = 'cmdstat_';

function perCommand(name: string, unit: string, help: string, field: string): Metric {
  const source = `INFO commandstats: ${field}`;
  return metric({ name: `redis_${name}`, type: 'counter', help, labels: ['cmd'], source, unit });
}

/** What each line tells of a command. */
const columns = [
  { field: 'calls', factor: 1, metric: perCommand('commands_total', 'calls', 'Calls of the command.', 'calls') },
  {
    field: 'usec',
    factor: 0.000_001,
    metric: perCommand('commands_duration_seconds_total', 'seconds', 'CPU time of the command.', 'usec'),
  },
  {
    field: 'rejected_calls',
    factor: 1,
    metric: perCommand(
      'commands_rejected_calls_total',
      'calls',
      'Calls that were refused before they ran: no permission, wrong arguments, no memory; from Redis 6.2 on.',
      'rejected_calls',
    ),
  },
  {
    field: 'failed_calls',
    factor: 1,
    metric: perCommand(
      'commands_failed_calls_total',
      'calls',
      'Calls that ran and ended with an error; from Redis 6.2 on.',
      'failed_calls',
    ),
  },
];

export const commandStats: RedisFamily = {
  name: 'commands',
  about: 'Calls, time and errors of each command that was ever called; sub-commands are `config|get`.',
  kind: 'any',
  metrics: columns.map((column) => column.metric),
  enabledByDefault: true,
  read({ info }) {
    const samples = info.recordsStartingWith(prefix).flatMap(([cmd, fields]) => commandSamples(cmd, fields));
    if (samples.length === 0) throw new NotApplicable('the server tells nothing of its commands');
    return samples;
  },
};

function commandSamples(cmd: string, fields: ReadonlyMap<string, string>): Sample[] {
  return columns.flatMap(({ field, factor, metric: of }) => {
    const value = fields.get(field);
    return value === undefined ? [] : [{ metric: of, labelValues: [cmd], value: scaled(Number(value), factor) }];
  });
}

export interface Calls {
  readonly calls: number;
  /** Microseconds. */
  readonly usec: number;
}

/** What every command took since the start of the server, or since CONFIG RESETSTAT. */
export function callsOf(info: Info): ReadonlyMap<string, Calls> {
  return new Map(
    info
      .recordsStartingWith(prefix)
      .map(([cmd, fields]) => [cmd, { calls: Number(fields.get('calls')), usec: Number(fields.get('usec')) }] as const),
  );
}
