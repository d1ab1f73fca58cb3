/**
 * Makes the shipped rules and the shipped configuration of Alertmanager fast enough for a test: `for`, ranges, offsets and
 * the waits of Alertmanager pass `factor` times faster. Nothing else is changed, but for the `limits` given: pieces of
 * expressions about ages, which otherwise would have to grow for hours. Throws when one of these is not there.
 */
export function shortenRules(rules: string, factor: number, limits: Readonly<Record<string, string>> = {}): string {
  const faster = rules
    .replaceAll(/^(\s+for: )(\w+)$/gm, (_, key: string, duration: string) => key + shorten(duration, factor))
    .replaceAll(/\[(\w+)\]/g, (_, range: string) => `[${shorten(range, factor)}]`)
    .replaceAll(/\boffset (\w+)/g, (_, offset: string) => `offset ${shorten(offset, factor)}`);
  return Object.entries(limits).reduce((text, [shipped, ofTest]) => {
    if (!text.includes(shipped)) throw new Error(`no rule has "${shipped}"`);
    return text.replaceAll(shipped, ofTest);
  }, faster);
}

/** The configuration of Alertmanager with faster waits and with `receivers` in place of the example's address. */
export function shortenAlertmanager(configuration: string, factor: number, receivers: string): string {
  return configuration
    .replaceAll(
      /^(\s+(?:group_wait|group_interval): )(\w+)$/gm,
      (_, key: string, duration: string) => key + shorten(duration, factor),
    )
    .replaceAll('http://127.0.0.1:9095', receivers);
}

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `1h30m` by 60 → `90000ms`. */
function shorten(duration: string, factor: number): string {
  const parts = [...duration.matchAll(/(\d+)(ms|[smhd])/g)];
  if (parts.map(([text]) => text).join('') !== duration) throw new Error(`not a duration: ${duration}`);
  const ms = parts.reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (unitsMs[unit] ?? 0), 0);
  return `${Math.round(ms / factor)}ms`;
}
