import { errorMessage } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Told by the runs themselves, in more words. */
const shownElsewhere = new Set(['job failed', 'job cancelled']);

/** A log that shows warnings and errors to people, a line each, and passes everything on to `log` as it came. */
export function createLiveLog(log: Log, show: (line: string) => void, bound: Fields = {}): Log {
  const write = (level: 'warn' | 'error') => (fields: Fields, message: string) => {
    log[level](fields, message);
    if (!shownElsewhere.has(message)) show(lineOf(level, { ...bound, ...fields }, message));
  };
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => createLiveLog(log.child(fields), show, { ...bound, ...fields }),
  };
}

function lineOf(level: string, fields: Fields, message: string): string {
  const { error, target, service } = fields;
  const why = error === undefined ? '' : `: ${errorMessage(error)}`;
  return `${level.padEnd(10)} ${String(target ?? service ?? '').padEnd(12)} ${message}${why}`;
}
