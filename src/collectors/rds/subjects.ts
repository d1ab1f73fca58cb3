import type { DBCluster, DBInstance } from '@aws-sdk/client-rds';
import type { Subject } from '../cloudwatch/service.ts';
import type { Databases } from './source.ts';

/** Everything that has metrics: each instance once for each kind that it is, and clusters of Aurora. */
export function subjectsOf({ instances, clusters }: Databases): Subject[] {
  return [
    ...[...instances].flatMap(([name, one]) =>
      kindsOf(name, one, clusters.get(one.DBClusterIdentifier ?? '')).map((kind) => ({
        kind,
        name: one.DBInstanceArn ?? '',
        values: [name],
      })),
    ),
    ...[...clusters]
      .filter(([, { Engine }]) => isAurora(Engine))
      .map(([name, one]) => ({ kind: 'cluster', name: one.DBClusterArn ?? '', values: [name] })),
  ];
}

/** What is asked of an instance: metrics that it cannot have are not paid for. */
function kindsOf(name: string, one: DBInstance, cluster: DBCluster | undefined): string[] {
  const { Engine = '', DBInstanceClass = '', StorageType } = one;
  const ofAurora = isAurora(Engine);
  const ofPostgres = /postgres/.test(Engine);
  const kinds: Readonly<Record<string, boolean>> = {
    instance: true,
    volume: !ofAurora,
    gp2: !ofAurora && StorageType === 'gp2',
    burstable: DBInstanceClass.startsWith('db.t'),
    replica: !ofAurora && isReplica(one),
    postgres: ofPostgres,
    postgres_volume: ofPostgres && !ofAurora,
    sqlserver: Engine.startsWith('sqlserver'),
    insights: one.PerformanceInsightsEnabled === true,
    aurora: ofAurora,
    reader: ofAurora && isReader(name, cluster),
    serverless: DBInstanceClass === 'db.serverless',
  };
  return Object.keys(kinds).filter((kind) => kinds[kind]);
}

export function isReplica({ ReadReplicaSourceDBInstanceIdentifier, ReadReplicaSourceDBClusterIdentifier }: DBInstance) {
  return (ReadReplicaSourceDBInstanceIdentifier ?? ReadReplicaSourceDBClusterIdentifier ?? '') !== '';
}

export function isAurora(engine: string | undefined): boolean {
  return engine?.startsWith('aurora') ?? false;
}

function isReader(name: string, cluster: DBCluster | undefined): boolean {
  const member = cluster?.DBClusterMembers?.find(({ DBInstanceIdentifier }) => DBInstanceIdentifier === name);
  return member?.IsClusterWriter === false;
}
