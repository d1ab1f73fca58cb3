import { metric, sample } from '../../core/metric.ts';
import { samplesOfCloudwatch } from '../cloudwatch/family.ts';
import type { LambdaCollector } from './source.ts';

const ratio = metric({
  name: 'lambda_error_ratio',
  type: 'gauge',
  help: 'Invocations that failed of all invocations in the newest period; absent when there was none.',
  labels: ['function'],
  source: 'CloudWatch AWS/Lambda, Sum of Errors divided by Sum of Invocations',
  unit: 'ratio',
});

export const errorRate: LambdaCollector = {
  name: 'error_rate',
  about: 'Failed part of the invocations. Needs the family invocations.',
  scope: 'server',
  metrics: [ratio],
  enabledByDefault: true,
  collect: (source, context) =>
    samplesOfCloudwatch(source, context, async (memory, nowMs) => {
      const { value: functions } = await source.functions.read(context.signal);
      return [...functions.described].flatMap(([name, { FunctionArn = '' }]) => {
        const subject = { kind: 'function', name: FunctionArn, values: [name] };
        const invocations = memory.value('Invocations', subject, 'Sum', nowMs) ?? 0;
        const errors = memory.value('Errors', subject, 'Sum', nowMs);
        if (errors === undefined || invocations === 0) return [];
        return [sample(ratio, errors / invocations, { function: name })];
      });
    }),
};
