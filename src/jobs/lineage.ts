/**
 * The backups of one database made by one schedule into one store: what retention, RPO and proof are about.
 * `id` is unique within a store.
 */
export interface Lineage {
  readonly store: string;
  readonly target: string;
  readonly schedule: string;
  readonly database: string;
}

/** `payments/nightly/payments_db`, for logs, locks and messages. */
export function lineageName(lineage: Omit<Lineage, 'store'>): string {
  return `${lineage.target}/${lineage.schedule}/${lineage.database}`;
}

export function sameLineage(a: Omit<Lineage, 'store'>, b: Omit<Lineage, 'store'>): boolean {
  return a.target === b.target && a.schedule === b.schedule && a.database === b.database;
}

/** Every target in every store that it has backups in, once. */
export function placesOf(lineages: readonly Lineage[]): Pick<Lineage, 'store' | 'target'>[] {
  return [...new Map(lineages.map(({ store, target }) => [`${store}\n${target}`, { store, target }])).values()];
}
