import { archiver } from './archiver.ts';
import { autovacuum } from './autovacuum.ts';
import { bloat } from './bloat.ts';
import { blocking } from './blocking.ts';
import { bufferCache } from './buffer-cache.ts';
import { checkpoints } from './checkpoints.ts';
import { configurationFiles } from './configuration.ts';
import { connections } from './connections.ts';
import { database } from './database.ts';
import { databaseSize } from './database-size.ts';
import { encryption } from './encryption.ts';
import { freezeAge } from './freeze-age.ts';
import { indexHealth } from './index-health.ts';
import { instance } from './instance.ts';
import { inputOutput } from './io.ts';
import { locks } from './locks.ts';
import { logicalSlots } from './logical-slots.ts';
import { missingIndexes } from './missing-indexes.ts';
import { partitions } from './partitions.ts';
import { preparedTransactions } from './prepared-transactions.ts';
import { processIdle } from './process-idle.ts';
import { progress } from './progress.ts';
import { progressVacuum } from './progress-vacuum.ts';
import { replication } from './replication.ts';
import { replicationSlots } from './replication-slots.ts';
import { roles } from './roles.ts';
import { runningQueries } from './running-queries.ts';
import { sequences } from './sequences.ts';
import { serverCertificate } from './server-certificate.ts';
import { serverSettings } from './server-settings.ts';
import { slowQueries } from './slow-queries.ts';
import { slowQueryTexts } from './slow-query-texts.ts';
import { slru } from './slru.ts';
import type { PostgresCollector } from './source.ts';
import { standbys } from './standbys.ts';
import { statioUserIndexes } from './statio-user-indexes.ts';
import { statioUserTables } from './statio-user-tables.ts';
import { subscriptions } from './subscriptions.ts';
import { tableSizes } from './table-sizes.ts';
import { tableVacuum } from './table-vacuum.ts';
import { tablespaces } from './tablespaces.ts';
import { temporaryFiles } from './temporary-files.ts';
import { userIndexes } from './user-indexes.ts';
import { userTables } from './user-tables.ts';
import { vacuumingTables } from './vacuuming-tables.ts';
import { wal } from './wal.ts';
import { walReceiver } from './wal-receiver.ts';
import { walStatistics } from './wal-statistics.ts';
import { workers } from './workers.ts';
import { wraparound } from './wraparound.ts';
import { xminHorizon } from './xmin-horizon.ts';

/** The families of a PostgreSQL server, in the order in which they are collected. */
export const postgresCollectors: readonly PostgresCollector[] = [
  instance,
  connections,
  encryption,
  serverCertificate,
  database,
  replication,
  standbys,
  replicationSlots,
  walReceiver,
  subscriptions,
  logicalSlots,
  locks,
  blocking,
  xminHorizon,
  preparedTransactions,
  archiver,
  checkpoints,
  inputOutput,
  walStatistics,
  slru,
  workers,
  autovacuum,
  progressVacuum,
  progress,
  processIdle,
  wraparound,
  roles,
  runningQueries,
  slowQueries,
  slowQueryTexts,
  configurationFiles,
  temporaryFiles,
  wal,
  bufferCache,
  tablespaces,
  databaseSize,
  serverSettings,
  userTables,
  statioUserTables,
  userIndexes,
  statioUserIndexes,
  partitions,
  tableSizes,
  indexHealth,
  missingIndexes,
  sequences,
  tableVacuum,
  freezeAge,
  bloat,
  vacuumingTables,
];
