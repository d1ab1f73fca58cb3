const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;
type Unit = keyof typeof unitMs;

/** Milliseconds of `30d`, `1h30m`, `500ms`; undefined when the text is no duration. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+$/.test(text)) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g)) {
    totalMs += Number(amount) * unitMs[unit as Unit];
  }
  return totalMs;
}

/** A duration for people, two units at most: `450ms`, `12.3s`, `4m 10s`, `3h 5m`, `2d 4h`. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)}s`;
  if (ms < unitMs.h) return pair(ms, unitMs.m, 'm', unitMs.s, 's');
  if (ms < unitMs.d) return pair(ms, unitMs.h, 'h', unitMs.m, 'm');
  return pair(ms, unitMs.d, 'd', unitMs.h, 'h');
}

function pair(ms: number, largeMs: number, largeName: string, smallMs: number, smallName: string): string {
  const large = Math.floor(ms / largeMs);
  const small = Math.floor((ms % largeMs) / smallMs);
  return small === 0 ? `${large}${largeName}` : `${large}${largeName} ${small}${smallName}`;
}
