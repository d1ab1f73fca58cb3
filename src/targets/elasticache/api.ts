import type {
  CacheCluster,
  ElastiCacheClient,
  ReplicationGroup,
  ServerlessCache,
  ServerlessCacheSnapshot,
  Snapshot,
} from '@aws-sdk/client-elasticache';
import type { AwsCalls } from '../aws/calls.ts';
import { allPages, asked, clientOptions, LateClient } from '../aws/client.ts';
import type { AwsAccess } from '../aws/settings.ts';

type Sdk = typeof import('@aws-sdk/client-elasticache');

/** Most that ElastiCache gives at once; of snapshots it gives 50. */
const MaxRecords = 100;
const mostSnapshots = 50;
/** Fewest that ElastiCache accepts as a size of a page. */
const leastRecords = 20;

/** What is asked of ElastiCache's control plane, all of it free of charge. Every call rejects with an AwsFailure. */
export class ElasticacheApi implements Disposable {
  readonly #client: LateClient<{ readonly sdk: Sdk; readonly client: ElastiCacheClient }>;

  constructor(access: AwsAccess, calls: AwsCalls) {
    this.#client = new LateClient(async () => {
      const sdk = await import('@aws-sdk/client-elasticache');
      const client = new sdk.ElastiCacheClient(clientOptions(access));
      calls.watch(client, 'elasticache');
      return { sdk, client };
    });
  }

  /** One small request: whether the credentials and the region are right and the service answers. */
  async prove(signal: AbortSignal): Promise<void> {
    const { sdk, client } = await this.#client.get();
    const command = new sdk.DescribeCacheClustersCommand({ MaxRecords: leastRecords });
    await asked('elasticache:DescribeCacheClusters', signal, () => client.send(command, { abortSignal: signal }));
  }

  /** Each is one node of Redis or Valkey, or several of Memcached. */
  async clusters(signal: AbortSignal): Promise<readonly CacheCluster[]> {
    const { sdk, client } = await this.#client.get();
    return allPages('elasticache:DescribeCacheClusters', async (Marker) => {
      const command = new sdk.DescribeCacheClustersCommand({ MaxRecords, Marker, ShowCacheNodeInfo: true });
      const send = () => client.send(command, { abortSignal: signal });
      const page = await asked('elasticache:DescribeCacheClusters', signal, send);
      return { items: page.CacheClusters, after: page.Marker };
    });
  }

  async replicationGroups(signal: AbortSignal): Promise<readonly ReplicationGroup[]> {
    const { sdk, client } = await this.#client.get();
    return allPages('elasticache:DescribeReplicationGroups', async (Marker) => {
      const command = new sdk.DescribeReplicationGroupsCommand({ MaxRecords, Marker });
      const send = () => client.send(command, { abortSignal: signal });
      const page = await asked('elasticache:DescribeReplicationGroups', signal, send);
      return { items: page.ReplicationGroups, after: page.Marker };
    });
  }

  async serverlessCaches(signal: AbortSignal): Promise<readonly ServerlessCache[]> {
    const { sdk, client } = await this.#client.get();
    return allPages('elasticache:DescribeServerlessCaches', async (NextToken) => {
      const command = new sdk.DescribeServerlessCachesCommand({ NextToken });
      const send = () => client.send(command, { abortSignal: signal });
      const page = await asked('elasticache:DescribeServerlessCaches', signal, send);
      return { items: page.ServerlessCaches, after: page.NextToken };
    });
  }

  /** Of replication groups and clusters; of serverless caches see {@link serverlessSnapshots}. */
  async snapshots(signal: AbortSignal): Promise<readonly Snapshot[]> {
    const { sdk, client } = await this.#client.get();
    return allPages('elasticache:DescribeSnapshots', async (Marker) => {
      const command = new sdk.DescribeSnapshotsCommand({ MaxRecords: mostSnapshots, Marker });
      const send = () => client.send(command, { abortSignal: signal });
      const page = await asked('elasticache:DescribeSnapshots', signal, send);
      return { items: page.Snapshots, after: page.Marker };
    });
  }

  async serverlessSnapshots(signal: AbortSignal): Promise<readonly ServerlessCacheSnapshot[]> {
    const { sdk, client } = await this.#client.get();
    return allPages('elasticache:DescribeServerlessCacheSnapshots', async (NextToken) => {
      const command = new sdk.DescribeServerlessCacheSnapshotsCommand({ NextToken });
      const send = () => client.send(command, { abortSignal: signal });
      const page = await asked('elasticache:DescribeServerlessCacheSnapshots', signal, send);
      return { items: page.ServerlessCacheSnapshots, after: page.NextToken };
    });
  }

  async tags(arn: string, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const { sdk, client } = await this.#client.get();
    const command = new sdk.ListTagsForResourceCommand({ ResourceName: arn });
    const send = () => client.send(command, { abortSignal: signal });
    const { TagList = [] } = await asked('elasticache:ListTagsForResource', signal, send);
    return new Map(TagList.map(({ Key, Value }) => [Key ?? '', Value ?? '']));
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}
