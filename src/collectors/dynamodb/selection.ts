import type { WorkContext } from '../../core/work-context.ts';
import type { DynamodbApi } from '../../targets/dynamodb/api.ts';
import type { Pace } from './pace.ts';
import type { TableSelection } from './settings.ts';

/** Tags are asked for again after this time, in milliseconds: one call for each table. */
const tagsKeptMs = 3_600_000;

/** The tables that names, prefixes and exclusions choose, before tags are looked at. */
export function chooseTables(existing: readonly string[], selection: TableSelection): string[] {
  const { names, prefixes, exclude } = selection;
  const isOpen = names.length === 0 && prefixes.length === 0;
  const isChosen = (name: string) => isOpen || prefixes.some((prefix) => name.startsWith(prefix));
  const chosen = new Set([...names, ...existing.filter(isChosen)]);
  return [...chosen].filter((name) => !exclude.includes(name)).sort();
}

/** Whether all of them are called by name, so that the list of all tables is not needed. */
export function isClosed({ names, prefixes }: TableSelection): boolean {
  return names.length > 0 && prefixes.length === 0;
}

/** Finds the tables that have the tags. Keeps tags for an hour. */
export class TagFilter {
  readonly #api: DynamodbApi;
  readonly #pace: Pace;
  readonly #tags: TableSelection['tags'];
  readonly #known = new Map<string, { readonly matches: boolean; readonly atMs: number }>();

  constructor(api: DynamodbApi, pace: Pace, tags: TableSelection['tags']) {
    this.#api = api;
    this.#pace = pace;
    this.#tags = tags;
  }

  get isNeeded(): boolean {
    return Object.keys(this.#tags).length > 0;
  }

  async matches(arn: string, { signal, clock }: WorkContext): Promise<boolean> {
    const nowMs = clock.monotonicMs();
    const known = this.#known.get(arn);
    if (known !== undefined && nowMs - known.atMs < tagsKeptMs) return known.matches;
    await this.#pace.turn(signal);
    const tags = await this.#api.tags(arn, signal);
    const matches = Object.entries(this.#tags).every(([key, value]) => tags.get(key) === value);
    this.#known.set(arn, { matches, atMs: nowMs });
    return matches;
  }
}
