import type { DBCluster, DBInstance } from '@aws-sdk/client-rds';
import { RdsApi } from '../../targets/rds/api.ts';
import { AwsBackground, type AwsSurroundings } from '../cloudwatch/background.ts';
import { subjectsOfLook } from '../cloudwatch/subjects-of.ts';
import type { AwsLooks } from '../cloudwatch/watch.ts';
import type { Look } from '../refreshed.ts';
import { chooseDatabases } from './choose-databases.ts';
import { rdsService } from './cloudwatch.ts';
import type { Databases, RdsSource } from './source.ts';
import { subjectsOf } from './subjects.ts';
import type { WatchedRds } from './watch.ts';

/** Looks at RDS and CloudWatch beside the scrapes, which only read what was found. */
export class RdsLooks implements AwsLooks<RdsSource> {
  readonly source: RdsSource;
  readonly background: AwsBackground<RdsApi>;
  readonly #target: WatchedRds;

  constructor(
    target: WatchedRds,
    /** Names of the families that are switched on. */
    families: ReadonlySet<string>,
    given: AwsSurroundings,
  ) {
    this.#target = target;
    this.background = new AwsBackground(target, given, (access, calls) => new RdsApi(access, calls));
    this.source = this.#makeSource(families);
  }

  #makeSource(families: ReadonlySet<string>): RdsSource {
    const { watch } = this.#target;
    const background = this.background;
    const databases = background.every<Databases>(watch.refresh, {
      what: 'the databases',
      look: (_previous, { signal }) => this.#lookAtDatabases(signal),
    });
    return {
      databases,
      automatedBackups: background.every(watch.refresh, {
        what: 'the windows to which instances can be restored',
        look: async (_previous, { signal }) => ({ value: await this.background.api.automatedBackups(signal) }),
      }),
      snapshots: background.every(watch.backupRefresh, {
        what: 'the snapshots',
        look: async (_previous, { signal }) => ({
          value: {
            ofInstances: await this.background.api.snapshots(signal),
            ofClusters: await this.background.api.clusterSnapshots(signal),
          },
        }),
      }),
      maintenance: background.every(watch.backupRefresh, {
        what: 'pending maintenance',
        look: async (_previous, { signal }) => ({ value: await this.background.api.pendingMaintenance(signal) }),
      }),
      ...background.watchCloudwatch(rdsService, families, (signal) => subjectsOfLook(databases, signal, subjectsOf)),
      settings: watch,
    };
  }

  async #lookAtDatabases(signal: AbortSignal): Promise<Look<Databases>> {
    const [instances, clusters] = [
      await this.background.api.instances(signal),
      await this.background.api.clusters(signal),
    ];
    const value = chooseDatabases(instances.filter(isOfRds), clusters.filter(isOfRds), this.#target.databases);
    const watched = value.instances.size + value.clusters.size;
    this.background.noteFound(watched, instances[0]?.DBInstanceArn ?? clusters[0]?.DBClusterArn);
    return { value };
  }
}

/** Neptune and DocumentDB answer in the same lists, and have other metrics. */
function isOfRds({ Engine }: Pick<DBInstance | DBCluster, 'Engine'>): boolean {
  return Engine !== 'neptune' && Engine !== 'docdb';
}
