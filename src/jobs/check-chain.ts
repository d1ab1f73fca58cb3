import { mapLimit } from '../core/map-limit.ts';
import { type ObjectStore, readWhole, StoreError } from '../storage/object-store.ts';
import { backupKey, isProofName, manifestName, splitBackupKey } from './backup-keys.ts';
import type { Proof } from './manifest.ts';
import { type ChainHead, chainKey, chainNumber, chainPrefix, parseReport, reportKey, sha256Of } from './proof-chain.ts';

type ReadStore = Pick<ObjectStore, 'list' | 'get'>;

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
  /** Where the chain ends; undefined when there is none. */
  readonly head: ChainHead | undefined;
  /** Reports beside backups that were made before there was a chain: they are not covered. */
  readonly older: number;
  /** In the order of the chain: the first one is the first link that is broken or missing. */
  readonly problems: readonly ChainProblem[];
}

const readsAtOnce = 8;

/** One object of the chain. */
interface Link {
  readonly number: number;
  readonly sha256: string;
  readonly report: Proof | Error;
}

interface Beside {
  readonly key: string;
  readonly backupId: string;
  readonly sha256: string;
  readonly report: Proof | Error;
}

/**
 * Walks the chain of a target: each report must be whole, have its number, and hold the hash of the one before it. Then
 * what lies beside the backups: each report must be the one of the chain, none of the chain may be missing where the
 * backup is still there, and manifests must be those that were proven.
 *
 * @param known heads that were noted elsewhere: the chain must contain them
 */
export async function checkChain(
  store: ReadStore,
  target: string,
  signal: AbortSignal,
  known: readonly ChainHead[] = [],
): Promise<ChainCheck> {
  // The backups first: a report that is made meanwhile is then in the chain already.
  const { besides, listed, manifests } = await readBesides(store, target, signal);
  const links = await readLinks(store, target, signal);
  const { problems, older } = checkBesides(besides, links);
  const found = [
    ...checkLinks(links, target),
    ...problems,
    ...checkMissing(listed, links, manifests),
    ...(await checkManifests(store, links, manifests, signal)),
    ...checkKnown(links, known),
  ];
  const last = links.at(-1);
  return {
    target,
    reports: links.length,
    head: last === undefined ? undefined : { number: last.number, sha256: last.sha256 },
    older,
    problems: found.sort((a, b) => (a.number ?? Number.POSITIVE_INFINITY) - (b.number ?? Number.POSITIVE_INFINITY)),
  };
}

async function readLinks(store: ReadStore, target: string, signal: AbortSignal): Promise<Link[]> {
  const numbers: number[] = [];
  for await (const { key } of store.list(chainPrefix(target), signal)) {
    const number = chainNumber(target, key);
    if (number !== undefined) numbers.push(number);
  }
  const links = await mapLimit(numbers, readsAtOnce, async (number) => {
    const read = await readReport(store, chainKey(target, number), signal);
    return read === undefined ? [] : [{ number, ...read }];
  });
  return links.flat();
}

/** Undefined: gone since it was listed. */
async function readReport(
  store: ReadStore,
  key: string,
  signal: AbortSignal,
): Promise<Pick<Link, 'sha256' | 'report'> | undefined> {
  try {
    const bytes = await readWhole(store, key, signal);
    return { sha256: sha256Of(bytes), report: parseReport(bytes) };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (error.kind === 'missing') return undefined;
    if (error.kind === 'damaged') return { sha256: '', report: error };
    throw error;
  }
}

async function readBesides(
  store: ReadStore,
  target: string,
  signal: AbortSignal,
): Promise<{
  readonly besides: readonly Beside[];
  /** Keys of reports, those included that retention deleted while they were read. */
  readonly listed: ReadonlySet<string>;
  readonly manifests: ReadonlySet<string>;
}> {
  const keys: { readonly key: string; readonly backupId: string }[] = [];
  const manifests = new Set<string>();
  for await (const { key } of store.list(`${target}/`, signal)) {
    const split = splitBackupKey(key);
    if (split?.name === manifestName) manifests.add(split.backupId);
    if (split !== undefined && isProofName(split.name)) keys.push({ key, backupId: split.backupId });
  }
  const besides = await mapLimit(keys, readsAtOnce, async ({ key, backupId }) => {
    const read = await readReport(store, key, signal);
    return read === undefined ? [] : [{ key, backupId, ...read }];
  });
  return { besides: besides.flat(), listed: new Set(keys.map(({ key }) => key)), manifests };
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

/** Who deletes a bad report makes a better one before it count. */
function checkMissing(
  listed: ReadonlySet<string>,
  links: readonly Link[],
  manifests: ReadonlySet<string>,
): ChainProblem[] {
  return links.flatMap(({ number, report }) => {
    if (report instanceof Error || !manifests.has(report.backupId) || listed.has(reportKey(report))) return [];
    const how = 'is missing beside its backup: deleted, or its process was killed, and the next proof puts it back';
    return [{ number, message: `report ${number}, ${reportKey(report)}, ${how}` }];
  });
}

/** By the last report about each backup that is still there. */
async function checkManifests(
  store: ReadStore,
  links: readonly Link[],
  manifests: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ChainProblem[]> {
  const last = new Map<string, { readonly number: number; readonly report: Proof }>();
  for (const { number, report } of links) {
    const isKnown = !(report instanceof Error) && manifests.has(report.backupId) && Boolean(report.manifestSha256);
    if (isKnown) last.set(report.backupId, { number, report });
  }
  const problems = await mapLimit([...last.values()], readsAtOnce, async ({ number, report }) => {
    const read = await readReport(store, backupKey(report.target, report.backupId, manifestName), signal);
    if (read === undefined || read.sha256 === report.manifestSha256) return [];
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
