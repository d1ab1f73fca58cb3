import { cloudwatchCollector } from '../cloudwatch/family.ts';
import { ownCalls } from '../cloudwatch/own-calls.ts';
import { rdsService } from './cloudwatch.ts';
import { clusters } from './clusters.ts';
import { freeStorage } from './free-storage.ts';
import { instances } from './instances.ts';
import { maintenance } from './maintenance.ts';
import { recovery } from './recovery.ts';
import { replicas } from './replicas.ts';
import { snapshots } from './snapshots.ts';
import type { RdsCollector } from './source.ts';
import { storage } from './storage.ts';

/** The families of RDS: first those that cost nothing. */
export const rdsCollectors: readonly RdsCollector[] = [
  instances,
  clusters,
  storage,
  recovery,
  snapshots,
  maintenance,
  freeStorage,
  replicas,
  ...rdsService.groups.map((group) => cloudwatchCollector(rdsService, group)),
  ownCalls,
];
