import { expect, onTestFinished, test, vi } from 'vitest';
import type { LoadedConfig } from '../../src/config/loaded.ts';
import { type Finding, type Look, startExaminer } from '../../src/examiner.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { recordingLog } from '../support/recording-log.ts';

const config = { jobs: { doctorEvery: 6 * 3_600_000 } } as LoadedConfig;
const ok: Finding = { subject: 'store offsite', status: 'ok', message: 'is there' };
const slow: Finding = { subject: 'store offsite', status: 'warning', message: 'is slow' };
const noProgram: Finding = { subject: 'programs', status: 'error', message: 'no pg_restore', remedy: 'install it' };

/** What each look finds, in their order; the last of them for ever. */
function examiner(looks: readonly (readonly Finding[] | Error)[]) {
  const clock = new ManualClock('2026-03-01T00:00:00Z');
  const { log, lines } = recordingLog();
  let count = 0;
  const examine: Look = async () => {
    const found = looks[Math.min(count++, looks.length - 1)] ?? [];
    if (found instanceof Error) throw found;
    return found;
  };
  const running = startExaminer({ examine, config: () => config, clock, log });
  onTestFinished(() => running[Symbol.asyncDispose]());
  const values = () =>
    Object.fromEntries(
      running.samples().map(({ metric, labelValues, value }) => [[metric.name, ...labelValues].join(' '), value]),
    );
  return { clock, lines, values, looks: () => count };
}

test('before the first look it claims nothing', () => {
  const { values } = examiner([[ok]]);

  expect(values()).toEqual({ watchkeeper_doctor_last_success_timestamp_seconds: 0 });
});

test('after half a minute it looks, and then every six hours', async () => {
  const { clock, values, looks } = examiner([[ok, slow]]);

  await clock.advance(30_000);
  expect(looks()).toBe(1);
  expect(values()).toMatchObject({
    watchkeeper_doctor_ready: 1,
    'watchkeeper_doctor_findings store offsite error': 0,
    'watchkeeper_doctor_findings store offsite warning': 1,
    watchkeeper_doctor_last_success_timestamp_seconds: Date.parse('2026-03-01T00:00:30Z') / 1_000,
  });
  await clock.advance(6 * 3_600_000 - 1_000);
  expect(looks()).toBe(1);
  await clock.advance(1_000);
  expect(looks()).toBe(2);
});

test('while something would hinder a restore it looks every ten minutes, and tells it once', async () => {
  const { clock, values, lines, looks } = examiner([[ok, noProgram], [ok, noProgram], [ok]]);

  await clock.advance(30_000);
  expect(values()).toMatchObject({ watchkeeper_doctor_ready: 0, 'watchkeeper_doctor_findings programs error': 1 });
  await clock.advance(600_000);
  await clock.advance(600_000);

  expect(looks()).toBe(3);
  expect(values()).toMatchObject({ watchkeeper_doctor_ready: 1 });
  expect(values()).not.toHaveProperty('watchkeeper_doctor_findings programs error');
  expect(lines).toEqual([
    {
      level: 'warn',
      message: 'this would hinder a restore',
      fields: { subject: 'programs', finding: 'no pg_restore', remedy: 'install it' },
    },
  ]);
});

test('a look that could not be finished leaves the age of the last one to tell', async () => {
  const { clock, values, lines } = examiner([[ok], new Error('broken')]);

  await clock.advance(30_000);
  const before = values();
  await clock.advance(6 * 3_600_000);

  await vi.waitFor(() => expect(lines).toHaveLength(1));
  expect(lines[0]).toMatchObject({ level: 'error', fields: { error: 'broken' } });
  expect(values()).toEqual(before);
});
