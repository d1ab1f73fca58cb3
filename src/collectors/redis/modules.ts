import { metric, sample } from '../../core/metric.ts';
import type { Command } from '../../targets/redis/connection.ts';
import { parseFields } from '../../targets/redis/info.ts';
import type { RedisFamily } from './source.ts';

const moduleInfo = metric({
  name: 'redis_module_info',
  type: 'info',
  help: 'Always 1; the labels tell a module that is loaded.',
  labels: ['name', 'ver', 'api', 'filters', 'usedby', 'using'],
  source: 'INFO modules',
  unit: 'info',
});

const modulesCommand: Command = ['INFO', 'MODULES'];

export const modules: RedisFamily = {
  name: 'modules',
  about: 'Modules that are loaded.',
  metrics: [moduleInfo],
  enabledByDefault: false,
  commands: () => [modulesCommand],
  read(reading) {
    const lines = String(reading.reply(modulesCommand)).split('\n');
    return lines.flatMap((line) => {
      if (!line.startsWith('module:')) return [];
      const fields = parseFields(line.slice('module:'.length).trimEnd());
      const label = (name: string) => (fields.get(name) ?? '').replace(/^\[(.*)\]$/, '$1');
      return [
        sample(moduleInfo, 1, {
          name: label('name'),
          ver: label('ver'),
          api: label('api'),
          filters: label('filters'),
          usedby: label('usedby'),
          using: label('using'),
        }),
      ];
    });
  },
};
