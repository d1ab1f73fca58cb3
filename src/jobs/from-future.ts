import type { Manifest } from './manifest.ts';

/** What is this far ahead of our clock is taken for present: other machines' clocks differ a little. */
export const clockToleranceMs = 5 * 60_000;

/** Whether an instant is so far ahead that it was written while some clock was wrong: nobody knows when it was. */
export function isFromFuture(instant: Date | string, now: Date): boolean {
  return new Date(instant).getTime() > now.getTime() + clockToleranceMs;
}

/**
 * Whether a backup was made while some clock was wrong. It stays, and can be restored, but how old its state is nobody knows: it
 * makes nothing else look done or young.
 */
export function isBackupFromFuture(
  { startedAt, snapshotAt, finishedAt }: Pick<Manifest, 'startedAt' | 'snapshotAt' | 'finishedAt'>,
  now: Date,
): boolean {
  return [startedAt, snapshotAt, finishedAt].some((instant) => isFromFuture(instant, now));
}

/** Seconds from an instant until now; a clock that is a little ahead makes nobody younger than new. */
export function ageSeconds(instant: string, now: Date): number {
  return Math.max(0, (now.getTime() - Date.parse(instant)) / 1_000);
}
