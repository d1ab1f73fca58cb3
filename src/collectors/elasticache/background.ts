import type { ServerlessCache } from '@aws-sdk/client-elasticache';
import type { WorkContext } from '../../core/work-context.ts';
import { AwsFailure } from '../../targets/aws/failure.ts';
import { ElasticacheApi } from '../../targets/elasticache/api.ts';
import { AwsBackground, type AwsSurroundings } from '../cloudwatch/background.ts';
import { TagFilter } from '../cloudwatch/selection.ts';
import { subjectsOfLook } from '../cloudwatch/subjects-of.ts';
import type { AwsLooks } from '../cloudwatch/watch.ts';
import type { Look, Refreshed } from '../refreshed.ts';
import { type CacheSnapshot, ofNodes, ofServerless } from './cache-snapshots.ts';
import { chooseCaches, namesOf } from './choose-caches.ts';
import { elasticacheService } from './cloudwatch.ts';
import type { Caches, ElasticacheSource } from './source.ts';
import { subjectsOf } from './subjects.ts';
import type { WatchedElasticache } from './watch.ts';

/** Looks at ElastiCache and CloudWatch beside the scrapes, which only read what was found. */
export class ElasticacheLooks implements AwsLooks<ElasticacheSource> {
  readonly source: ElasticacheSource;
  readonly background: AwsBackground<ElasticacheApi>;
  readonly #target: WatchedElasticache;
  readonly #tags: TagFilter;

  constructor(
    target: WatchedElasticache,
    /** Names of the families that are switched on. */
    families: ReadonlySet<string>,
    given: AwsSurroundings,
  ) {
    const { watch } = target;
    this.#target = target;
    this.background = new AwsBackground(target, given, (access, calls) => new ElasticacheApi(access, calls));
    const readTags = (arn: string, signal: AbortSignal) => this.background.api.tags(arn, signal);
    this.#tags = new TagFilter(readTags, this.background.pace, target.caches.tags);
    const caches = this.background.every<Caches>(watch.refresh, {
      what: 'the caches',
      look: (previous, context) => this.#lookAtCaches(previous, context),
    });
    this.source = {
      caches,
      snapshots: this.background.every<readonly CacheSnapshot[]>(watch.backupRefresh, {
        what: 'the snapshots',
        look: (_previous, { signal }) => this.#lookAtSnapshots(caches, signal),
      }),
      ...this.background.watchCloudwatch(elasticacheService, families, (signal) =>
        subjectsOfLook(caches, signal, subjectsOf),
      ),
      settings: watch,
    };
  }

  async #lookAtCaches(previous: Caches | undefined, context: WorkContext): Promise<Look<Caches>> {
    const groups = await this.background.api.replicationGroups(context.signal);
    const clusters = await this.background.api.clusters(context.signal);
    const { value: serverless, failure } = await this.#lookAtServerless(previous, context.signal);
    const hasWantedTags = (arn: string) => this.#tags.matches(arn, context);
    const value = await chooseCaches({ groups, clusters, serverless }, this.#target.caches, hasWantedTags);
    const arn = clusters[0]?.ARN ?? groups[0]?.ARN ?? serverless[0]?.ARN;
    this.background.noteFound(namesOf(value).length, arn, failure);
    if (failure === undefined) return { value };
    return { value: { ...value, missing: surelyMissing(value.missing, previous) }, failure };
  }

  /** Nodes are watched all the same where serverless caches may not be listed, or are not known yet. */
  async #lookAtServerless(
    previous: Caches | undefined,
    signal: AbortSignal,
  ): Promise<Look<readonly ServerlessCache[]>> {
    try {
      return { value: await this.background.api.serverlessCaches(signal) };
    } catch (failure) {
      signal.throwIfAborted();
      if (failure instanceof AwsFailure && failure.kind === 'unsupported') return { value: [] };
      return { value: [...(previous?.serverless.values() ?? [])], failure };
    }
  }

  /** Those of serverless caches are asked for where there are such caches. */
  async #lookAtSnapshots(caches: Refreshed<Caches>, signal: AbortSignal): Promise<Look<readonly CacheSnapshot[]>> {
    const ofAllNodes = (await this.background.api.snapshots(signal)).map(ofNodes);
    const { value } = await caches.read(signal);
    if (value.serverless.size === 0) return { value: ofAllNodes };
    return { value: [...ofAllNodes, ...(await this.background.api.serverlessSnapshots(signal)).map(ofServerless)] };
  }
}

/**
 * Names that are missing even though serverless caches could not be listed: what was there as a group or a cluster, or
 * was missing when all could be listed. Any other may be one of those that were not told.
 */
function surelyMissing(missing: readonly string[], previous: Caches | undefined): string[] {
  if (previous === undefined) return [];
  const known = new Set([...namesOf(previous), ...previous.missing]);
  return missing.filter((name) => known.has(name));
}
