import type { Holding } from './column-types.ts';

/** A value that is no number; carries no data, which may be secret. */
export class NoNumber extends Error {
  override readonly name = 'NoNumber';
}

const number = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;

/** A value of a column that holds numbers, truth values (1 and 0), instants or intervals (seconds), or who knows what. */
export function toNumber(text: string, holding: Holding = 'other'): number {
  switch (holding) {
    case 'boolean':
      return text === 't' ? 1 : 0;
    case 'instant':
      return toSeconds(text);
    case 'interval':
      return intervalSeconds(text);
    default:
      return plainNumber(text);
  }
}

/** As PostgreSQL writes numbers, and people in texts. */
function plainNumber(text: string): number {
  if (number.test(text)) return Number(text);
  switch (text.toLowerCase().replace(/^\+/, '')) {
    case 'infinity':
    case 'inf':
      return Number.POSITIVE_INFINITY;
    case '-infinity':
    case '-inf':
      return Number.NEGATIVE_INFINITY;
    case 'nan':
      return Number.NaN;
    default:
      throw new NoNumber('holds a text that is no number');
  }
}

const endless = /^-?infinity$/;
const instant =
  /^(?<day>\d{4,}-\d\d-\d\d)( (?<time>\d\d:\d\d:\d\d(\.\d+)?))?((?<sign>[+-])(?<hours>\d\d)(:(?<minutes>\d\d)(:(?<seconds>\d\d))?)?)?$/;

/** Seconds since 1970 of what PostgreSQL writes in its ISO style; without a zone it is UTC. */
function toSeconds(text: string): number {
  if (endless.test(text)) return plainNumber(text);
  const groups = instant.exec(text)?.groups;
  if (groups === undefined) throw new NoNumber('holds an instant before the year 1');
  const { day = '', time = '00:00:00', sign, hours = '0', minutes = '0', seconds = '0' } = groups;
  const aheadSeconds = Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds);
  const year = day.slice(0, -6);
  const isoDay = year.length > 4 ? `+${year.padStart(6, '0')}${day.slice(-6)}` : day;
  const localMs = Date.parse(`${isoDay}T${time}Z`);
  return localMs / 1_000 - (sign === '-' ? -aheadSeconds : aheadSeconds);
}

const intervalUnits: Readonly<Record<string, number>> = {
  year: 365.25 * 86_400,
  mon: 30 * 86_400,
  day: 86_400,
};

/** `1 year 2 mons -3 days 04:05:06.7` in seconds, with years of 365.25 and months of 30 days like `extract(epoch …)`. */
function intervalSeconds(text: string): number {
  if (endless.test(text)) return plainNumber(text);
  const clock = /(?<sign>[+-]?)(?<hours>\d+):(?<minutes>\d\d):(?<seconds>\d\d(\.\d+)?)$/.exec(text);
  let total = 0;
  if (clock?.groups !== undefined) {
    const { sign, hours, minutes, seconds } = clock.groups;
    const time = Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds);
    total += sign === '-' ? -time : time;
  }
  for (const [, amount, unit = ''] of text.matchAll(/([+-]?\d+) (year|mon|day)s?/g)) {
    total += Number(amount) * (intervalUnits[unit] ?? 0);
  }
  return total;
}

const goUnits: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1e3, m: 60e3, h: 3_600e3 };

/** Whole milliseconds of `1h30m`, `-1.5s`, as Go writes durations; a plain number stays what it is. */
export function goDurationMs(text: string): number {
  if (number.test(text)) return Number(text);
  const groups = /^(?<sign>[+-]?)(?<parts>(\d+(\.\d*)?(ns|us|µs|ms|s|m|h))+)$/.exec(text)?.groups;
  if (groups === undefined) throw new NoNumber('holds no duration such as 1h30m');
  let ms = 0;
  for (const [, amount, unit = ''] of (groups['parts'] ?? '').matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h)/g)) {
    ms += Number(amount) * (goUnits[unit] ?? 0);
  }
  return Math.trunc(groups['sign'] === '-' ? -ms : ms);
}

/** The members of an array of numbers: `{1,2.5}`. */
export function toNumbers(text: string): number[] {
  const inner = /^\{(.*)\}$/s.exec(text)?.[1];
  if (inner === undefined) throw new NoNumber('holds no array');
  if (inner === '') return [];
  return inner.split(',').map((member) => plainNumber(member.replaceAll('"', '')));
}
