/** Names of the periods an instant lies in, in some time zone. */
export interface CalendarPeriods {
  /** `2026-03-02 02h+01:00`: with the offset, because in autumn one local hour exists twice. */
  readonly hourly: string;
  /** `2026-03-02` */
  readonly daily: string;
  /** ISO week with the year it belongs to, which around New Year is not the calendar's: `2026-W53` for 2027-01-01. */
  readonly weekly: string;
  /** `2026-03` */
  readonly monthly: string;
  /** `2026` */
  readonly yearly: string;
}

const dayMs = 86_400_000;

/** Gives the function that names the periods of an instant in `timezone`. Throws RangeError for an unknown zone. */
export function calendarIn(timezone: string): (instant: Date) => CalendarPeriods {
  const format = new Intl.DateTimeFormat('en-u-ca-iso8601-nu-latn', {
    timeZone: timezone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'longOffset',
  });
  return (instant) => {
    const parts = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, value]));
    const { year = '', month = '', day = '', hour = '', timeZoneName = '' } = parts;
    const date = `${year}-${month}-${day}`;
    return {
      hourly: `${date} ${hour}h${timeZoneName.replace('GMT', '') || '+00:00'}`,
      daily: date,
      weekly: isoWeek(date),
      monthly: `${year}-${month}`,
      yearly: year,
    };
  };
}

/** The week of a date (`2027-01-01` → `2026-W53`): it belongs to the year its Thursday lies in. */
function isoWeek(date: string): string {
  const midnight = new Date(`${date}T00:00:00Z`);
  const daysAfterMonday = (midnight.getUTCDay() + 6) % 7;
  const thursday = new Date(midnight.getTime() + (3 - daysAfterMonday) * dayMs);
  const year = thursday.getUTCFullYear();
  const week = Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * dayMs)) + 1;
  return `${year}-W${String(week).padStart(2, '0')}`;
}
