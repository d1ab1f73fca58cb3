import { metric, type Sample, sample } from '../../core/metric.ts';
import type { Command } from '../../targets/redis/connection.ts';
import { Info, parseFields } from '../../targets/redis/info.ts';
import { fieldSamples, metricsOf } from './fields.ts';
import { moduleFields } from './module-fields.ts';
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
  about: 'Modules that are loaded, and what those for searching, Bloom filters and JSON tell of themselves.',
  metrics: [moduleInfo, ...metricsOf(moduleFields)],
  enabledByDefault: false,
  commands: () => [modulesCommand],
  read(reading) {
    const text = String(reading.reply(modulesCommand));
    const loaded = text.split('\n').filter((line) => line.startsWith('module:'));
    return [...loaded.map(moduleSample), ...fieldSamples(Info.parse(text), moduleFields)];
  },
};

/** `module:name=search,ver=21005,api=1,filters=0,usedby=[],using=[ReJSON|other],options=[]` */
function moduleSample(line: string): Sample {
  const fields = parseFields(line.slice('module:'.length).trimEnd());
  const label = (name: string) => (fields.get(name) ?? '').replace(/^\[(.*)\]$/, '$1');
  return sample(moduleInfo, 1, {
    name: label('name'),
    ver: label('ver'),
    api: label('api'),
    filters: label('filters'),
    usedby: label('usedby'),
    using: label('using'),
  });
}
