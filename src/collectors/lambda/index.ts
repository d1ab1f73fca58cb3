import { cloudwatchCollector } from '../cloudwatch/family.ts';
import { ownCalls } from '../cloudwatch/own-calls.ts';
import { account } from './account.ts';
import { accountConcurrencyUse } from './account-concurrency-use.ts';
import { lambdaService } from './cloudwatch.ts';
import { errorRate } from './error-rate.ts';
import { eventSources } from './event-sources.ts';
import { functions } from './functions.ts';
import { reservedConcurrency } from './reserved-concurrency.ts';
import { reservedConcurrencyUse } from './reserved-concurrency-use.ts';
import type { LambdaCollector } from './source.ts';

/** The families of Lambda: first those that cost nothing. */
export const lambdaCollectors: readonly LambdaCollector[] = [
  functions,
  eventSources,
  account,
  reservedConcurrency,
  errorRate,
  reservedConcurrencyUse,
  accountConcurrencyUse,
  ...lambdaService.groups.map((group) => cloudwatchCollector(lambdaService, group)),
  ownCalls,
];
