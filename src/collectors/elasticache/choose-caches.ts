import type { CacheCluster, ReplicationGroup, ServerlessCache } from '@aws-sdk/client-elasticache';
import { chooseDescribed, type Selection } from '../cloudwatch/selection.ts';
import type { Caches } from './source.ts';

/** All that ElastiCache has. */
export interface ExistingCaches {
  readonly groups: readonly ReplicationGroup[];
  readonly clusters: readonly CacheCluster[];
  readonly serverless: readonly ServerlessCache[];
}

/** What goes by one name: a replication group, a cluster that does not come with one, a serverless cache. */
interface Named {
  readonly group?: ReplicationGroup;
  readonly cluster?: CacheCluster;
  readonly serverless?: ServerlessCache;
}

/**
 * What is chosen of all replication groups, clusters and serverless caches. Clusters come with their group; the limit
 * counts names.
 */
export async function chooseCaches(
  { groups, clusters, serverless }: ExistingCaches,
  selection: Selection,
  hasWantedTags: (arn: string) => Promise<boolean>,
): Promise<Caches> {
  const all = new Map<string, Named>();
  const add = (name: string | undefined, one: Named) => all.set(name ?? '', { ...all.get(name ?? ''), ...one });
  for (const cluster of clusters.filter(isAlone)) add(cluster.CacheClusterId, { cluster });
  for (const group of groups) add(group.ReplicationGroupId, { group });
  for (const cache of serverless) add(cache.ServerlessCacheName, { serverless: cache });
  const chosen = await chooseDescribed(all, selection, async (one) => {
    const arns = [one.group?.ARN, one.cluster?.ARN, one.serverless?.ARN].flatMap((arn) => arn ?? []);
    const fits = await Promise.all(arns.map(hasWantedTags));
    return fits.includes(true);
  });
  const isChosen = ({ ReplicationGroupId, CacheClusterId }: CacheCluster) =>
    chosen.described.has(ReplicationGroupId ?? CacheClusterId ?? '');
  const named = [...chosen.described];
  return {
    groups: new Map(named.flatMap(([name, { group }]) => (group === undefined ? [] : [[name, group]]))),
    clusters: new Map(clusters.filter(isChosen).map((one) => [one.CacheClusterId ?? '', one])),
    serverless: new Map(named.flatMap(([name, one]) => (one.serverless === undefined ? [] : [[name, one.serverless]]))),
    missing: chosen.missing,
    notWatched: chosen.notWatched,
  };
}

/** The names that are watched, each once. */
export function namesOf({ groups, clusters, serverless }: Caches): string[] {
  const alone = [...clusters.values()].filter(isAlone).map(({ CacheClusterId = '' }) => CacheClusterId);
  return [...new Set([...groups.keys(), ...alone, ...serverless.keys()])];
}

/** Whether it is in no replication group. */
export function isAlone({ ReplicationGroupId = '' }: CacheCluster): boolean {
  return ReplicationGroupId === '';
}
