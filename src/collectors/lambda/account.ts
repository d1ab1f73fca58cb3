import { metric, sample } from '../../core/metric.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import type { LambdaCollector } from './source.ts';

const concurrency = metric({
  name: 'lambda_account_concurrency_limit',
  type: 'gauge',
  help: 'Most invocations at the same time of all functions of the account in the region.',
  labels: [],
  source: 'GetAccountSettings, ConcurrentExecutions',
  unit: 'invocations',
});

const unreserved = metric({
  name: 'lambda_account_unreserved_concurrency_limit',
  type: 'gauge',
  help: 'Of these, those that are left for functions without concurrency of their own.',
  labels: [],
  source: 'GetAccountSettings, UnreservedConcurrentExecutions',
  unit: 'invocations',
});

const codeLimit = metric({
  name: 'lambda_account_code_limit_bytes',
  type: 'gauge',
  help: 'Most bytes that packages of all functions and layers may take.',
  labels: [],
  source: 'GetAccountSettings, TotalCodeSize of the limits',
  unit: 'bytes',
});

const code = metric({
  name: 'lambda_account_code_bytes',
  type: 'gauge',
  help: 'Bytes that packages of all functions and layers take.',
  labels: [],
  source: 'GetAccountSettings, TotalCodeSize of the usage',
  unit: 'bytes',
});

export const account: LambdaCollector = {
  name: 'account',
  about: 'Quotas of the account in the region.',
  scope: 'server',
  metrics: [concurrency, unreserved, codeLimit, code],
  enabledByDefault: true,
  collect: (from, context) =>
    samplesOf(from.account, context, ({ AccountLimit, AccountUsage }) =>
      (
        [
          [concurrency, AccountLimit?.ConcurrentExecutions],
          [unreserved, AccountLimit?.UnreservedConcurrentExecutions],
          [codeLimit, AccountLimit?.TotalCodeSize],
          [code, AccountUsage?.TotalCodeSize],
        ] as const
      ).flatMap(([of, value]) => (value === undefined ? [] : [sample(of, value, {})])),
    ),
};
