import { metric, sample } from '../../core/metric.ts';
import { parseNumber } from '../../targets/redis/info.ts';
import { fieldsOf } from '../../targets/redis/topology.ts';
import { renamed } from './commands.ts';
import type { RedisFamily } from './source.ts';

const numeric = metric({
  name: 'redis_config_value',
  type: 'gauge',
  help: 'Value of a setting that is a number.',
  labels: ['key'],
  source: 'CONFIG GET *',
  unit: 'value',
});
const text = metric({
  name: 'redis_config_key_value',
  type: 'gauge',
  help: 'Always 1; the labels tell a setting and its value. Those that hold passwords, or may, are left out.',
  labels: ['key', 'value'],
  source: 'CONFIG GET *',
  unit: 'info',
});

/** requirepass, masterauth, tls-key-file-pass, sentinel-pass, user lines, commands to run. */
const secret = /pass|auth|secret|user|key-file|notify|script/i;

export const configValues: RedisFamily = {
  name: 'config_values',
  about:
    'Every setting of the server. The server sends its passwords along, which are dropped at once: switch it on where connections are safe.',
  metrics: [numeric, text],
  enabledByDefault: false,
  commands: ({ settings }) => [renamed(settings, 'CONFIG', 'GET', '*')],
  read(reading) {
    const all = fieldsOf(reading.reply(renamed(reading.settings, 'CONFIG', 'GET', '*')));
    return [...all].flatMap(([key, value]) => {
      if (secret.test(key)) return [];
      const number = parseNumber(value);
      const told = sample(text, 1, { key, value });
      return number === undefined ? [told] : [sample(numeric, number, { key }), told];
    });
  },
};
