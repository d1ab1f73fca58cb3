import type { LoadedConfig } from './config/loaded.ts';
import { type Clock, secondsSince } from './core/clock.ts';
import { errorMessage } from './core/errors.ts';
import type { Log } from './core/log.ts';
import { metric, type Sample, sample } from './core/metric.ts';
import type { ReportWatch } from './jobs/report-watch.ts';

const source = 'watchkeeper doctor';
const examinerMetrics = {
  ready: metric({
    name: 'watchkeeper_doctor_ready',
    type: 'gauge',
    help: '1 when the last look found nothing that would hinder a restore, 0 when it found something. Absent until the first look.',
    labels: [],
    source,
    unit: 'boolean',
  }),
  findings: metric({
    name: 'watchkeeper_doctor_findings',
    type: 'gauge',
    help: 'What the last look found, by what it is about and how bad it is: error or warning. `watchkeeper doctor` tells it in words.',
    labels: ['subject', 'status'],
    source,
    unit: 'findings',
  }),
  lastSuccess: metric({
    name: 'watchkeeper_doctor_last_success_timestamp_seconds',
    type: 'gauge',
    help: 'When the last look was finished, whatever it found, in seconds since 1970. 0 before the first.',
    labels: [],
    source,
    unit: 'seconds',
  }),
  duration: metric({
    name: 'watchkeeper_doctor_last_duration_seconds',
    type: 'gauge',
    help: 'How long the last look took.',
    labels: [],
    source,
    unit: 'seconds',
  }),
};

export const examinerDeclarations = Object.values(examinerMetrics);

/** One thing that was found. */
export interface Finding {
  readonly subject: string;
  readonly status: 'ok' | 'warning' | 'error';
  readonly message: string;
  readonly remedy?: string;
}

/** Looks at everything that a restore would need; rejects only when the signal fires. */
export type Examine = (
  config: LoadedConfig,
  signal: AbortSignal,
  /** What the daemon knows of the reports, so that they are not all read for each look. */
  reports: Pick<ReportWatch, 'lastCheck'>,
) => Promise<readonly Finding[]>;

export type Look = (config: LoadedConfig, signal: AbortSignal) => ReturnType<Examine>;

/** Disposing ends a look that is under way. */
export interface Examiner extends AsyncDisposable {
  samples(): Sample[];
}

export interface ExaminerOptions {
  readonly examine: Look;
  /** The configuration that is in force now. */
  readonly config: () => LoadedConfig;
  readonly clock: Clock;
  readonly log: Log;
}

/** So that a start, or a reload, is over before everything is connected to once more. */
const firstLookMs = 30_000;
/** What was found is soon mended, or a first backup soon made: that must not take hours to be seen. */
const againMs = 10 * 60_000;
const longestLookMs = 15 * 60_000;

/**
 * Does what `watchkeeper doctor` does, in the background, every `jobs.doctorEvery`: what would hinder a restore is known
 * before the day it is needed. What is found for the first time is logged; while something is found it looks more often.
 */
export function startExaminer(options: ExaminerOptions): Examiner {
  const { clock, log } = options;
  const stop = new AbortController();
  let findings: readonly Finding[] = [];
  let last: { readonly at: Date; readonly seconds: number } | undefined;
  const look = async (): Promise<void> => {
    const startMs = clock.monotonicMs();
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(longestLookMs)]);
    const found = await options.examine(options.config(), signal);
    tellNew(found, findings, log);
    findings = found;
    last = { at: clock.now(), seconds: secondsSince(clock, startMs) };
  };
  const running = (async () => {
    await clock.sleep(firstLookMs, stop.signal);
    for (;;) {
      await look().catch((error: unknown) => {
        stop.signal.throwIfAborted();
        log.error({ error: errorMessage(error) }, 'what would hinder a restore could not be looked for');
      });
      const { doctorEvery } = options.config().jobs;
      await clock.sleep(isReady(findings) ? doctorEvery : Math.min(doctorEvery, againMs), stop.signal);
    }
  })().catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  return {
    samples: () => samplesOf(findings, last),
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('the process is stopping'));
      await running;
    },
  };
}

function isReady(findings: readonly Finding[]): boolean {
  return findings.every(({ status }) => status !== 'error');
}

function tellNew(found: readonly Finding[], before: readonly Finding[], log: Log): void {
  const known = new Set(before.map(nameOf));
  for (const finding of found) {
    if (finding.status !== 'error' || known.has(nameOf(finding))) continue;
    const { subject, message, remedy } = finding;
    log.warn({ subject, finding: message, remedy }, 'this would hinder a restore');
  }
}

function nameOf({ subject, status, message }: Finding): string {
  return JSON.stringify([subject, status, message]);
}

function samplesOf(
  findings: readonly Finding[],
  last: { readonly at: Date; readonly seconds: number } | undefined,
): Sample[] {
  const finished = sample(examinerMetrics.lastSuccess, (last?.at.getTime() ?? 0) / 1_000, {});
  if (last === undefined) return [finished];
  const subjects = [...new Set(findings.map(({ subject }) => subject))];
  const count = (subject: string, status: string) =>
    findings.filter((finding) => finding.subject === subject && finding.status === status).length;
  return [
    finished,
    sample(examinerMetrics.ready, isReady(findings) ? 1 : 0, {}),
    sample(examinerMetrics.duration, last.seconds, {}),
    ...subjects.flatMap((subject) =>
      ['error', 'warning'].map((status) =>
        sample(examinerMetrics.findings, count(subject, status), { subject, status }),
      ),
    ),
  ];
}
