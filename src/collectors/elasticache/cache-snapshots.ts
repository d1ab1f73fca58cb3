import type { ServerlessCacheSnapshot, Snapshot } from '@aws-sdk/client-elasticache';

/** A snapshot of a replication group, a cluster or a serverless cache. */
export interface CacheSnapshot {
  readonly cache: string;
  /** Who made it: `automated`, `manual`. */
  readonly type: string;
  readonly status: string;
  /** State of the data, in milliseconds since 1970; undefined while it is not known. */
  readonly atMs: number | undefined;
}

/** Of nodes: as old as the oldest of its shards. */
export function ofNodes(one: Snapshot): CacheSnapshot {
  const instants = (one.NodeSnapshots ?? []).flatMap(({ SnapshotCreateTime }) => SnapshotCreateTime?.getTime() ?? []);
  return {
    cache: one.ReplicationGroupId ?? one.CacheClusterId ?? '',
    type: one.SnapshotSource ?? '',
    status: one.SnapshotStatus ?? '',
    atMs: instants.length === 0 ? undefined : Math.min(...instants),
  };
}

export function ofServerless(one: ServerlessCacheSnapshot): CacheSnapshot {
  return {
    cache: one.ServerlessCacheConfiguration?.ServerlessCacheName ?? '',
    type: one.SnapshotType?.toLowerCase() ?? '',
    status: one.Status?.toLowerCase() ?? '',
    atMs: one.CreateTime?.getTime(),
  };
}
