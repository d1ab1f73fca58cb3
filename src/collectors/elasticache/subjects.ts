import type { CacheCluster, ServerlessCache } from '@aws-sdk/client-elasticache';
import type { Subject } from '../cloudwatch/service.ts';
import type { Caches } from './source.ts';

/** Everything that has metrics: each node once for each kind that it is. */
export function subjectsOf(caches: Caches): Subject[] {
  const replicas = replicasOf(caches);
  const ofNodes = [...caches.clusters].flatMap(([name, one]) =>
    nodesOf(one).flatMap((node) =>
      kindsOf(one, replicas.has(name)).map((kind) => ({ kind, name: one.ARN ?? '', values: [name, node] })),
    ),
  );
  const ofServerless = [...caches.serverless].flatMap(([name, one]) => {
    const subject = serverlessSubject(name, one);
    return [subject, { ...subject, kind: one.Engine === 'memcached' ? 'serverlessMemcached' : 'serverlessRedis' }];
  });
  return [...ofNodes, ...ofServerless];
}

/** A serverless cache as such, whatever its engine is. */
export function serverlessSubject(name: string, { ARN = '' }: ServerlessCache): Subject {
  return { kind: 'serverless', name: ARN, values: [name] };
}

export function nodesOf({ CacheNodes = [] }: CacheCluster): string[] {
  return CacheNodes.map(({ CacheNodeId = '' }) => CacheNodeId);
}

/** What is asked of a node: metrics that it cannot have are not paid for. */
function kindsOf({ Engine }: CacheCluster, isReplica: boolean): string[] {
  if (Engine === 'memcached') return ['node', 'memcached'];
  return ['node', 'redis', ...(isReplica ? ['replica'] : [])];
}

/** Nodes that follow another one. ElastiCache does not tell roles where a group has several shards: there, every node of a shard with several counts. */
function replicasOf({ groups }: Caches): ReadonlySet<string> {
  const shards = [...groups.values()].flatMap(({ NodeGroups = [] }) => NodeGroups);
  return new Set(
    shards.flatMap(({ NodeGroupMembers = [] }) => {
      const isToldApart = NodeGroupMembers.some(({ CurrentRole }) => CurrentRole !== undefined);
      const followers = isToldApart
        ? NodeGroupMembers.filter(({ CurrentRole }) => CurrentRole !== 'primary')
        : NodeGroupMembers.length > 1
          ? NodeGroupMembers
          : [];
      return followers.map(({ CacheClusterId = '' }) => CacheClusterId);
    }),
  );
}
