import { cloudwatchCollector } from '../cloudwatch/family.ts';
import { ownCalls } from '../cloudwatch/own-calls.ts';
import { backups } from './backups.ts';
import { capacity } from './capacity.ts';
import { dynamodbService } from './cloudwatch.ts';
import { indexes } from './indexes.ts';
import { limits } from './limits.ts';
import { recovery } from './recovery.ts';
import { replicas } from './replicas.ts';
import { sizes } from './sizes.ts';
import type { DynamodbCollector } from './source.ts';
import { tables } from './tables.ts';
import { throttling } from './throttling.ts';
import { timeToLive } from './time-to-live.ts';
import { utilizationFamily } from './utilization.ts';

/** The families of DynamoDB: first those that cost nothing. */
export const dynamodbCollectors: readonly DynamodbCollector[] = [
  tables,
  indexes,
  sizes,
  capacity,
  replicas,
  timeToLive,
  recovery,
  backups,
  limits,
  utilizationFamily,
  throttling,
  ...dynamodbService.groups.map((group) => cloudwatchCollector(dynamodbService, group)),
  ownCalls,
];
