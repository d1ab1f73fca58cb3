import { metric, sample } from '../../core/metric.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import type { LambdaCollector } from './source.ts';

const reserved = metric({
  name: 'lambda_function_reserved_concurrency',
  type: 'gauge',
  help: 'Invocations of the function at the same time that are set aside for it, and the most that it may have; at 0 it never runs. Absent where nothing is reserved.',
  labels: ['function'],
  source: 'GetFunctionConcurrency, ReservedConcurrentExecutions',
  unit: 'invocations',
});

export const reservedConcurrency: LambdaCollector = {
  name: 'reserved_concurrency',
  about:
    'Concurrency that functions have for themselves. One call for each function, none while the account has nothing reserved.',
  scope: 'server',
  metrics: [reserved],
  enabledByDefault: true,
  collect: (from, context) =>
    samplesOf(from.reserved, context, (found) =>
      [...found].map(([name, executions]) => sample(reserved, executions, { function: name })),
    ),
};
