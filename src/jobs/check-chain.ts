import { mapLimit } from '../core/map-limit.ts';
import type { StoredObject } from '../storage/object-store.ts';
import { backupKey, manifestName } from './backup-keys.ts';
import { type ChainHead, isBeforeManifest, reportKey } from './proof-chain.ts';
import {
  type Beside,
  type BesideBackups,
  type ChainReading,
  type Link,
  type ReadReport,
  ReportMemory,
  type ReportStore,
  readBesides,
  readLinks,
  readsAtOnce,
} from './read-chain.ts';

/** What is wrong with the reports of a target. */
export interface ChainProblem {
  /** Of the report in the chain that it is about; absent for a report that is in no chain. */
  readonly number?: number;
  readonly message: string;
}

export interface ChainCheck {
  readonly target: string;
  /** Reports in the chain. */
  readonly reports: number;
  /** Finished backups that are there. */
  readonly backups: number;
  /** Where the chain ends; undefined when there is none. */
  readonly head: ChainHead | undefined;
  /** Reports beside backups that were made before there was a chain: they are not covered. */
  readonly older: number;
  /** In the order of the chain: the first one is the first link that is broken or missing. */
  readonly problems: readonly ChainProblem[];
}

export interface ChainLook {
  /** Heads that were noted elsewhere: the chain must contain them. */
  readonly known?: readonly ChainHead[];
  /** What was read by an earlier look and has not changed is not read again. Everything is without. */
  readonly memory?: ReportMemory;
}

/**
 * Walks the chain of a target: each report must be whole, have its number, and hold the hash of the one before it. Then
 * what lies beside the backups: each report must be the one of the chain, none of the chain may be missing where the
 * backup is still there, and manifests must be those that were proven.
 */
export async function checkChain(
  store: ReportStore,
  target: string,
  signal: AbortSignal,
  { known = [], memory = new ReportMemory() }: ChainLook = {},
): Promise<ChainCheck> {
  const reading = memory.reading(store, signal);
  // The backups first: a report that is made meanwhile is then in the chain already.
  const { besides, listed, manifests } = await readBesides(reading, target);
  const links = await readLinks(reading, target);
  const { problems, older } = checkBesides(besides, links);
  const found = [
    ...checkLinks(links, target),
    ...problems,
    ...(await checkMissing(reading, links, { besides, listed, manifests })),
    ...(await checkManifests(reading, links, manifests)),
    ...checkKnown(links, known),
  ];
  reading.finish();
  const last = links.at(-1);
  return {
    target,
    reports: links.length,
    backups: manifests.size,
    head: last === undefined ? undefined : { number: last.number, sha256: last.sha256 },
    older,
    problems: found.sort((a, b) => (a.number ?? Number.POSITIVE_INFINITY) - (b.number ?? Number.POSITIVE_INFINITY)),
  };
}

/** The chain in itself. */
function checkLinks(links: readonly Link[], target: string): ChainProblem[] {
  const problems: ChainProblem[] = [];
  let before: Link | undefined;
  for (const link of links) {
    const expected = (before?.number ?? 0) + 1;
    if (link.number > expected) {
      const missing =
        link.number - 1 === expected ? `report ${expected} is` : `reports ${expected} to ${link.number - 1} are`;
      problems.push({ number: expected, message: `${missing} missing from the chain` });
    }
    const wrong = wrongWith(link, link.number === expected ? before : undefined, target);
    if (wrong !== undefined) problems.push({ number: link.number, message: `report ${link.number} ${wrong}` });
    before = link;
  }
  return problems;
}

/** @param before undefined where it is missing, which is told by itself, or there is none */
function wrongWith({ number, report }: Link, before: Link | undefined, target: string): string | undefined {
  if (report instanceof Error) return `cannot be read: ${report.message}`;
  if (report.target !== target) return `is of target ${report.target}`;
  if (report.chain?.number !== number) return `says that it is report ${report.chain?.number ?? 'of no chain'}`;
  if (before !== undefined && report.chain.previous !== before.sha256) {
    return `does not follow report ${before.number} as it is now: one of them was changed`;
  }
  return number === 1 && report.chain.previous !== null ? 'follows one that is not there' : undefined;
}

/** Reports beside backups, each of which must be in the chain as it is. */
function checkBesides(
  besides: readonly Beside[],
  links: readonly Link[],
): { readonly problems: readonly ChainProblem[]; readonly older: number } {
  const byNumber = new Map(links.map((link) => [link.number, link]));
  const starts = links.flatMap(({ report }) => (report instanceof Error ? [] : [report.startedAt]));
  const firstAt = starts.sort()[0];
  const judged = besides.map((beside) => judgeBeside(beside, byNumber, firstAt));
  return {
    problems: judged.filter((one) => one !== 'older' && one !== 'right'),
    older: judged.filter((one) => one === 'older').length,
  };
}

function judgeBeside(
  { key, report, sha256, backupId }: Beside,
  links: ReadonlyMap<number, Link>,
  firstAt: string | undefined,
): ChainProblem | 'right' | 'older' {
  if (report instanceof Error) return { message: `${key} cannot be read: ${report.message}` };
  if (report.backupId !== backupId) return { message: `${key} is about backup ${report.backupId}` };
  if (report.chain === undefined) {
    return firstAt === undefined || report.startedAt < firstAt ? 'older' : { message: `${key} is in no chain` };
  }
  const { number } = report.chain;
  const link = links.get(number);
  if (link?.sha256 === sha256) {
    return reportKey(report) === key ? 'right' : { number, message: `report ${number} lies under the name ${key}` };
  }
  const is = link === undefined ? 'is no longer in the chain' : 'is not the one in the chain: one of them was changed';
  return { number, message: `report ${number}, ${key}, ${is}` };
}

/**
 * Who deletes a bad report makes a better one before it count. A backup that was deleted and copied there again has none of
 * its former reports; one of them beside it tells that it was not, and then all must be there.
 */
async function checkMissing(
  reading: ChainReading,
  links: readonly Link[],
  { besides, listed, manifests }: BesideBackups,
): Promise<ChainProblem[]> {
  const isFormer = (report: ReadReport, backupId: string): boolean => {
    const manifest = manifests.get(backupId);
    return manifest !== undefined && isBeforeManifest(report, manifest);
  };
  const withFormer = new Set(
    besides.flatMap(({ report, backupId }) =>
      report instanceof Error || !isFormer(report, backupId) ? [] : [backupId],
    ),
  );
  const missing = links.flatMap(({ number, report }) => {
    if (report instanceof Error || !manifests.has(report.backupId) || listed.has(reportKey(report))) return [];
    const { backupId } = report;
    return isFormer(report, backupId) && !withFormer.has(backupId) ? [] : [{ number, report }];
  });
  const problems = await mapLimit(missing, readsAtOnce, async ({ number, report }) => {
    const key = reportKey(report);
    // Both may have changed since they were listed: a proof was reported, or retention deleted the backup.
    if (await reading.isThere(key)) return [];
    if (!(await reading.isThere(backupKey(report.target, report.backupId, manifestName)))) return [];
    const how = 'is missing beside its backup: deleted, or its process was killed, and the next proof puts it back';
    return [{ number, message: `report ${number}, ${key}, ${how}` }];
  });
  return problems.flat();
}

/** By the last report about each backup that is still there. */
async function checkManifests(
  reading: ChainReading,
  links: readonly Link[],
  manifests: ReadonlyMap<string, StoredObject>,
): Promise<ChainProblem[]> {
  const last = new Map<
    string,
    { readonly number: number; readonly report: ReadReport; readonly object: StoredObject }
  >();
  for (const { number, report } of links) {
    if (report instanceof Error || !report.manifestSha256) continue;
    const object = manifests.get(report.backupId);
    if (object !== undefined) last.set(report.backupId, { number, report, object });
  }
  const problems = await mapLimit([...last.values()], readsAtOnce, async ({ number, report, object }) => {
    const sha256 = await reading.hashOf(object);
    if (sha256 === undefined || sha256 === report.manifestSha256) return [];
    return [{ number, message: `the manifest of ${report.backupId} is not the one that report ${number} is about` }];
  });
  return problems.flat();
}

function checkKnown(links: readonly Link[], known: readonly ChainHead[]): ChainProblem[] {
  return known.flatMap(({ number, sha256 }) => {
    const link = links.find((one) => one.number === number);
    if (link?.sha256 === sha256) return [];
    const is = link === undefined ? 'is not there' : `has the hash ${link.sha256}`;
    return [{ number, message: `report ${number} should have the hash ${sha256}, and ${is}` }];
  });
}
