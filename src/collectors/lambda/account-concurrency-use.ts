import { metric, sample } from '../../core/metric.ts';
import { samplesOfCloudwatch } from '../cloudwatch/family.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import type { LambdaCollector } from './source.ts';
import { account } from './subjects.ts';

const usedOfAll = metric({
  name: 'lambda_account_concurrency_used_ratio',
  type: 'gauge',
  help: 'Most invocations at the same time of all functions of the account in the newest period, of those that the account may have.',
  labels: [],
  source: 'CloudWatch AWS/Lambda, Maximum of ConcurrentExecutions divided by what GetAccountSettings gives',
  unit: 'ratio',
});

const usedOfUnreserved = metric({
  name: 'lambda_account_unreserved_concurrency_used_ratio',
  type: 'gauge',
  help: 'The same of functions without concurrency of their own, of what is left for them; at 1 all of them are refused.',
  labels: [],
  source: 'CloudWatch AWS/Lambda, Maximum of UnreservedConcurrentExecutions divided by what GetAccountSettings gives',
  unit: 'ratio',
});

export const accountConcurrencyUse: LambdaCollector = {
  name: 'account_concurrency_use',
  about: 'Share of the quota of invocations at the same time that is used. Needs the family concurrency.',
  scope: 'server',
  metrics: [usedOfAll, usedOfUnreserved],
  enabledByDefault: true,
  collect: (source, context) =>
    samplesOfCloudwatch(source, context, (memory, nowMs) =>
      samplesOf(source.account, context, ({ AccountLimit }) =>
        (
          [
            [usedOfAll, 'ConcurrentExecutions'],
            [usedOfUnreserved, 'UnreservedConcurrentExecutions'],
          ] as const
        ).flatMap(([ratio, of]) => {
          const most = memory.value(of, account, 'Maximum', nowMs);
          const limit = AccountLimit?.[of] ?? 0;
          return most === undefined || limit === 0 ? [] : [sample(ratio, most / limit, {})];
        }),
      ),
    ),
};
