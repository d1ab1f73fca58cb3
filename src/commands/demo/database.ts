/** One of the demo's databases: a service's own, with its own role as owner. */
export interface DemoDatabase {
  readonly name: string;
  /** Role of the service; owns everything in it. */
  readonly owner: string;
  /** Run as the owner in the empty database. */
  readonly schema: string;
  /** Fills the tables; run as the owner. */
  readonly rows: string;
  /** What the service goes on doing, one statement after the other, without end. */
  readonly work: readonly string[];
}
