/** A value that is no number; carries no data, which may be secret. */
export class NoNumber extends Error {
  override readonly name = 'NoNumber';
}

const number = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;
const instant = /^\d{4,}-\d\d-\d\d(?<time>[ T]\d\d:\d\d:\d\d(\.\d+)?)?(?<zone>[+-]\d\d(:?\d\d)?)?$/;

/** Numbers, truth values (1 and 0) and instants (seconds since 1970; without a zone they are UTC) as PostgreSQL writes them. */
export function toNumber(text: string): number {
  if (text === 't' || text === 'true') return 1;
  if (text === 'f' || text === 'false') return 0;
  if (number.test(text)) return Number(text);
  switch (text.toLowerCase()) {
    case 'infinity':
      return Number.POSITIVE_INFINITY;
    case '-infinity':
      return Number.NEGATIVE_INFINITY;
    case 'nan':
      return Number.NaN;
  }
  return toSeconds(text);
}

function toSeconds(text: string): number {
  const groups = instant.exec(text)?.groups;
  if (groups === undefined) throw new NoNumber('is no number');
  const day = text.slice(0, text.indexOf('-', 5) + 3);
  const time = groups['time']?.slice(1) ?? '00:00:00';
  const zone =
    groups['zone'] === undefined
      ? 'Z'
      : groups['zone'].replace(/^([+-]\d\d):?(\d\d)?$/, (_, h, m) => `${h}:${m ?? '00'}`);
  return Date.parse(`${day}T${time}${zone}`) / 1_000;
}

const goUnits: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1e3, m: 60e3, h: 3_600e3 };

/** Whole milliseconds of `1h30m`, `-1.5s`, as Go writes durations. */
export function goDurationMs(text: string): number {
  const groups = /^(?<sign>[+-]?)(?<parts>(\d+(\.\d*)?(ns|us|µs|ms|s|m|h))+)$/.exec(text)?.groups;
  if (groups === undefined) throw new NoNumber('is no duration such as 1h30m');
  let ms = 0;
  for (const [, amount, unit = ''] of (groups['parts'] ?? '').matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h)/g)) {
    ms += Number(amount) * (goUnits[unit] ?? 0);
  }
  return Math.trunc(groups['sign'] === '-' ? -ms : ms);
}

/** The members of an array of numbers: `{1,2.5,NULL}`; NULL counts as 0. */
export function toNumbers(text: string): number[] {
  const inner = /^\{(.*)\}$/s.exec(text)?.[1];
  if (inner === undefined) throw new NoNumber('is no array');
  if (inner === '') return [];
  return inner.split(',').map((member) => (member === 'NULL' ? 0 : toNumber(member.replaceAll('"', ''))));
}
