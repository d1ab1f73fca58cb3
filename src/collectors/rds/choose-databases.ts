import type { DBCluster, DBInstance, Tag } from '@aws-sdk/client-rds';
import { hasTags, isChosen, type Selection } from '../cloudwatch/selection.ts';
import type { Databases } from './source.ts';

/**
 * What is chosen of all instances and clusters. An instance of a cluster is also chosen by the name and the tags of its
 * cluster. The limit is one for both together: clusters come first.
 */
export function chooseDatabases(
  instances: readonly DBInstance[],
  clusters: readonly DBCluster[],
  selection: Selection,
): Databases {
  const fits = (name: string, tags: readonly Tag[] | undefined) =>
    isChosen(name, selection) && hasTags(tagsOf(tags), selection.tags);
  const chosenClusters = byName(clusters, ({ DBClusterIdentifier }) => DBClusterIdentifier).filter(([name, one]) =>
    fits(name, one.TagList),
  );
  const ofClusters = new Set(chosenClusters.map(([name]) => name));
  const chosenInstances = byName(instances, ({ DBInstanceIdentifier }) => DBInstanceIdentifier).filter(
    ([name, one]) =>
      !selection.exclude.includes(name) && (ofClusters.has(one.DBClusterIdentifier ?? '') || fits(name, one.TagList)),
  );
  const { limit } = selection;
  const known = new Set([
    ...clusters.map(({ DBClusterIdentifier }) => DBClusterIdentifier),
    ...instances.map(({ DBInstanceIdentifier }) => DBInstanceIdentifier),
  ]);
  return {
    clusters: new Map(chosenClusters.slice(0, limit)),
    instances: new Map(chosenInstances.slice(0, Math.max(0, limit - chosenClusters.length))),
    missing: selection.names.filter((name) => !known.has(name) && !selection.exclude.includes(name)),
    notWatched: Math.max(0, chosenClusters.length + chosenInstances.length - limit),
  };
}

function byName<T>(all: readonly T[], nameOf: (one: T) => string | undefined): (readonly [string, T])[] {
  return all.map((one) => [nameOf(one) ?? '', one] as const).sort(([a], [b]) => (a < b ? -1 : 1));
}

function tagsOf(tags: readonly Tag[] | undefined): ReadonlyMap<string, string> {
  return new Map((tags ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? '']));
}
