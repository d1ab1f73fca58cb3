import { metric, sample } from '../../core/metric.ts';
import { parseFields } from '../../targets/redis/info.ts';
import { NotApplicable } from '../collector.ts';
import { fieldSamples, metricsOf, section } from './fields.ts';
import type { RedisFamily } from './source.ts';

const { gauge } = section('scriptingengines');

const totals = [
  gauge('engines_count', 'engines', 'Engines that run scripts.', { as: 'scripting_engines_count' }),
  gauge('engines_total_used_memory', 'bytes', 'Bytes that all engines use.', {
    as: 'scripting_engines_memory_used_bytes',
  }),
  gauge('engines_total_memory_overhead', 'bytes', 'Bytes that the server keeps for all engines.', {
    as: 'scripting_engines_memory_overhead_bytes',
  }),
];

function ofEngine(name: string, type: 'info' | 'gauge', unit: string, help: string) {
  const labels = ['engine', 'module', 'abi_version'] as const;
  return metric({ name, type, help, labels, source: 'INFO scriptingengines: engine_N', unit });
}

const engineInfo = ofEngine(
  'redis_scripting_engine_info',
  'info',
  'info',
  'Always 1; the labels tell what the engine is.',
);
const used = ofEngine('redis_scripting_engine_memory_used_bytes', 'gauge', 'bytes', 'Bytes that the engine uses.');
const overhead = ofEngine(
  'redis_scripting_engine_memory_overhead_bytes',
  'gauge',
  'bytes',
  'Bytes that the server keeps for the engine.',
);

export const scriptingEngines: RedisFamily = {
  name: 'scripting_engines',
  about: 'Engines that run scripts and what they use; from Valkey 9.1 on.',
  metrics: [...metricsOf(totals), engineInfo, used, overhead],
  enabledByDefault: true,
  read({ info }) {
    if (info.number('engines_count') === undefined) throw new NotApplicable('the server tells no engines');
    return [
      ...fieldSamples(info, totals),
      ...info.startingWith('engine_').flatMap(([, text]) => {
        const fields = parseFields(text);
        const labels = {
          engine: fields.get('name') ?? '',
          module: fields.get('module') ?? '',
          abi_version: fields.get('abi_version') ?? '',
        };
        return [
          sample(engineInfo, 1, labels),
          sample(used, Number(fields.get('used_memory')), labels),
          sample(overhead, Number(fields.get('memory_overhead')), labels),
        ];
      }),
    ];
  },
};
