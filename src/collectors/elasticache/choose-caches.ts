import type { CacheCluster, ReplicationGroup } from '@aws-sdk/client-elasticache';
import { chooseDescribed, type Selection } from '../cloudwatch/selection.ts';
import type { Caches } from './source.ts';

/** A replication group, or a cluster that does not come with one. */
type Cache = { readonly group: ReplicationGroup } | { readonly cluster: CacheCluster };

/**
 * What is chosen of all replication groups and clusters. Clusters come with their group; the limit counts groups and
 * clusters without one.
 */
export async function chooseCaches(
  groups: readonly ReplicationGroup[],
  clusters: readonly CacheCluster[],
  selection: Selection,
  hasWantedTags: (arn: string) => Promise<boolean>,
): Promise<Caches> {
  const alone = clusters.filter(({ ReplicationGroupId = '' }) => ReplicationGroupId === '');
  const all = new Map<string, Cache>([
    ...alone.map((cluster): [string, Cache] => [cluster.CacheClusterId ?? '', { cluster }]),
    ...groups.map((group): [string, Cache] => [group.ReplicationGroupId ?? '', { group }]),
  ]);
  const chosen = await chooseDescribed(all, selection, (one) =>
    hasWantedTags(('group' in one ? one.group.ARN : one.cluster.ARN) ?? ''),
  );
  const isChosen = ({ ReplicationGroupId, CacheClusterId }: CacheCluster) =>
    chosen.described.has(ReplicationGroupId ?? CacheClusterId ?? '');
  return {
    groups: new Map(
      [...chosen.described].flatMap(([name, one]) => ('group' in one ? [[name, one.group] as const] : [])),
    ),
    clusters: new Map(clusters.filter(isChosen).map((one) => [one.CacheClusterId ?? '', one])),
    missing: chosen.missing,
    notWatched: chosen.notWatched,
  };
}
