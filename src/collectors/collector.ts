import type { Metric, Sample } from '../core/metric.ts';
import type { WorkContext } from '../core/work-context.ts';

/**
 * One family of metrics of one engine. Adding one is a file plus a line in its engine's `index.ts`.
 * `collect` gives all its samples or throws; it logs nothing (the scrape does) and keeps no state.
 */
export interface Collector<S> {
  /** snake_case; the key in the configuration and the value of the `collector` label. */
  readonly name: string;
  /** One or two sentences for the reference page: what it shows, and where it does not apply. */
  readonly about: string;
  /**
   * `server`: once per target. `database`: once for each watched database, with a session in it; every sample then
   * carries the database's name as label `datname`.
   */
  readonly scope: 'server' | 'database';
  /** Every metric that `collect` may give; a sample of any other fails the family. */
  readonly metrics: readonly Metric[];
  /**
   * For metrics whose names only the server knows (one for each setting): the family may also give any whose name begins
   * with this, and no other family has such names.
   */
  readonly openNames?: OpenNames;
  readonly enabledByDefault: boolean;
  /** For costly families: the last result is served again until it is this old. */
  readonly minIntervalMs?: number;
  collect(session: S, context: WorkContext): Promise<readonly Sample[]>;
}

/** Metrics that are not known beforehand. */
export interface OpenNames {
  /** E.g. `pg_settings_`. */
  readonly prefix: string;
  /** For the reference page: what the rest of the name, the value and the unit are. */
  readonly help: string;
  readonly source: string;
}

/** Thrown by `collect` where there is nothing to measure (another version, a missing extension): no failure. */
export class NotApplicable extends Error {
  override readonly name = 'NotApplicable';

  constructor(message: string, options?: ErrorOptions) {
    // Thrown with every scrape, and nobody asks where: finding that out would cost more than most families do.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message, options);
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/**
 * Thrown by `collect` where some of what the family shows could not be read: the family counts as failed, and these samples
 * are shown all the same. The cause tells what is missing.
 */
export class CollectedInPart extends Error {
  override readonly name = 'CollectedInPart';
  readonly samples: readonly Sample[];

  constructor(samples: readonly Sample[], cause: unknown) {
    super('not everything could be read', { cause });
    this.samples = samples;
  }
}

/**
 * Thrown by `collect` where the role may not do what the family needs; the message says what to grant. It is not tried
 * again for some minutes, because the server writes a line into its log each time.
 */
export class NotPermitted extends Error {
  override readonly name = 'NotPermitted';
}
