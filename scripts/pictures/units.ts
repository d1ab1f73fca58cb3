import { formatBytes } from '../../src/core/bytes.ts';

/** A value as Grafana writes it in a unit. */
export function formatValue(value: number, unit = 'none', decimals?: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? '–' : '∞';
  if (unit.startsWith('suffix:')) return `${scaled(value, decimals)}${unit.slice('suffix:'.length)}`;
  const write = writers[unit];
  if (write === undefined) throw new Error(`the preview does not know the unit ${unit}`);
  return write(value, decimals);
}

const writers: Readonly<Record<string, (value: number, decimals?: number) => string>> = {
  none: (value, decimals) => plain(value, decimals),
  short: (value, decimals) => scaled(value, decimals),
  bytes: (value) => formatBytes(Math.round(value)),
  Bps: (value) => `${formatBytes(Math.round(value))}/s`,
  ops: (value, decimals) => `${scaled(value, decimals)} ops/s`,
  reqps: (value, decimals) => `${scaled(value, decimals)} req/s`,
  percentunit: (value, decimals) =>
    `${plain(value * 100, decimals ?? (Math.abs(value) < 0.001 ? 4 : Math.abs(value) < 0.1 ? 2 : 1))}%`,
  percent: (value, decimals) => `${plain(value, decimals ?? 1)}%`,
  currencyUSD: (value, decimals) => `$${plain(value, decimals ?? 2)}`,
  ms: (value) => seconds(value / 1_000),
  s: (value) => seconds(value),
  dateTimeFromNow: (value) => fromNow(value / 1_000 - Date.now() / 1_000),
};

function plain(value: number, decimals?: number): string {
  const digits = decimals ?? (Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : Math.abs(value) < 1 ? 3 : 2);
  return value
    .toFixed(digits)
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '');
}

function scaled(value: number, decimals?: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return `${plain(value / 1e9, decimals ?? 1)} Bil`;
  if (size >= 1e6) return `${plain(value / 1e6, decimals ?? 1)} Mil`;
  if (size >= 1e3) return `${plain(value / 1e3, decimals ?? 1)} K`;
  return plain(value, decimals);
}

const spans: readonly (readonly [seconds: number, name: string])[] = [
  [86_400 * 7, 'weeks'],
  [86_400, 'days'],
  [3_600, 'hours'],
  [60, 'mins'],
  [1, 's'],
  [1e-3, 'ms'],
  [1e-6, 'µs'],
];

function seconds(value: number): string {
  if (value === 0) return '0 s';
  const [span, name] = spans.find(([one]) => Math.abs(value) >= one) ?? [1e-6, 'µs'];
  return `${plain(value / span, Math.abs(value / span) >= 100 ? 0 : 1)} ${name}`;
}

function fromNow(value: number): string {
  return value >= 0 ? `in ${seconds(value)}` : `${seconds(-value)} ago`;
}
