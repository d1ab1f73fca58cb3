import type { Look, Refreshed } from '../refreshed.ts';
import type { Subject, Subjects } from './service.ts';

/** What has metrics, where one look tells all of it. */
export async function subjectsOfLook<T>(
  refreshed: Refreshed<T>,
  signal: AbortSignal,
  subjectsOf: (value: T) => readonly Subject[],
): Promise<Look<Subjects>> {
  const found = await refreshed.read(signal);
  return { ...found, value: { all: subjectsOf(found.value), incomplete: new Map() } };
}
