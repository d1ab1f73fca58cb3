import { type Metric, metric, type Sample, sample } from '../../core/metric.ts';
import type { Command, Reply } from '../../targets/redis/connection.ts';
import { parseNumber } from '../../targets/redis/info.ts';
import { fieldsOf } from '../../targets/redis/topology.ts';
import { renamed } from './commands.ts';
import type { RedisFamily } from './source.ts';

/** The settings that one command tells. */
interface ConfigMetrics {
  readonly numeric: Metric<'key'>;
  readonly text: Metric<'key' | 'value'>;
}

function declare(prefix: string, source: string): ConfigMetrics {
  return {
    numeric: metric({
      name: `${prefix}_value`,
      type: 'gauge',
      help: 'Value of a setting that is a number.',
      labels: ['key'],
      source,
      unit: 'value',
    }),
    text: metric({
      name: `${prefix}_key_value`,
      type: 'gauge',
      help: 'Always 1; the labels tell a setting and its value. Those that hold passwords, or may, are left out.',
      labels: ['key', 'value'],
      source,
      unit: 'info',
    }),
  };
}

const ofServer = declare('redis_config', 'CONFIG GET *');
const ofSentinel = declare('redis_sentinel_config', 'SENTINEL CONFIG GET *');

/** requirepass, masterauth, tls-key-file-pass, sentinel-pass, user lines, commands to run. */
const secret = /pass|auth|secret|user|key-file|notify|script/i;

export const configValues: RedisFamily = {
  name: 'config_values',
  about:
    'Every setting of the server. The server sends its passwords along, which are dropped at once: switch it on where connections are safe.',
  metrics: [ofServer.numeric, ofServer.text],
  enabledByDefault: false,
  commands: ({ settings }) => [renamed(settings, 'CONFIG', 'GET', '*')],
  read: (reading) => configSamples(ofServer, reading.reply(renamed(reading.settings, 'CONFIG', 'GET', '*'))),
};

const sentinelCommand: Command = ['SENTINEL', 'CONFIG', 'GET', '*'];

export const sentinelConfigValues: RedisFamily = {
  name: 'sentinel_config_values',
  about:
    'Every setting of each Sentinel, from version 6.2 on; for `mode: sentinel`. For passwords see `config_values`.',
  kind: 'sentinel',
  metrics: [ofSentinel.numeric, ofSentinel.text],
  enabledByDefault: false,
  commands: ({ node }) => (node.kind === 'sentinel' ? [sentinelCommand] : []),
  read: (reading) => configSamples(ofSentinel, reading.reply(sentinelCommand)),
};

function configSamples({ numeric, text }: ConfigMetrics, reply: Reply): Sample[] {
  return [...fieldsOf(reply)].flatMap(([key, value]) => {
    if (secret.test(key)) return [];
    const number = parseNumber(value);
    const told = sample(text, 1, { key, value });
    return number === undefined ? [told] : [sample(numeric, number, { key }), told];
  });
}
