import type { Attempt } from '../attempt.ts';
import type { Value } from './values.ts';

/** What tells a record from all others of its collection. */
export interface RecordKey {
  /** Texts in the order of the pair's key; the same on both sides. Bytes are hexadecimal digits. */
  readonly parts: readonly string[];
  /** Other ways in which the same key may be written in the other store, e.g. an instant. */
  readonly otherForms?: readonly (readonly string[])[] | undefined;
}

/** A row, an item, or a key of Redis with its value: as far as it is compared. */
export interface StoredRecord {
  readonly key: RecordKey;
  /** What is compared beside the key, by the name that a report gives it. */
  readonly values: ReadonlyMap<string, Value>;
  /** Why something of it is not compared. */
  readonly skipped?: string | undefined;
}

export interface RecordCount {
  readonly records: number;
  /** Why it may be wrong, and what would tell it exactly; undefined when it was counted. */
  readonly doubt?: string | undefined;
  /** What was counted is right, and something was not counted: there are so many or more. */
  readonly isAtLeast?: boolean;
}

export interface RecordSample {
  readonly records: readonly StoredRecord[];
  /** What the reader should know of how they were chosen. */
  readonly notes: readonly string[];
  /** Why they are not of the whole collection, where they should have been. */
  readonly leftOut?: string | undefined;
}

/** In place of a record: who may have it could not be asked. */
export class Unasked {
  readonly why: string;

  constructor(why: string) {
    this.why = why;
  }
}

/** Undefined: there is none. */
export type LookedUp = StoredRecord | Unasked | undefined;

/**
 * A table or a logical database, of whatever engine. Each method tells why it could not when that is no fault of the
 * program, and rejects when the session is lost or the work cancelled. One call at a time.
 */
export interface RecordCollection {
  /** As its server and a report call it. */
  readonly name: string;
  count(): Promise<Attempt<RecordCount>>;
  /** Some records by chance; all of them when there are no more than `amount`. */
  sample(amount: number): Promise<Attempt<RecordSample>>;
  /** One for each key, in their order. */
  lookUp(keys: readonly RecordKey[]): Promise<Attempt<readonly LookedUp[]>>;
  /** What the reader should know of all that was read so far. */
  readonly remarks?: readonly string[];
}

/** Two collections that should hold the same. */
export interface RecordPair {
  readonly label: string;
  /** How a report calls the parts of a key. */
  readonly keyNames: readonly string[];
  readonly sides: readonly [RecordCollection, RecordCollection];
  /** Names of what is not the same in two records of one key. */
  readonly differing: (source: StoredRecord, other: StoredRecord) => readonly string[];
  /** Whether a record may have ended by itself on the other side by now, so that it is not missing there. */
  readonly mayEnd?: ((record: StoredRecord) => boolean) | undefined;
  /** Why records of one cannot be looked up in the other; undefined when they can. */
  readonly unmatched?: string | undefined;
}

/** A collection that the other side lacks. */
export interface LoneCollection {
  readonly label: string;
  readonly in: 'source' | 'other';
  readonly collection: RecordCollection;
}
