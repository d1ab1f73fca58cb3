const asPostgres = /^(\d{4,6}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(\+00)?$/;

/**
 * How programs write an instant that PostgreSQL (in UTC) tells as `2026-01-01 12:00:00.5+00`: in ISO 8601 with as many digits
 * as there are, in milliseconds and in microseconds where nothing is lost, with Z, an offset, or nothing.
 */
export function instantForms(text: string): readonly string[] {
  const [, date = '', time = '', fraction = '', zone] = asPostgres.exec(text) ?? [];
  if (date === '') return [];
  const isExact = (digits: number) => fraction.length <= digits;
  const fractions = new Set([
    fraction === '' ? '' : `.${fraction}`,
    ...(isExact(3) ? [`.${fraction.padEnd(3, '0')}`] : []),
    `.${fraction.padEnd(6, '0')}`,
  ]);
  const zones = ['Z', '+00:00', ...(zone === undefined ? [''] : [])];
  return [...fractions].flatMap((part) => zones.map((end) => `${date}T${time}${part}${end}`));
}
