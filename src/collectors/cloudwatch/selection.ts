import { z } from 'zod';
import { mapLimit } from '../../core/map-limit.ts';
import type { WorkContext } from '../../core/work-context.ts';
import type { ByName } from './look-at-each.ts';
import type { Pace } from './pace.ts';

const names = z.array(z.string().min(1));

/** The setting that says which resources of a kind are watched; `many` is what they are called, e.g. `tables`. */
export function selectionSchema(many: string) {
  const title = `${many.charAt(0).toUpperCase()}${many.slice(1)}`;
  return z.strictObject({
    names: names.default([]).describe(`${title} by name; one that does not exist is shown as missing.`),
    prefixes: names.default([]).describe(`${title} whose name begins with one of these.`),
    tags: z
      .record(z.string().min(1), z.string())
      .default({})
      .describe(`Only ${many} that have all these tags, of those that the rest chooses; tags are read once an hour.`),
    exclude: names.default([]).describe('Not these, whatever chooses them.'),
    limit: z
      .int()
      .min(1)
      .max(10_000)
      .default(500)
      .describe(`Most ${many} that are watched, in the order of their names.`),
  });
}
export type Selection = z.infer<ReturnType<typeof selectionSchema>>;

/** The resources that are watched, by name. */
export interface Chosen<T> {
  readonly described: ByName<T>;
  /** Called by name in the configuration, and not there. */
  readonly missing: readonly string[];
  /** Beyond the limit. */
  readonly notWatched: number;
}

/** The names that names, prefixes and exclusions choose, in their order, before tags are looked at. */
export function chooseNames(existing: readonly string[], selection: Selection): string[] {
  const chosen = new Set([...selection.names, ...existing.filter((name) => isChosen(name, selection))]);
  return [...chosen].filter((name) => !selection.exclude.includes(name)).sort();
}

/** Whether names, prefixes and exclusions choose the name. */
export function isChosen(name: string, { names: called, prefixes, exclude }: Selection): boolean {
  if (exclude.includes(name)) return false;
  const isOpen = called.length === 0 && prefixes.length === 0;
  return isOpen || called.includes(name) || prefixes.some((prefix) => name.startsWith(prefix));
}

/** Whether all of them are called by name, so that the list of all is not needed. */
export function isClosed({ names: called, prefixes }: Selection): boolean {
  return called.length > 0 && prefixes.length === 0;
}

export function hasTags(tags: ReadonlyMap<string, string>, wanted: Selection['tags']): boolean {
  return Object.entries(wanted).every(([key, value]) => tags.get(key) === value);
}

/** Of all resources, by name, those that are chosen; tags are asked for only of those that names choose. */
export async function chooseDescribed<T>(
  all: ByName<T>,
  selection: Selection,
  hasWantedTags: (one: T) => Promise<boolean>,
): Promise<Chosen<T>> {
  const { limit, names: called, exclude } = selection;
  const candidates = [...all].filter(([name]) => isChosen(name, selection)).sort(([a], [b]) => (a < b ? -1 : 1));
  const fits = await mapLimit(candidates, atOnce, ([, one]) => hasWantedTags(one));
  const chosen = candidates.filter((_one, index) => fits[index]);
  return {
    described: new Map(chosen.slice(0, limit)),
    missing: called.filter((name) => !all.has(name) && !exclude.includes(name)),
    notWatched: Math.max(0, chosen.length - limit),
  };
}

const atOnce = 8;

/** Tags are asked for again after this time, in milliseconds: one call for each resource. */
const tagsKeptMs = 3_600_000;

/** Finds the resources that have the tags. Keeps tags for an hour. */
export class TagFilter {
  readonly #read: (resource: string, signal: AbortSignal) => Promise<ReadonlyMap<string, string>>;
  readonly #pace: Pace;
  readonly #tags: Selection['tags'];
  readonly #known = new Map<string, { readonly matches: boolean; readonly atMs: number }>();

  /** `read` asks for the tags of a resource, by the name that the service wants for it: mostly the ARN. */
  constructor(
    read: (resource: string, signal: AbortSignal) => Promise<ReadonlyMap<string, string>>,
    pace: Pace,
    tags: Selection['tags'],
  ) {
    this.#read = read;
    this.#pace = pace;
    this.#tags = tags;
  }

  get isNeeded(): boolean {
    return Object.keys(this.#tags).length > 0;
  }

  async matches(resource: string, { signal, clock }: WorkContext): Promise<boolean> {
    if (!this.isNeeded) return true;
    const nowMs = clock.monotonicMs();
    const known = this.#known.get(resource);
    if (known !== undefined && nowMs - known.atMs < tagsKeptMs) return known.matches;
    await this.#pace.turn(signal);
    const matches = hasTags(await this.#read(resource, signal), this.#tags);
    this.#known.set(resource, { matches, atMs: nowMs });
    return matches;
  }
}
