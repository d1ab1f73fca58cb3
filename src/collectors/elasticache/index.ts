import { cloudwatchCollector } from '../cloudwatch/family.ts';
import { ownCalls } from '../cloudwatch/own-calls.ts';
import { elasticacheService } from './cloudwatch.ts';
import { groups } from './groups.ts';
import { nodes } from './nodes.ts';
import { serverless } from './serverless.ts';
import { serverlessUse } from './serverless-use.ts';
import { snapshots } from './snapshots.ts';
import type { ElasticacheCollector } from './source.ts';

/** The families of ElastiCache: first those that cost nothing. */
export const elasticacheCollectors: readonly ElasticacheCollector[] = [
  groups,
  nodes,
  serverless,
  snapshots,
  serverlessUse,
  ...elasticacheService.groups.map((group) => cloudwatchCollector(elasticacheService, group)),
  ownCalls,
];
