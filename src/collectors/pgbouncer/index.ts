import { clients } from './clients.ts';
import { config } from './config.ts';
import { databases } from './databases.ts';
import { instance } from './instance.ts';
import { lists } from './lists.ts';
import { memory } from './memory.ts';
import { peerPools } from './peer-pools.ts';
import { pools } from './pools.ts';
import { servers } from './servers.ts';
import type { PgbouncerCollector } from './source.ts';
import { state } from './state.ts';
import { statsTotals } from './stats-totals.ts';
import { users } from './users.ts';

/** The families of a PgBouncer, in the order in which they are collected. */
export const pgbouncerCollectors: readonly PgbouncerCollector[] = [
  instance,
  state,
  pools,
  databases,
  statsTotals,
  lists,
  config,
  clients,
  servers,
  users,
  peerPools,
  memory,
];
