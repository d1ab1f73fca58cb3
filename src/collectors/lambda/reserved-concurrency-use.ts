import { metric, sample } from '../../core/metric.ts';
import { samplesOfCloudwatch } from '../cloudwatch/family.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import type { LambdaCollector } from './source.ts';

const used = metric({
  name: 'lambda_function_reserved_concurrency_used_ratio',
  type: 'gauge',
  help: 'Most invocations of the function at the same time in the newest period, of those that are reserved for it; at 1 more are refused. Absent where nothing is reserved or nothing ran.',
  labels: ['function'],
  source: 'CloudWatch AWS/Lambda, Maximum of ConcurrentExecutions divided by what GetFunctionConcurrency gives',
  unit: 'ratio',
});

export const reservedConcurrencyUse: LambdaCollector = {
  name: 'reserved_concurrency_use',
  about: 'Share of the reserved concurrency that functions use. Needs the family concurrency.',
  scope: 'server',
  metrics: [used],
  enabledByDefault: true,
  collect: (source, context) =>
    samplesOfCloudwatch(source, context, async (memory, nowMs) => {
      const { value: functions } = await source.functions.read(context.signal);
      return await samplesOf(source.reserved, context, (reserved) =>
        [...reserved].flatMap(([name, limit]) => {
          const subject = { kind: 'function', name: functions.described.get(name)?.FunctionArn ?? '', values: [name] };
          const most = memory.value('ConcurrentExecutions', subject, 'Maximum', nowMs);
          return most === undefined || limit === 0 ? [] : [sample(used, most / limit, { function: name })];
        }),
      );
    }),
};
