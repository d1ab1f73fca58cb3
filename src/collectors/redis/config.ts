import { type Metric, metric, type Sample, sample } from '../../core/metric.ts';
import { configCommand, configValue } from './commands.ts';
import type { RedisFamily } from './source.ts';

function setting(
  parameter: string,
  unit: string,
  help: string,
): { readonly parameter: string; readonly metric: Metric<never> } {
  const name = `redis_config_${parameter.replaceAll('-', '_')}`;
  return {
    parameter,
    metric: metric({ name, type: 'gauge', help, labels: [], source: `CONFIG GET ${parameter}`, unit }),
  };
}

const settings = [
  setting('maxmemory', 'bytes', 'Setting maxmemory: limit of used memory; 0 when there is none.'),
  setting('maxclients', 'connections', 'Setting maxclients: limit of connections.'),
  setting('io-threads', 'threads', 'Setting io-threads: threads for reading and writing.'),
  setting('repl-backlog-size', 'bytes', 'Setting repl-backlog-size.'),
];

const bufferLimit = metric({
  name: 'redis_config_client_output_buffer_limit_bytes',
  type: 'gauge',
  help: 'Setting client-output-buffer-limit: a client of this class is cut off at the hard limit; 0 for no limit.',
  labels: ['class', 'limit'],
  source: 'CONFIG GET client-output-buffer-limit',
  unit: 'bytes',
});
const bufferSeconds = metric({
  name: 'redis_config_client_output_buffer_limit_overcome_seconds',
  type: 'gauge',
  help: 'Setting client-output-buffer-limit: seconds that a client of this class may be above its soft limit.',
  labels: ['class', 'limit'],
  source: 'CONFIG GET client-output-buffer-limit',
  unit: 'seconds',
});

const bufferParameter = 'client-output-buffer-limit';
const parameters = [...settings.map(({ parameter }) => parameter), bufferParameter];

export const config: RedisFamily = {
  name: 'config',
  about:
    'Limits in the server’s configuration. Does not apply where CONFIG is not to be had, as with most managed services.',
  metrics: [...settings.map((one) => one.metric), bufferLimit, bufferSeconds],
  enabledByDefault: true,
  commands: ({ settings: watch }) => parameters.map((parameter) => configCommand(watch, parameter)),
  read(reading) {
    const told = (parameter: string) => configValue(reading.reply(configCommand(reading.settings, parameter)));
    return [
      ...settings.flatMap(({ parameter, metric: of }) => {
        const value = told(parameter);
        return value === undefined ? [] : [sample(of, Number(value), {})];
      }),
      ...bufferSamples(told(bufferParameter) ?? ''),
    ];
  },
};

/** `normal 0 0 0 slave 268435456 67108864 60 …`: class, hard limit, soft limit, seconds. */
function bufferSamples(text: string): Sample[] {
  const words = text.split(' ');
  const samples: Sample[] = [];
  for (let index = 0; index + 3 < words.length; index += 4) {
    const [name = '', hard, soft, seconds] = words.slice(index, index + 4);
    samples.push(
      sample(bufferLimit, Number(hard), { class: name, limit: 'hard' }),
      sample(bufferLimit, Number(soft), { class: name, limit: 'soft' }),
      sample(bufferSeconds, Number(seconds), { class: name, limit: 'soft' }),
    );
  }
  return samples;
}
