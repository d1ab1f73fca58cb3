import type { z } from 'zod';
import { mapLimit } from '../core/map-limit.ts';
import type { WorkContext } from '../core/work-context.ts';
import { type ObjectStore, readWhole, type StoredObject, StoreError } from '../storage/object-store.ts';
import {
  type BackupMarks,
  isPinName,
  marksPrefix,
  type Pin,
  pinName,
  pinSchema,
  splitMarkKey,
  tombstoneSchema,
} from './retention-marks.ts';

/** By the id of the backup they are about. */
export type MarksOfTarget = ReadonlyMap<string, { readonly marks: BackupMarks; readonly objects: StoredObject[] }>;

const readsAtOnce = 8;

/**
 * Pins and tombstones of a target. They are few, and may be written anew under the same key, so nothing of them is
 * remembered. What cannot be read errs on the side of keeping: a pin counts as one, a tombstone as none.
 * @param backupId of this backup alone
 */
export async function readMarks(
  store: Pick<ObjectStore, 'list' | 'get'>,
  target: string,
  signal: AbortSignal,
  backupId?: string,
): Promise<MarksOfTarget> {
  const found: { readonly object: StoredObject; readonly backupId: string; readonly name: string }[] = [];
  for await (const object of store.list(marksPrefix(target, backupId), signal)) {
    const key = splitMarkKey(target, object.key);
    if (key !== undefined) found.push({ object, ...key });
  }
  const marks = new Map<
    string,
    { marks: { -readonly [K in keyof BackupMarks]: BackupMarks[K] }; objects: StoredObject[] }
  >();
  await mapLimit(found, readsAtOnce, async ({ object, backupId: id, name }) => {
    const bytes = await readIfThere(store, object.key, signal);
    if (bytes === undefined) return;
    const own = marks.get(id) ?? { marks: { pins: [], askedPin: undefined, tombstone: undefined }, objects: [] };
    marks.set(id, own);
    own.objects.push(object);
    if (!isPinName(name)) own.marks.tombstone = parse(bytes, tombstoneSchema);
    else {
      const pin = parsePin(bytes, { target, backupId: id }, object.modifiedAt);
      own.marks.pins = [...own.marks.pins, pin];
      if (name === pinName) own.marks.askedPin = pin;
    }
  });
  return marks;
}

/** The pin that somebody asked for, as it is in the store now; undefined when there is none. */
export async function readAskedPin(
  store: Pick<ObjectStore, 'get'>,
  about: Pick<Pin, 'target' | 'backupId'>,
  { clock, signal }: Pick<WorkContext, 'clock' | 'signal'>,
): Promise<Pin | undefined> {
  const bytes = await readIfThere(store, `${marksPrefix(about.target, about.backupId)}${pinName}`, signal);
  return bytes && parsePin(bytes, about, clock.now());
}

function parsePin(bytes: Buffer, about: Pick<Pin, 'target' | 'backupId'>, modifiedAt: Date): Pin {
  const unreadable: Pin = {
    format: 'watchkeeper-pin/1',
    ...about,
    pinnedAt: modifiedAt.toISOString(),
    reason: 'its pin cannot be read',
  };
  return parse(bytes, pinSchema) ?? unreadable;
}

function parse<T>(bytes: Buffer, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.safeParse(JSON.parse(bytes.toString('utf8'))).data;
  } catch {
    return undefined;
  }
}

/** Undefined: taken away since it was listed. What is there but damaged is empty, which no schema takes. */
async function readIfThere(
  store: Pick<ObjectStore, 'get'>,
  key: string,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  try {
    return await readWhole(store, key, signal);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (error.kind === 'missing') return undefined;
    if (error.kind === 'damaged') return Buffer.alloc(0);
    throw error;
  }
}
