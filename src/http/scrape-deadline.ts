/** For the way back and for the server's own work after the answer. */
const reserveMs = 500;

/**
 * How long a scrape may take: the configured limit, or less when Prometheus tells in
 * `X-Prometheus-Scrape-Timeout-Seconds` that it will give up before. In milliseconds, never 0.
 */
export function scrapeDeadlineMs(header: string | readonly string[] | undefined, limitMs: number): number {
  const announcedMs = Number(header) * 1_000;
  if (!(announcedMs > 0)) return limitMs;
  // A server with a timeout of less than a second gets half of it instead of nothing.
  return Math.min(limitMs, Math.max(announcedMs - reserveMs, announcedMs / 2));
}
