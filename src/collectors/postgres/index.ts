import { connections } from './connections.ts';
import { database } from './database.ts';
import { databaseSize } from './database-size.ts';
import { instance } from './instance.ts';
import { replication } from './replication.ts';
import { replicationSlots } from './replication-slots.ts';
import { runningQueries } from './running-queries.ts';
import { slowQueries } from './slow-queries.ts';
import type { PostgresCollector } from './source.ts';
import { standbys } from './standbys.ts';
import { walReceiver } from './wal-receiver.ts';

/** The families of a PostgreSQL server, in the order in which they are collected. */
export const postgresCollectors: readonly PostgresCollector[] = [
  instance,
  connections,
  database,
  replication,
  standbys,
  replicationSlots,
  walReceiver,
  runningQueries,
  slowQueries,
  databaseSize,
];
