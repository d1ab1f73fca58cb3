import { type Metric, metric, sample } from '../../core/metric.ts';
import type { Command } from '../../targets/redis/connection.ts';
import { configCommand, configValue } from './commands.ts';
import type { RedisFamily } from './source.ts';

function gauge(name: string, unit: string, help: string, source: string): Metric<never> {
  return metric({ name: `redis_commandlog_${name}`, type: 'gauge', help, labels: [], source, unit });
}

const logs = ['slow', 'large-request', 'large-reply'] as const;
const lengths = logs.map((log) => ({
  command: ['COMMANDLOG', 'LEN', log] satisfies Command,
  metric: gauge(
    `${log.replace('-', '_')}_length`,
    'entries',
    `Entries in the log of kind ${log}.`,
    `COMMANDLOG LEN ${log}`,
  ),
}));

const limits = [
  ['execution-slower-than', 'microseconds', 'Commands that take more microseconds are logged; below 0 none.'],
  ['slow-execution-max-len', 'entries', 'Most entries of the log of slow commands.'],
  ['request-larger-than', 'bytes', 'Requests with more bytes are logged; below 0 none.'],
  ['large-request-max-len', 'entries', 'Most entries of the log of large requests.'],
  ['reply-larger-than', 'bytes', 'Replies with more bytes are logged; below 0 none.'],
  ['large-reply-max-len', 'entries', 'Most entries of the log of large replies.'],
].map(([name = '', unit = '', help = '']) => ({
  parameter: `commandlog-${name}`,
  metric: gauge(name.replaceAll('-', '_'), unit, help, `CONFIG GET commandlog-${name}`),
}));

export const commandlog: RedisFamily = {
  name: 'commandlog',
  about: 'Slow commands, large requests and large replies, as Valkey logs them from 8.1 on.',
  metrics: [...lengths, ...limits].map((one) => one.metric),
  enabledByDefault: true,
  commands: ({ settings, facts }) =>
    facts.product === 'Valkey' && !facts.isBefore(8, 1)
      ? [...lengths.map(({ command }) => command), ...limits.map(({ parameter }) => configCommand(settings, parameter))]
      : [],
  read: (reading) => [
    ...lengths.map(({ command, metric: of }) => sample(of, Number(reading.reply(command)), {})),
    ...limits.flatMap(({ parameter, metric: of }) => {
      const value = configValue(reading.optionalReply(configCommand(reading.settings, parameter)));
      return value === undefined ? [] : [sample(of, Number(value), {})];
    }),
  ],
};
