import type { Log } from '../../src/core/log.ts';

export interface RecordedLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** A log that keeps its lines for the test to look at. */
export function recordingLog(lines: RecordedLine[] = [], own: Readonly<Record<string, unknown>> = {}) {
  const write = (level: RecordedLine['level']) => (fields: Readonly<Record<string, unknown>>, message: string) => {
    lines.push({ level, fields: { ...own, ...fields }, message });
  };
  const log: Log = {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => recordingLog(lines, { ...own, ...fields }).log,
  };
  return { log, lines };
}
