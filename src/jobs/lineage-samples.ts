import { type Sample, sample } from '../core/metric.ts';
import { type CatalogEntry, hasFailed, isComplete, isProven } from './catalog.ts';
import { ageSeconds, isBackupFromFuture } from './from-future.ts';
import {
  lineageMetrics,
  proofAssertion,
  proofLastObstacle,
  proofLastPhase,
  proofLastVerdict,
} from './keeping-declarations.ts';
import type { Lineage } from './lineage.ts';
import {
  contentBytesOf,
  newestReportFirst,
  obstacles,
  type Proof,
  restoreSecondsOf,
  storedBytesOf,
  verdicts,
} from './manifest.ts';

export interface LineageView {
  readonly lineage: Lineage;
  /** Its finished backups, newest first. */
  readonly entries: readonly CatalogEntry[];
  /** When a backup was last begun, finished or not. */
  readonly lastAttemptAt: string | undefined;
  /** Backups that other stores have and this one lacks. */
  readonly missingCopies: number;
}

/** Backups before the newest one that its size is compared with. */
const comparedPredecessors = 10;

type Figures = Partial<Record<keyof typeof lineageMetrics, number | undefined>>;

/**
 * What the catalog says of a lineage. One without any backup is there too, with instants of 0 and ages of +Inf, so that
 * every alert on an age fires; what was never measured is absent. A backup from the future is counted, and that is all.
 */
export function lineageSamples({ lineage, entries, lastAttemptAt, missingCopies }: LineageView, now: Date): Sample[] {
  const labels = { ...lineage };
  const newestProof = newestProofOf(entries);
  const figures = {
    missingCopies,
    ...backupFigures(entries, lastAttemptAt, now),
    ...proofFigures(entries, newestProof, now),
  };
  const phases = Object.entries(newestProof?.seconds ?? {}).filter(([phase]) => phase !== 'total');
  const last = lastVerificationOf(entries);
  return [
    ...Object.entries(figures)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => sample(lineageMetrics[name as keyof typeof lineageMetrics], value ?? 0, labels)),
    ...phases.map(([phase, seconds]) => sample(proofLastPhase, seconds ?? 0, { ...labels, phase })),
    ...verdicts.map((verdict) => sample(proofLastVerdict, Number(verdict === last?.verdict), { ...labels, verdict })),
    ...obstacles.map((obstacle) =>
      sample(proofLastObstacle, Number(obstacle === last?.obstacle), { ...labels, obstacle }),
    ),
    ...lastAssertions(entries).map(({ name, passed }) =>
      sample(proofAssertion, Number(passed), { ...labels, assertion: name }),
    ),
  ];
}

/** The verification that ended last, of whichever backup; undefined when there was none. */
export function lastVerificationOf(entries: readonly CatalogEntry[]): Proof | undefined {
  return lastOf(entries.flatMap((entry) => entry.proofs));
}

/** The latest of ISO instants of one zone: they sort as text. */
export function newest(instants: readonly string[]): string | undefined {
  return instants.reduce<string | undefined>((best, one) => (best === undefined || one > best ? one : best), undefined);
}

function newestProofOf(entries: readonly CatalogEntry[]): Proof | undefined {
  return lastOf(entries.flatMap((entry) => entry.proofs).filter(({ verdict }) => verdict === 'proven'));
}

function lastOf(proofs: readonly Proof[]): Proof | undefined {
  return [...proofs].sort(newestReportFirst)[0];
}

/** Those of which it is known how old they are. */
export function presentOf(entries: readonly CatalogEntry[], now: Date): CatalogEntry[] {
  return entries.filter(({ manifest }) => !isBackupFromFuture(manifest, now));
}

/** Of the state that a backup holds; infinite where there is none. */
export function stateAgeSeconds(entry: CatalogEntry | undefined, now: Date): number {
  return entry === undefined ? Number.POSITIVE_INFINITY : ageSeconds(entry.manifest.snapshotAt, now);
}

function backupFigures(entries: readonly CatalogEntry[], lastAttempt: string | undefined, now: Date): Figures {
  const present = presentOf(entries, now);
  const figures: Figures = {
    backupLastAttempt: secondsOf(lastAttempt),
    backupLastSuccess: secondsOf(newest(present.map(({ manifest }) => manifest.finishedAt))),
    backups: entries.length,
    backupsProven: entries.filter(isProven).length,
    backupsFailed: entries.filter(hasFailed).length,
    backupsIncomplete: entries.filter((entry) => !isComplete(entry)).length,
  };
  const manifest = present[0]?.manifest;
  if (manifest === undefined) return figures;
  const durationSeconds = (Date.parse(manifest.finishedAt) - Date.parse(manifest.startedAt)) / 1_000;
  const contentBytes = contentBytesOf(manifest);
  const predecessors = present.slice(1, 1 + comparedPredecessors).map((entry) => entry.manifest);
  return {
    ...figures,
    backupLastDuration: durationSeconds,
    backupLastStoredBytes: storedBytesOf(manifest),
    backupLastStoredRatio: ratioToMedian(storedBytesOf(manifest), predecessors.map(storedBytesOf)),
    backupLastContentBytes: contentBytes,
    backupLastEncrypted: Number(manifest.encryption !== undefined),
    backupLastContentRatio: ratioToMedian(contentBytes, predecessors.map(contentBytesOf)),
    backupLastThroughput: durationSeconds > 0 ? contentBytes / durationSeconds : undefined,
  };
}

/** The median does not mind that one of them was odd. Undefined without predecessors, or when they were empty. */
function ratioToMedian(value: number, others: readonly number[]): number | undefined {
  const sorted = [...others].sort((a, b) => a - b);
  const [low = 0, high = low] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  const median = (low + high) / 2;
  return median > 0 ? value / median : undefined;
}

function proofFigures(entries: readonly CatalogEntry[], newestProof: Proof | undefined, now: Date): Figures {
  const present = presentOf(entries, now);
  return {
    proofLastAttempt: secondsOf(lastVerificationOf(entries)?.finishedAt),
    proofLastTries: triesOfLast(entries),
    proofLastSuccess: secondsOf(newestProof?.finishedAt),
    rpo: stateAgeSeconds(present.find(isProven), now),
    rpoUnproven: stateAgeSeconds(present.find(isComplete), now),
    rto: newestProof === undefined ? undefined : restoreSecondsOf(newestProof),
    proofLastDuration: newestProof?.seconds.total,
  };
}

/** By name: reports from before names had to differ may have two of one. */
function lastAssertions(entries: readonly CatalogEntry[]): Proof['assertions'] {
  const asked = lastOf(entries.flatMap((entry) => entry.proofs).filter(({ assertions }) => assertions.length > 0));
  return [...new Map((asked?.assertions ?? []).map((one) => [one.name, one])).values()];
}

function triesOfLast(entries: readonly CatalogEntry[]): number {
  const last = lastVerificationOf(entries);
  const proofs = entries.find(({ manifest }) => manifest.id === last?.backupId)?.proofs ?? [];
  const before = proofs.slice(1).findIndex(({ verdict }) => verdict !== 'inconclusive');
  return before === -1 ? proofs.length : before + 1;
}

function secondsOf(instant: string | undefined): number {
  return instant === undefined || instant === '' ? 0 : Date.parse(instant) / 1_000;
}
