import type { ZodType } from 'zod';
import type { Clock } from '../core/clock.ts';
import { abortable } from '../core/deadline.ts';
import { errorMessage } from '../core/errors.ts';
import { mapLimit } from '../core/map-limit.ts';
import { type ObjectStore, readWhole, type StoredObject, StoreError, type StoreRoom } from '../storage/object-store.ts';
import { backupKey, isProofName, manifestName, splitBackupKey, startMarkerName } from './backup-keys.ts';
import type { Attempt, Catalog, CatalogEntry, TargetContents } from './catalog.ts';
import { manifestSchema, newestReportFirst, type Proof, proofSchema, startMarkerSchema } from './manifest.ts';
import { type ManifestSummary, summaryOf } from './manifest-summary.ts';
import { sha256Of } from './proof-chain.ts';
import { type MarksOfTarget, readMarks } from './read-marks.ts';
import { noMarks } from './retention-marks.ts';
import { parseSealedJson } from './sealed-json.ts';

interface Folder {
  readonly backupId: string;
  readonly objects: readonly (StoredObject & { readonly name: string })[];
}

/** What an object holds, and the hash of its bytes. */
interface Parsed<T> {
  readonly value: T;
  readonly sha256: string;
}

/** A read under way that several callers share; it ends when the last of them gave up. */
interface Reading {
  readonly contents: Promise<TargetContents>;
  readonly stop: AbortController;
  waiting: number;
}

const summarySchema = manifestSchema.transform(summaryOf);

const readsAtOnce = 8;
/** Manifests of backups of terabytes; reading one takes several times its size in memory, so they are read one by one. */
const largeBytes = 2 ** 20;
/** Many jobs ask for the same target within a moment; each listing costs a request and, in the cloud, money. */
const viewLifeMs = 15_000;

/**
 * The catalog of one store, read from its listing. Manifests, reports and markers never change once written, so what
 * was read is remembered by its key, size and time; what is gone from the listing is forgotten. What could not be read is
 * read again each time: it may have been damaged on its way, or be repaired since.
 */
export class StoreCatalog implements Catalog {
  readonly storeName: string;
  readonly #store: Pick<ObjectStore, 'list' | 'get' | 'room'>;
  readonly #clock: Clock;
  readonly #parsed = new Map<string, unknown>();
  readonly #readings = new Map<string, Reading>();
  readonly #views = new Map<string, { readonly atMs: number; readonly contents: TargetContents }>();

  constructor(storeName: string, store: Pick<ObjectStore, 'list' | 'get' | 'room'>, clock: Clock) {
    this.storeName = storeName;
    this.#store = store;
    this.#clock = clock;
  }

  async read(target: string, signal: AbortSignal): Promise<TargetContents> {
    const view = this.#views.get(target);
    if (view !== undefined && this.#clock.monotonicMs() - view.atMs < viewLifeMs) return view.contents;
    const reading = this.#readings.get(target) ?? this.#beginReading(target);
    reading.waiting++;
    try {
      return await abortable(reading.contents, signal);
    } finally {
      reading.waiting--;
      if (reading.waiting === 0) this.#endReading(target, reading);
    }
  }

  async room(): Promise<StoreRoom> {
    return (await this.#store.room?.()) ?? {};
  }

  /** To be called by whoever changed something under the target: the next read asks the store. */
  forget(target: string): void {
    this.#views.delete(target);
    // What is being read now may be older than the change: nobody joins it any more, and it is not remembered.
    this.#readings.delete(target);
  }

  #beginReading(target: string): Reading {
    const stop = new AbortController();
    const atMs = this.#clock.monotonicMs();
    const contents = this.#readStore(target, stop.signal).then((found) => {
      if (this.#readings.get(target) === reading) this.#views.set(target, { atMs, contents: found });
      return found;
    });
    const reading: Reading = { contents, stop, waiting: 0 };
    this.#readings.set(target, reading);
    return reading;
  }

  #endReading(target: string, reading: Reading): void {
    reading.stop.abort(new Error('nobody waits for it any more'));
    if (this.#readings.get(target) === reading) this.#readings.delete(target);
  }

  async #readStore(target: string, signal: AbortSignal): Promise<TargetContents> {
    // The backups first: a mark is made for what is there already, so none looks as if it had no backup.
    const folders = await this.#listFolders(target, signal);
    const marks = await readMarks(this.#store, target, signal);
    this.#forgetAllBut(target, folders);
    const entries: CatalogEntry[] = [];
    const attempts: Attempt[] = [];
    const unreadable: TargetContents['unreadable'][number][] = [];
    const readFolder = async (folder: Folder) => {
      if (!folder.objects.some(({ name }) => name === manifestName)) {
        attempts.push(await this.#readAttempt(target, folder, signal));
        return;
      }
      const manifest = await this.#readManifest(target, folder, signal);
      if (manifest === 'gone') return;
      if ('reason' in manifest) {
        unreadable.push({ backupId: folder.backupId, reason: manifest.reason });
        return;
      }
      const missingParts = await this.#missingParts(manifest.value, folder, signal);
      if (missingParts === 'gone') return;
      const entry = await this.#readEntry(manifest, folder, signal);
      entries.push({ ...entry, missingParts, marks: marksOf(marks, manifest.value) });
    };
    const [large = [], small = []] = [true, false].map((wanted) =>
      folders.filter((folder) => isLarge(folder) === wanted),
    );
    await mapLimit(small, readsAtOnce, readFolder);
    await mapLimit(large, 1, readFolder);
    return {
      entries: entries.sort((a, b) => compareText(b.manifest.snapshotAt, a.manifest.snapshotAt)),
      attempts: attempts.sort((a, b) => compareText(b.backupId, a.backupId)),
      unreadable: unreadable.sort((a, b) => compareText(b.backupId, a.backupId)),
      strayMarks: strayMarks(marks, folders),
    };
  }

  async #listFolders(target: string, signal: AbortSignal): Promise<Folder[]> {
    const folders = new Map<string, (StoredObject & { name: string })[]>();
    for await (const object of this.#store.list(`${target}/`, signal)) {
      const key = splitBackupKey(object.key);
      if (key === undefined) continue;
      const objects = folders.get(key.backupId) ?? [];
      folders.set(key.backupId, objects);
      objects.push({ ...object, name: key.name });
    }
    return [...folders].map(([backupId, objects]) => ({ backupId, objects }));
  }

  async #readManifest(
    target: string,
    folder: Folder,
    signal: AbortSignal,
  ): Promise<Parsed<ManifestSummary> | 'gone' | { readonly reason: string }> {
    const manifest = await this.#readJson(target, folder, manifestName, summarySchema, signal);
    if (manifest === undefined) return 'gone';
    if (manifest instanceof Error) return { reason: errorMessage(manifest) };
    const { value } = manifest;
    if (value.id !== folder.backupId || value.target !== target) {
      return { reason: `the manifest belongs to ${value.target}/${value.id}` };
    }
    return manifest;
  }

  /** What the listing lacks is looked for once more: the backup may just have been finished, or deleted, while it was made. */
  async #missingParts(
    manifest: ManifestSummary,
    folder: Folder,
    signal: AbortSignal,
  ): Promise<readonly string[] | 'gone'> {
    if (missingOf(manifest, folder).length === 0) return [];
    const { backupId } = folder;
    const objects = (await Array.fromAsync(this.#store.list(backupKey(manifest.target, backupId, ''), signal))).map(
      (object) => ({ ...object, name: splitBackupKey(object.key)?.name ?? '' }),
    );
    return objects.some(({ name }) => name === manifestName) ? missingOf(manifest, { backupId, objects }) : 'gone';
  }

  async #readEntry(
    { value: manifest, sha256 }: Parsed<ManifestSummary>,
    folder: Folder,
    signal: AbortSignal,
  ): Promise<Omit<CatalogEntry, 'marks' | 'missingParts'>> {
    const names = folder.objects.map(({ name }) => name).filter(isProofName);
    const proofs: Proof[] = [];
    const unreadableReports: string[] = [];
    for (const name of names) {
      const proof = await this.#readJson(manifest.target, folder, name, proofSchema, signal);
      if (proof === undefined) continue;
      // A report that cannot be read proves nothing, and what it said may have been bad; one about something else likewise.
      if (proof instanceof Error || !isAbout(proof.value, manifest, sha256)) unreadableReports.push(name);
      else proofs.push(proof.value);
    }
    proofs.sort(newestReportFirst);
    const repairedAt = repairedAtOf(manifest, folder);
    return {
      manifest,
      proofs,
      unreadableReports,
      ...(repairedAt === undefined ? {} : { repairedAt }),
      storedBytes: totalBytes(folder),
    };
  }

  async #readAttempt(target: string, folder: Folder, signal: AbortSignal): Promise<Attempt> {
    const hasMarker = folder.objects.some(({ name }) => name === startMarkerName);
    const started = hasMarker
      ? await this.#readJson(target, folder, startMarkerName, startMarkerSchema, signal)
      : undefined;
    return {
      target,
      backupId: folder.backupId,
      ...(started === undefined || started instanceof Error ? {} : { started: started.value }),
      modifiedAt: new Date(Math.max(...folder.objects.map(({ modifiedAt }) => modifiedAt.getTime()))),
      storedBytes: totalBytes(folder),
    };
  }

  /** Undefined: gone since it was listed. An Error: there, but not what it should be. Store failures are thrown. */
  async #readJson<T>(
    target: string,
    folder: Folder,
    name: string,
    schema: ZodType<T>,
    signal: AbortSignal,
  ): Promise<Parsed<T> | Error | undefined> {
    const object = folder.objects.find((one) => one.name === name);
    const memory = `${backupKey(target, folder.backupId, name)} ${object?.sizeBytes} ${object?.modifiedAt.getTime()}`;
    if (this.#parsed.has(memory)) return this.#parsed.get(memory) as Parsed<T>;
    const bytes = await this.#readIfThere(backupKey(target, folder.backupId, name), signal);
    if (bytes === undefined) return undefined;
    const value = bytes instanceof Error ? bytes : parseSealedJson(bytes, schema);
    if (bytes instanceof Error || value instanceof Error) return value as Error;
    const parsed = { value, sha256: sha256Of(bytes) };
    this.#parsed.set(memory, parsed);
    return parsed;
  }

  async #readIfThere(key: string, signal: AbortSignal): Promise<Buffer | Error | undefined> {
    try {
      return await readWhole(this.#store, key, signal);
    } catch (error) {
      if (error instanceof StoreError && error.kind === 'missing') return undefined;
      if (error instanceof StoreError && error.kind === 'damaged') return error;
      throw error;
    }
  }

  #forgetAllBut(target: string, folders: readonly Folder[]): void {
    const ids = new Set(folders.map(({ backupId }) => backupId));
    for (const memory of this.#parsed.keys()) {
      const key = splitBackupKey(memory);
      if (key !== undefined && key.target === target && !ids.has(key.backupId)) this.#parsed.delete(memory);
    }
  }
}

function marksOf(marks: MarksOfTarget, { id }: ManifestSummary): CatalogEntry['marks'] {
  return marks.get(id)?.marks ?? noMarks;
}

function strayMarks(marks: MarksOfTarget, folders: readonly Folder[]): StoredObject[] {
  const ids = new Set(folders.map(({ backupId }) => backupId));
  return [...marks].filter(([backupId]) => !ids.has(backupId)).flatMap(([, { objects }]) => objects);
}

/** By the sizes that the listing tells. */
function missingOf({ parts }: ManifestSummary, { objects }: Folder): string[] {
  const sizes = new Map(objects.map(({ name, sizeBytes }) => [name, sizeBytes]));
  return parts.filter(({ name, sizeBytes }) => sizes.get(name) !== sizeBytes).map(({ name }) => name);
}

/** Parts come before the manifest, unless one was lost and is there again. */
function repairedAtOf({ parts }: ManifestSummary, { objects }: Folder): Date | undefined {
  const instants = new Map(objects.map(({ name, modifiedAt }) => [name, modifiedAt.getTime()]));
  const lastMs = Math.max(...parts.map(({ name }) => instants.get(name) ?? 0));
  return lastMs > (instants.get(manifestName) ?? 0) ? new Date(lastMs) : undefined;
}

/** @param sha256 of the manifest as it is now; reports from before there was a chain do not name one */
function isAbout({ backupId, manifestSha256 }: Proof, manifest: ManifestSummary, sha256: string): boolean {
  return backupId === manifest.id && (manifestSha256 ?? sha256) === sha256;
}

function isLarge({ objects }: Folder): boolean {
  return objects.some(({ name, sizeBytes }) => name === manifestName && sizeBytes > largeBytes);
}

function totalBytes(folder: Folder): number {
  return folder.objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
