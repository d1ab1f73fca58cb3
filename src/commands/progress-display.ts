import { formatBytes } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import { formatDuration } from '../core/duration.ts';
import type { OnProgress, Progress } from '../core/work-context.ts';
import type { Terminal } from './terminal.ts';

const barWidth = 24;
const terminalIntervalMs = 100;
const logIntervalMs = 10_000;

/** Shows long work: a bar that is drawn again on a terminal, a line now and then elsewhere. */
export class ProgressDisplay {
  readonly #terminal: Terminal;
  readonly #clock: Clock;
  readonly #subject: string;
  readonly #live: boolean;
  #activity = '';
  #activityStartMs = 0;
  #shownMs = Number.NEGATIVE_INFINITY;
  #drawn = false;

  constructor(terminal: Terminal, clock: Clock, subject: string) {
    this.#terminal = terminal;
    this.#clock = clock;
    this.#subject = subject;
    this.#live = terminal.err.isTTY === true;
  }

  readonly update: OnProgress = (progress) => {
    const nowMs = this.#clock.monotonicMs();
    const changed = progress.activity !== this.#activity;
    if (changed) {
      this.#activity = progress.activity;
      this.#activityStartMs = nowMs;
    }
    if (!changed && nowMs - this.#shownMs < (this.#live ? terminalIntervalMs : logIntervalMs)) return;
    this.#shownMs = nowMs;
    const text = `${this.#subject}: ${describeProgress(progress, (nowMs - this.#activityStartMs) / 1_000)}`;
    if (this.#live) this.#draw(text);
    else this.#terminal.err.write(`${text}\n`);
  };

  /** Removes the bar, so that what is printed next starts on a clean line. */
  clear(): void {
    if (this.#drawn) this.#terminal.err.write('\r\u001b[K');
    this.#drawn = false;
  }

  #draw(text: string): void {
    this.#terminal.err.write(`\r\u001b[K${text.slice(0, (this.#terminal.err.columns ?? 80) - 1)}`);
    this.#drawn = true;
  }
}

/** `fetching [======>     ] 41%  12.3 MiB of 30.0 MiB, 5.1 MiB/s, 3.5s left`. */
export function describeProgress(progress: Progress, elapsedSeconds: number): string {
  const { activity, doneBytes, totalBytes } = progress;
  if (doneBytes === undefined) return activity;
  const rate = elapsedSeconds > 0 ? doneBytes / elapsedSeconds : 0;
  const speed = rate > 0 ? `, ${formatBytes(Math.round(rate))}/s` : '';
  if (totalBytes === undefined || totalBytes === 0) return `${activity} ${formatBytes(doneBytes)}${speed}`;
  const share = Math.min(1, doneBytes / totalBytes);
  const left = rate > 0 ? `, ${formatDuration(((totalBytes - doneBytes) / rate) * 1_000)} left` : '';
  return `${activity} ${bar(share)} ${Math.floor(share * 100)}%  ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}${speed}${left}`;
}

function bar(share: number): string {
  const filled = Math.round(share * barWidth);
  const head = filled === 0 || filled === barWidth ? '' : '>';
  return `[${'='.repeat(Math.max(0, filled - head.length))}${head}${' '.repeat(barWidth - filled)}]`;
}
