import { tlsCertificates } from './certificates.ts';
import { checkKeys } from './check-keys.ts';
import { clientConnections } from './client-connections.ts';
import { clientNames } from './client-names.ts';
import { clients } from './clients.ts';
import { cluster } from './cluster.ts';
import { commandStats } from './command-stats.ts';
import { commandlog } from './commandlog.ts';
import { config } from './config.ts';
import { configValues, sentinelConfigValues } from './config-values.ts';
import { cpu } from './cpu.ts';
import { errors } from './errors.ts';
import { instance } from './instance.ts';
import { keyCounts } from './key-counts.ts';
import { keyGroups } from './key-groups.ts';
import { keyspace } from './keyspace.ts';
import { latency } from './latency.ts';
import { latencyHistogram } from './latency-histogram.ts';
import { latencySpikes } from './latency-spikes.ts';
import { memory } from './memory.ts';
import { modules } from './modules.ts';
import { nodes } from './nodes.ts';
import { persistence } from './persistence.ts';
import { replication } from './replication.ts';
import { scriptingEngines } from './scripting-engines.ts';
import { scripts } from './scripts.ts';
import { searchIndexes } from './search-indexes.ts';
import { sentinel } from './sentinel.ts';
import { sentinelPeers } from './sentinel-peers.ts';
import { slowlog } from './slowlog.ts';
import type { RedisFamily } from './source.ts';
import { stats } from './stats.ts';
import { streams } from './streams.ts';

/** The families of a Redis server, in the order in which they are collected. */
export const redisFamilies: readonly RedisFamily[] = [
  instance,
  clients,
  memory,
  persistence,
  stats,
  cpu,
  replication,
  keyspace,
  commandStats,
  errors,
  latency,
  latencyHistogram,
  latencySpikes,
  slowlog,
  commandlog,
  tlsCertificates,
  scriptingEngines,
  config,
  cluster,
  sentinel,
  sentinelPeers,
  modules,
  searchIndexes,
  configValues,
  sentinelConfigValues,
  clientNames,
  clientConnections,
  keyCounts,
  keyGroups,
  checkKeys,
  streams,
  scripts,
];

/** The same for whoever only wants to know what there is. `nodes` tells about them all and comes last. */
export const redisEngineFamilies = [...redisFamilies.map((family) => ({ ...family, scope: 'server' as const })), nodes];
