import { createHash } from 'node:crypto';
import { type ObjectStore, readWhole, type StoredObject, StoreError } from '../storage/object-store.ts';
import { backupKey, manifestName, proofName } from './backup-keys.ts';
import { type JobContext, JobFailed } from './job.ts';
import { type Proof, proofSchema } from './manifest.ts';
import { parseSealedJson, sealedJson } from './sealed-json.ts';

/** Where a chain ends. Whoever keeps it elsewhere notices when the end of the chain is cut off or written anew. */
export interface ChainHead {
  readonly number: number;
  /** Of the bytes of the report. */
  readonly sha256: string;
}

export type ChainStore = Pick<ObjectStore, 'get' | 'put' | 'putIfAbsent' | 'head' | 'list'>;

/** Others may add theirs at the same time, each of them once. */
const mostTries = 50;

/** Reports of a target in the order in which they were made; a name with a dot, since they outlive their backups. */
export function chainPrefix(target: string): string {
  return `.proofs/${target}/`;
}

export function chainKey(target: string, number: number): string {
  return `${chainPrefix(target)}${String(number).padStart(12, '0')}.json`;
}

/** Number of a report in the chain; undefined for keys of another shape. */
export function chainNumber(target: string, key: string): number | undefined {
  const digits = /^(\d{12})\.json$/.exec(key.slice(chainPrefix(target).length))?.[1];
  return digits === undefined ? undefined : Number(digits);
}

export function reportKey(proof: Pick<Proof, 'target' | 'backupId' | 'startedAt'>): string {
  return backupKey(proof.target, proof.backupId, proofName(new Date(proof.startedAt)));
}

/**
 * Whether a report is about what lay there before the manifest that lies there now: retention deleted the backup with its
 * reports, and a copy from another store, which brings none, came back. By the end of the proof: proofs take their time, so
 * the store's clock may differ a little from that of the process, and a store that was moved elsewhere only has younger objects.
 */
export function isBeforeManifest(
  report: Pick<Proof, 'finishedAt'>,
  manifest: Pick<StoredObject, 'modifiedAt'>,
): boolean {
  return new Date(report.finishedAt) < manifest.modifiedAt;
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Writes a report: into the chain of its target, then beside its backup. Each report holds the hash of the one before it,
 * and the store lets one writer alone have each number, so there is one chain however many prove at once. A process that
 * is killed in between leaves a report that is in the chain only: the next one puts it in its place.
 */
export async function writeReport(store: ChainStore, proof: Proof, context: JobContext): Promise<ChainHead> {
  const { signal, log } = context;
  for (let attempt = 1; attempt <= mostTries; attempt++) {
    const last = await lastOf(store, proof.target, signal);
    const number = (last?.number ?? 0) + 1;
    const chain = { number, previous: last?.sha256 ?? null };
    const bytes = sealedJson({ ...proof, chain });
    if (!(await claim(store, chainKey(proof.target, number), bytes, signal))) continue;
    const head = { number, sha256: sha256Of(bytes) };
    if (last?.bytes !== undefined) await putInPlace(store, last.bytes, signal);
    await putBeside(store, reportKey(proof), bytes, signal);
    log.info({ target: proof.target, report: number, sha256: head.sha256 }, 'a proof was reported');
    return head;
  }
  throw new JobFailed(
    'store',
    `the report could not be added to ${chainPrefix(proof.target)}: others are always first`,
    {
      transient: true,
    },
  );
}

interface LastReport {
  readonly number: number;
  /** Null and undefined: it is there, but cannot be read; the chain is broken at it, and goes on after it. */
  readonly sha256: string | null;
  readonly bytes: Buffer | undefined;
}

async function lastOf(store: ChainStore, target: string, signal: AbortSignal): Promise<LastReport | undefined> {
  let number: number | undefined;
  for await (const { key } of store.list(chainPrefix(target), signal)) number = chainNumber(target, key) ?? number;
  if (number === undefined) return undefined;
  try {
    const bytes = await readWhole(store, chainKey(target, number), signal);
    return { number, sha256: sha256Of(bytes), bytes };
  } catch (error) {
    if (!(error instanceof StoreError) || error.kind !== 'damaged') throw error;
    return { number, sha256: null, bytes: undefined };
  }
}

/** False when somebody else has the number. The answer to an earlier try of ours may have been lost. */
async function claim(store: ChainStore, key: string, bytes: Buffer, signal: AbortSignal): Promise<boolean> {
  if (await store.putIfAbsent(key, bytes, signal)) return true;
  return (await readWhole(store, key, signal)).equals(bytes);
}

/** The report of a process that was killed before it wrote it beside the backup. What cannot be read is left to the check. */
async function putInPlace(store: ChainStore, bytes: Buffer, signal: AbortSignal): Promise<void> {
  const proof = parseReport(bytes);
  if (proof instanceof Error) return;
  if ((await store.head(reportKey(proof), signal)) !== undefined) return;
  const manifest = await store.head(backupKey(proof.target, proof.backupId, manifestName), signal);
  // Its backup may have been deleted since: a report alone would look like the remains of one, and would prove a later copy.
  if (manifest === undefined || isBeforeManifest(proof, manifest)) return;
  await putBeside(store, reportKey(proof), bytes, signal);
}

/** Who was slow and who puts it in its place may meet: they write the same. */
async function putBeside(store: ChainStore, key: string, bytes: Buffer, signal: AbortSignal): Promise<void> {
  try {
    await store.put(key, bytes, signal);
  } catch (error) {
    if (!(error instanceof StoreError) || error.kind !== 'exists') throw error;
    if (!(await readWhole(store, key, signal)).equals(bytes)) throw error;
  }
}

/** A report, or why it is none. */
export function parseReport(bytes: Buffer): Proof | Error {
  return parseSealedJson(bytes, proofSchema);
}
