import { type Metric, type Sample, sample } from '../core/metric.ts';
import { type CatalogEntry, isComplete, isProven } from './catalog.ts';
import { databaseMetrics, databaseObjectives, lineageObjectives } from './keeping-declarations.ts';
import type { KeepingRules } from './keeping-rules.ts';
import type { Lineage } from './lineage.ts';
import { presentOf, stateAgeSeconds } from './lineage-samples.ts';
import { restoreSecondsOf } from './manifest.ts';
import type { Objectives } from './settings.ts';

/** A lineage and its finished backups, newest first; undefined as long as its store was never read. */
export interface ReadLineage {
  readonly lineage: Lineage;
  readonly entries: readonly CatalogEntry[] | undefined;
}

/**
 * What would be lost of each database, over all its schedules and stores, beside what was promised. While one of its stores was
 * never read, which may have the newest backup, the others tell how old its state is at most; that there is none is not said then.
 */
export function objectiveSamples(read: readonly ReadLineage[], rules: KeepingRules, now: Date): Sample[] {
  const lineages = read.flatMap(({ lineage }) =>
    promised(lineageObjectives, { ...lineage }, rules.objectivesOf(lineage)),
  );
  return [...lineages, ...[...byDatabase(read)].flatMap((group) => databaseSamples(group, rules, now))];
}

function byDatabase(read: readonly ReadLineage[]): Iterable<readonly ReadLineage[]> {
  return Map.groupBy(read, ({ lineage }) => `${lineage.target}\n${lineage.database}`).values();
}

function databaseSamples(group: readonly ReadLineage[], rules: KeepingRules, now: Date): Sample[] {
  const { target = '', database = '' } = group[0]?.lineage ?? {};
  const labels = { target, database };
  const promises = promised(databaseObjectives, labels, rules.targetObjectives(target));
  const lists = group.map(({ entries }) => entries);
  const entries = presentOf(
    lists.flatMap((list) => list ?? []),
    now,
  );
  const isAllRead = lists.every((list) => list !== undefined);
  const provenEntry = newestOf(entries.filter(isProven));
  const rto = restoreSeconds(provenEntry);
  const age = (metric: Metric<'target' | 'database'>, entry: CatalogEntry | undefined): Sample[] =>
    entry === undefined && !isAllRead ? [] : [sample(metric, stateAgeSeconds(entry, now), labels)];
  return [
    ...promises,
    ...age(databaseMetrics.rpo, provenEntry),
    ...age(databaseMetrics.rpoUnproven, newestOf(entries.filter(isComplete))),
    ...(rto === undefined ? [] : [sample(databaseMetrics.rto, rto, labels)]),
  ];
}

function promised<L extends string>(
  metrics: { readonly rpo: Metric<L>; readonly rto: Metric<L> },
  labels: Readonly<Record<L, string>>,
  objectives: Objectives | undefined,
): Sample[] {
  const { rpo, rto } = objectives ?? {};
  return [
    ...(rpo === undefined ? [] : [sample(metrics.rpo, rpo / 1_000, labels)]),
    ...(rto === undefined ? [] : [sample(metrics.rto, rto / 1_000, labels)]),
  ];
}

function newestOf(entries: readonly CatalogEntry[]): CatalogEntry | undefined {
  return entries.reduce<CatalogEntry | undefined>(
    (best, one) => (best === undefined || one.manifest.snapshotAt > best.manifest.snapshotAt ? one : best),
    undefined,
  );
}

/** Of the newest proof of the backup that a restore would take. */
function restoreSeconds(entry: CatalogEntry | undefined): number | undefined {
  const proof = entry?.proofs.find(({ verdict }) => verdict === 'proven');
  return proof === undefined ? undefined : restoreSecondsOf(proof);
}
