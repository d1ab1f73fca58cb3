/** One thing that is not the same on both sides. Null: the side does not have it. */
export interface Difference {
  /** As facts are called (`rows public.orders`), or kind and name of an object (`indexes public.orders orders_idx`). */
  readonly name: string;
  readonly source: string | null;
  readonly other: string | null;
}

/** Rows of one table that differ, by their primary keys. */
export interface DifferingKeys {
  readonly table: string;
  /** Columns of the key, in the order of the values below. */
  readonly columns: readonly string[];
  readonly onlyInSource: readonly (readonly string[])[];
  readonly onlyInOther: readonly (readonly string[])[];
  readonly changed: readonly (readonly string[])[];
  /** What differs of each of `changed`, where it is known. */
  readonly changedColumns?: readonly (readonly string[])[];
  /** There are more than those that are named. */
  readonly more: boolean;
}

/** How many records two collections have. */
export interface ComparedCount {
  readonly name: string;
  readonly source: number;
  readonly other: number;
  /** Which of them are estimates; when there is one, the two were not compared. */
  readonly estimated: readonly ('source' | 'other')[];
  /** Which of them are of a part, since something could not be asked: there are so many or more. Absent: none. */
  readonly partial?: readonly ('source' | 'other')[];
}

/** How many records of each side were looked up on the other. */
export interface ComparedSample {
  readonly name: string;
  readonly fromSource: number;
  readonly fromOther: number;
}

/** What was compared, and which state of it. */
export interface ComparedState {
  readonly target: string;
  /** Absent: PostgreSQL. */
  readonly engine?: 'postgres' | 'dynamodb' | 'redis';
  /** The region of DynamoDB; of Redis `db0`, empty when all databases of the server are compared. */
  readonly database: string;
  /** Version of the server, e.g. `17.6`. */
  readonly version: string;
  /** The instant whose state was compared, by the clock of the server. */
  readonly snapshotAt: string;
  /** The backup that was read instead of the server, and the store in which its manifest lies. */
  readonly backup?: { readonly id: string; readonly store: string };
}

/**
 * `incomplete`: what could be compared is the same, but something could not be; where something differs the result is
 * `different`, whatever else could not be compared.
 */
export type ComparisonResult = 'same' | 'different' | 'incomplete';

/** The report of `watchkeeper compare`. */
export interface Comparison {
  readonly format: 'watchkeeper-comparison/1';
  readonly result: ComparisonResult;
  /** `samples`: two stores that have only records and keys in common. */
  readonly level: 'rows' | 'content' | 'samples';
  readonly source: ComparedState;
  readonly other: ComparedState;
  /** Both snapshots were taken within this span; absent where one side is a backup. */
  readonly snapshotsWithinSeconds?: number;
  readonly startedAt: string;
  readonly finishedAt: string;
  /** Things that both sides were asked about: facts and objects. */
  readonly compared: number;
  readonly tables: number;
  readonly differences: readonly Difference[];
  readonly keys: readonly DifferingKeys[];
  /** With level `samples`. */
  readonly counts?: readonly ComparedCount[];
  readonly samples?: readonly ComparedSample[];
  /** What should have been compared, and why it was not. */
  readonly notCompared: readonly { readonly what: string; readonly why: string }[];
  /** What the reader should know: what such a comparison leaves out. */
  readonly notes: readonly string[];
}
