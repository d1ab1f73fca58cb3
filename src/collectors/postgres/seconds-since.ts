/** SQL for the seconds since an instant: 0 where it lies ahead, by another clock; NULL, hence no sample, where there is none. */
export function secondsSinceSql(instant: string): string {
  return `CASE WHEN ${instant} IS NOT NULL THEN greatest(0, extract(epoch FROM clock_timestamp() - ${instant})) END`;
}
