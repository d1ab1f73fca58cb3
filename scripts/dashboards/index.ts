import { awsBoard } from './aws.ts';
import type { Board } from './board.ts';
import { fleetBoard } from './fleet.ts';
import { pgbouncerBoard } from './pgbouncer.ts';
import { postgresBoard } from './postgres.ts';
import { queriesBoard } from './queries.ts';
import { recoverabilityBoard } from './recoverability.ts';
import { redisBoard } from './redis.ts';
import { replicationBoard } from './replication.ts';
import { watchkeeperBoard } from './watchkeeper.ts';

/** All boards, in the order in which one looks at them. */
export const boards: readonly Board[] = [
  fleetBoard,
  recoverabilityBoard,
  postgresBoard,
  queriesBoard,
  replicationBoard,
  pgbouncerBoard,
  redisBoard,
  awsBoard,
  watchkeeperBoard,
];
