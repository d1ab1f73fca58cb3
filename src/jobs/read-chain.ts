import { mapLimit } from '../core/map-limit.ts';
import { type ObjectStore, readWhole, type StoredObject, StoreError } from '../storage/object-store.ts';
import { isProofName, manifestName, splitBackupKey } from './backup-keys.ts';
import type { Proof } from './manifest.ts';
import { chainNumber, chainPrefix, parseReport, sha256Of } from './proof-chain.ts';

export type ReportStore = Pick<ObjectStore, 'list' | 'get' | 'head'>;

/** What the chain is judged by; the rest of a report is not kept in memory. */
export type ReadReport = Pick<Proof, 'target' | 'backupId' | 'startedAt' | 'finishedAt' | 'chain' | 'manifestSha256'>;

/** A report as it is in the store. */
interface Read {
  /** Of its bytes; empty when they cannot be read. */
  readonly sha256: string;
  readonly report: ReadReport | Error;
}

/** One object of the chain. */
export interface Link extends Read {
  readonly number: number;
}

/** A report beside its backup. */
export interface Beside extends Read {
  readonly key: string;
  readonly backupId: string;
}

export const readsAtOnce = 8;

/**
 * What looks at the reports of one target have read, by key, size and time of the object. Reports and manifests are
 * never written anew, so what has the same size and time is taken for unchanged until somebody begins with an empty
 * memory. What was not what it should be is not remembered: it may have been damaged on its way.
 */
export class ReportMemory {
  #remembered = new Map<string, unknown>();

  /** One look. What was read is remembered even when it breaks off. */
  reading(store: ReportStore, signal: AbortSignal): ChainReading {
    const used = new Map<string, unknown>();
    const remembered = this.#remembered;
    const once = async <T>(
      object: StoredObject,
      read: () => Promise<T | undefined>,
      isWhole: (value: T) => boolean,
    ) => {
      const name = `${object.key} ${object.sizeBytes} ${object.modifiedAt.getTime()}`;
      const value = (remembered.get(name) as T | undefined) ?? (await read());
      if (value === undefined || !isWhole(value)) return value;
      remembered.set(name, value);
      used.set(name, value);
      return value;
    };
    return {
      list: (prefix) => store.list(prefix, signal),
      isThere: async (key) => (await store.head(key, signal)) !== undefined,
      reportOf: (object) =>
        once(
          object,
          () => readReport(store, object.key, signal),
          ({ report }) => !(report instanceof Error),
        ),
      hashOf: (object) =>
        once(
          object,
          () => readHash(store, object.key, signal),
          (sha256) => sha256 !== '',
        ),
      finish: () => {
        this.#remembered = used;
      },
    };
  }
}

/** How one look reads. All reject with what the store rejects with. */
export interface ChainReading {
  list(prefix: string): AsyncIterable<StoredObject>;
  isThere(key: string): Promise<boolean>;
  /** Undefined: gone since it was listed. */
  reportOf(object: StoredObject): Promise<Read | undefined>;
  /** The same; empty when the object cannot be read. */
  hashOf(object: StoredObject): Promise<string | undefined>;
  /** To be called when everything was read: what is no longer there is forgotten. */
  finish(): void;
}

export async function readLinks(reading: ChainReading, target: string): Promise<Link[]> {
  const objects: { readonly number: number; readonly object: StoredObject }[] = [];
  for await (const object of reading.list(chainPrefix(target))) {
    const number = chainNumber(target, object.key);
    if (number !== undefined) objects.push({ number, object });
  }
  const links = await mapLimit(objects, readsAtOnce, async ({ number, object }) => {
    const read = await reading.reportOf(object);
    return read === undefined ? [] : [{ number, ...read }];
  });
  return links.flat();
}

export interface BesideBackups {
  readonly besides: readonly Beside[];
  /** Keys of reports, those included that retention deleted while they were read. */
  readonly listed: ReadonlySet<string>;
  /** By the backup. */
  readonly manifests: ReadonlyMap<string, StoredObject>;
}

export async function readBesides(reading: ChainReading, target: string): Promise<BesideBackups> {
  const objects: { readonly object: StoredObject; readonly backupId: string }[] = [];
  const manifests = new Map<string, StoredObject>();
  for await (const object of reading.list(`${target}/`)) {
    const split = splitBackupKey(object.key);
    if (split?.name === manifestName) manifests.set(split.backupId, object);
    if (split !== undefined && isProofName(split.name)) objects.push({ object, backupId: split.backupId });
  }
  const besides = await mapLimit(objects, readsAtOnce, async ({ object, backupId }) => {
    const read = await reading.reportOf(object);
    return read === undefined ? [] : [{ key: object.key, backupId, ...read }];
  });
  return { besides: besides.flat(), listed: new Set(objects.map(({ object }) => object.key)), manifests };
}

async function readReport(store: ReportStore, key: string, signal: AbortSignal): Promise<Read | undefined> {
  const bytes = await readBytes(store, key, signal);
  if (bytes === undefined) return undefined;
  if (bytes instanceof Error) return { sha256: '', report: bytes };
  const report = parseReport(bytes);
  return { sha256: sha256Of(bytes), report: report instanceof Error ? report : inShort(report) };
}

function inShort({ target, backupId, startedAt, finishedAt, chain, manifestSha256 }: Proof): ReadReport {
  return { target, backupId, startedAt, finishedAt, chain, manifestSha256 };
}

async function readHash(store: ReportStore, key: string, signal: AbortSignal): Promise<string | undefined> {
  const bytes = await readBytes(store, key, signal);
  return bytes instanceof Error ? '' : bytes && sha256Of(bytes);
}

/** Undefined: gone since it was listed. An Error: there, but not whole. */
async function readBytes(store: ReportStore, key: string, signal: AbortSignal): Promise<Buffer | Error | undefined> {
  try {
    return await readWhole(store, key, signal);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (error.kind === 'missing') return undefined;
    if (error.kind === 'damaged') return error;
    throw error;
  }
}
