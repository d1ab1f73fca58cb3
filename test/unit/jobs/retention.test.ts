import { describe, expect, test } from 'vitest';
import { planRetention, type RetentionEntry, type RetentionOptions } from '../../../src/jobs/retention.ts';
import type { RetentionPolicy } from '../../../src/jobs/settings.ts';

const day = 86_400_000;

/** `2026-03-02T02:00` → a backup of that instant; a `+` in front: proven. */
function backup(text: string, storedBytes = 100): RetentionEntry {
  const proven = text.startsWith('+');
  const at = text.replace('+', '');
  return { id: at, at: new Date(`${at}Z`), proven, storedBytes };
}

/** One backup a night at 02:00, `count` of them, the last one on `last`. */
function nightly(count: number, last: string): RetentionEntry[] {
  const newest = Date.parse(`${last}T02:00:00Z`);
  return Array.from({ length: count }, (_, index) => backup(new Date(newest - index * day).toISOString().slice(0, 16)));
}

/** What stays and why, newest first; then what goes. */
function outcome(
  entries: readonly RetentionEntry[],
  policy: RetentionPolicy | undefined,
  now: string,
  options?: RetentionOptions,
) {
  const { decisions, refusal } = planRetention(entries, policy, new Date(now), options);
  return {
    keep: decisions.filter(({ action }) => action === 'keep').map(({ id, reasons }) => `${id}: ${reasons.join(', ')}`),
    delete: decisions.filter(({ action }) => action === 'delete').map(({ id }) => id),
    ...(refusal === undefined ? {} : { refusal: refusal.message }),
  };
}

describe('rules', () => {
  test('without a policy everything stays', () => {
    const plan = outcome(nightly(2, '2026-03-02'), undefined, '2026-03-02T09:00:00Z');

    expect(plan).toEqual({
      keep: ['2026-03-02T02:00: no retention is configured', '2026-03-01T02:00: no retention is configured'],
      delete: [],
    });
  });

  test('where the newest ones do not restore, the newest of which that is not known stays: it may be the last good one', () => {
    const entries = nightly(4, '2026-03-04').map((entry, index) => ({ ...entry, failed: index < 2 }));

    const plan = outcome(entries, { last: 1 }, '2026-03-04T09:00:00Z');

    expect(plan).toEqual({
      keep: ['2026-03-04T02:00: newest, last 1', '2026-03-02T02:00: newest that has not failed its proof'],
      delete: ['2026-03-03T02:00', '2026-03-01T02:00'],
    });
  });

  test('the last backups stay by number', () => {
    const plan = outcome(nightly(4, '2026-03-02'), { last: 2 }, '2026-03-02T09:00:00Z');

    expect(plan).toEqual({
      keep: ['2026-03-02T02:00: newest, last 2', '2026-03-01T02:00: last 2'],
      delete: ['2026-02-28T02:00', '2026-02-27T02:00'],
    });
  });

  test('backups stay by age, and one as old as the window goes', () => {
    const plan = outcome(nightly(4, '2026-03-02'), { within: 2 * day }, '2026-03-02T09:00:00Z');

    expect(plan).toEqual({
      keep: ['2026-03-02T02:00: newest, younger than 2d', '2026-03-01T02:00: younger than 2d'],
      delete: ['2026-02-28T02:00', '2026-02-27T02:00'],
    });
  });

  test('the window is counted from the newest backup: a lineage that stopped a year ago loses nothing more', () => {
    const plan = outcome(nightly(2, '2025-03-02'), { within: 2 * day }, '2026-03-02T09:00:00Z');

    expect(plan.delete).toEqual([]);
  });

  test('the newest backup of each of the last days that have one stays', () => {
    const entries = [
      '2026-03-02T14:00',
      '2026-03-02T02:00',
      '2026-02-27T14:00',
      '2026-02-27T02:00',
      '2026-02-20T02:00',
    ];

    const plan = outcome(
      entries.map((at) => backup(at)),
      { daily: 2 },
      '2026-03-02T15:00:00Z',
    );

    expect(plan).toEqual({
      keep: ['2026-03-02T14:00: newest, daily 2026-03-02', '2026-02-27T14:00: daily 2026-02-27'],
      delete: ['2026-03-02T02:00', '2026-02-27T02:00', '2026-02-20T02:00'],
    });
  });

  test('a backup stays for every rule that wants it', () => {
    const entries = ['+2026-03-02T02:00', '2026-02-28T02:00', '2025-12-31T02:00'].map((at) => backup(at));
    const policy = { last: 1, hourly: 1, daily: 1, weekly: 1, monthly: 2, yearly: 2 };

    const plan = outcome(entries, policy, '2026-03-02T15:00:00Z');

    expect(plan).toEqual({
      keep: [
        '2026-03-02T02:00: newest, newest proven, last 1, hourly 2026-03-02 02h+00:00, daily 2026-03-02, weekly 2026-W10, monthly 2026-03, yearly 2026',
        '2026-02-28T02:00: monthly 2026-02',
        '2025-12-31T02:00: yearly 2025',
      ],
      delete: [],
    });
  });

  test('the newest proven backup stays however old it is', () => {
    const entries = [...nightly(2, '2026-03-02'), backup('+2025-06-01T02:00'), backup('+2025-05-31T02:00')];

    const plan = outcome(entries, { last: 1 }, '2026-03-02T09:00:00Z');

    expect(plan).toEqual({
      keep: ['2026-03-02T02:00: newest, last 1', '2025-06-01T02:00: newest proven'],
      delete: ['2026-03-01T02:00', '2025-05-31T02:00'],
    });
  });

  test('of two backups of the same second one is the newer one, whatever their order', () => {
    const at = new Date('2026-03-02T02:00:00Z');
    const a = { id: 'a', at, proven: false, storedBytes: 1 };
    const b = { id: 'b', at, proven: false, storedBytes: 1 };

    const plans = [
      [a, b],
      [b, a],
    ].map((entries) => outcome(entries, { last: 1 }, '2026-03-02T09:00:00Z'));

    expect(plans).toEqual([
      { keep: ['b: newest, last 1'], delete: ['a'] },
      { keep: ['b: newest, last 1'], delete: ['a'] },
    ]);
  });
});

describe('calendars', () => {
  test('around New Year a week belongs to the year its Thursday lies in', () => {
    const entries = [
      '2027-01-04T02:00',
      '2027-01-03T02:00',
      '2027-01-01T02:00',
      '2026-12-28T02:00',
      '2026-12-27T02:00',
    ];

    const plan = outcome(
      entries.map((at) => backup(at)),
      { weekly: 3 },
      '2027-01-04T09:00:00Z',
    );

    expect(plan).toEqual({
      keep: [
        '2027-01-04T02:00: newest, weekly 2027-W01',
        '2027-01-03T02:00: weekly 2026-W53',
        '2026-12-27T02:00: weekly 2026-W52',
      ],
      delete: ['2027-01-01T02:00', '2026-12-28T02:00'],
    });
  });

  test('a leap day is a day of its own', () => {
    const entries = ['2028-03-01T02:00', '2028-02-29T02:00', '2028-02-28T02:00'].map((at) => backup(at));

    const plan = outcome(entries, { daily: 3, monthly: 2 }, '2028-03-01T09:00:00Z');

    expect(plan.keep).toEqual([
      '2028-03-01T02:00: newest, daily 2028-03-01, monthly 2028-03',
      '2028-02-29T02:00: daily 2028-02-29, monthly 2028-02',
      '2028-02-28T02:00: daily 2028-02-28',
    ]);
  });

  test('days begin at midnight of the schedule’s zone', () => {
    const entries = ['2026-06-30T22:30', '2026-06-30T21:30'].map((at) => backup(at));

    const inBerlin = outcome(entries, { monthly: 2 }, '2026-07-01T09:00:00Z', { timezone: 'Europe/Berlin' });
    const inUtc = outcome(entries, { monthly: 2 }, '2026-07-01T09:00:00Z');

    expect(inBerlin.keep).toEqual(['2026-06-30T22:30: newest, monthly 2026-07', '2026-06-30T21:30: monthly 2026-06']);
    expect(inUtc).toEqual({ keep: ['2026-06-30T22:30: newest, monthly 2026-06'], delete: ['2026-06-30T21:30'] });
  });

  test('the hour that comes twice when the clocks go back is two hours', () => {
    const entries = ['2026-10-25T01:30', '2026-10-25T00:30', '2026-10-24T23:30'].map((at) => backup(at));

    const plan = outcome(entries, { hourly: 2 }, '2026-10-25T02:00:00Z', { timezone: 'Europe/Berlin' });

    expect(plan).toEqual({
      keep: ['2026-10-25T01:30: newest, hourly 2026-10-25 02h+01:00', '2026-10-25T00:30: hourly 2026-10-25 02h+02:00'],
      delete: ['2026-10-24T23:30'],
    });
  });
});

describe('a clock that is wrong', () => {
  test('a single backup from the future stays and takes nobody’s place', () => {
    const entries = [backup('+2030-01-01T02:00'), ...nightly(3, '2026-03-02')];

    const plan = outcome(entries, { last: 2 }, '2026-03-02T09:00:00Z');

    expect(plan).toEqual({
      keep: ['2030-01-01T02:00: dated in the future', '2026-03-02T02:00: newest, last 2', '2026-03-01T02:00: last 2'],
      delete: ['2026-02-28T02:00'],
    });
  });

  test('a backup a few minutes ahead is a present one', () => {
    const plan = outcome([backup('2026-03-02T09:04')], { last: 1 }, '2026-03-02T09:00:00Z');

    expect(plan.keep).toEqual(['2026-03-02T09:04: newest, last 1']);
  });

  test('several backups from the future refuse all deletions: our own clock went back', () => {
    const plan = outcome(nightly(5, '2026-03-02'), { last: 1 }, '2026-02-28T12:00:00Z');

    expect(plan.refusal).toBe(
      "2 of 5 backups are newer than the present time 2026-02-28T12:00:00.000Z: this machine's clock looks wrong, nothing is deleted",
    );
  });

  test('a clock before every backup refuses', () => {
    const plan = outcome(nightly(1, '2026-03-02'), { last: 1 }, '1970-01-01T00:00:00Z');

    expect(plan.refusal).toContain('1 of 1 backups are newer');
  });
});

describe('a large share', () => {
  test('of the backups is not deleted unless somebody confirms it', () => {
    const entries = nightly(30, '2026-03-30');

    const refused = planRetention(entries, { last: 7 }, new Date('2026-03-30T09:00:00Z'));
    const confirmed = planRetention(entries, { last: 7 }, new Date('2026-03-30T09:00:00Z'), { largeShare: 'allow' });

    expect(refused.refusal).toEqual({
      kind: 'share',
      message:
        '23 of 30 backups (2.2 KiB of 2.9 KiB) would be deleted at once, nothing is deleted until somebody confirms it',
    });
    expect(confirmed.refusal).toBeUndefined();
    expect(confirmed.decisions).toEqual(refused.decisions);
  });

  test('of the bytes neither', () => {
    const large = nightly(5, '2026-03-02').map((entry) => ({ ...entry, storedBytes: 10_000 }));
    const entries = [...nightly(7, '2026-03-09'), ...large];

    const plan = outcome(entries, { last: 7 }, '2026-03-09T09:00:00Z');

    expect(plan.refusal).toContain('5 of 12 backups (48.8 KiB of 49.5 KiB)');
  });

  test('is nothing ordinary retention ever meets, not even with a policy of one', () => {
    const plan = outcome(nightly(2, '2026-03-02'), { last: 1 }, '2026-03-02T09:00:00Z');

    expect(plan).toEqual({ keep: ['2026-03-02T02:00: newest, last 1'], delete: ['2026-03-01T02:00'] });
  });
});
