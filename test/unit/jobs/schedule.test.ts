import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSchedule, scheduleProblem } from '../../../src/jobs/schedule.ts';

/** The slots after `from` up to `to`, as the scheduler meets them. */
function slots(cron: string, zone: string, from: string, to: string): string[] {
  const schedule = parseSchedule(cron, zone);
  const found: string[] = [];
  const end = new Date(to);
  for (
    let slot = schedule.nextAfter(new Date(from));
    slot !== undefined && slot <= end;
    slot = schedule.nextAfter(slot)
  ) {
    found.push(slot.toISOString().replace(':00.000Z', 'Z'));
  }
  return found;
}

describe('slots of a schedule', () => {
  test.each([
    {
      what: 'a nightly job in UTC comes every night',
      cron: '0 2 * * *',
      zone: 'UTC',
      from: '2026-02-27T02:00:00Z',
      to: '2026-03-01T12:00:00Z',
      expected: ['2026-02-28T02:00Z', '2026-03-01T02:00Z'],
    },
    {
      what: 'the slot that does not exist when the clocks go forward runs once, right after the gap',
      cron: '30 2 * * *',
      zone: 'Europe/Berlin',
      from: '2026-03-28T12:00:00Z',
      to: '2026-03-30T12:00:00Z',
      expected: ['2026-03-29T01:00Z', '2026-03-30T00:30Z'],
    },
    {
      what: 'the slot that exists twice when the clocks go back runs once',
      cron: '30 2 * * *',
      zone: 'Europe/Berlin',
      from: '2026-10-24T12:00:00Z',
      to: '2026-10-26T12:00:00Z',
      expected: ['2026-10-25T00:30Z', '2026-10-26T01:30Z'],
    },
    {
      what: 'an hourly job runs in every real hour when the clocks go back',
      cron: '0 * * * *',
      zone: 'Europe/Berlin',
      from: '2026-10-24T22:30:00Z',
      to: '2026-10-25T03:30:00Z',
      expected: [
        '2026-10-24T23:00Z',
        '2026-10-25T00:00Z',
        '2026-10-25T01:00Z',
        '2026-10-25T02:00Z',
        '2026-10-25T03:00Z',
      ],
    },
    {
      what: 'an hourly job runs in every real hour when the clocks go forward',
      cron: '0 * * * *',
      zone: 'Europe/Berlin',
      from: '2026-03-28T23:30:00Z',
      to: '2026-03-29T03:00:00Z',
      expected: ['2026-03-29T00:00Z', '2026-03-29T01:00Z', '2026-03-29T02:00Z', '2026-03-29T03:00Z'],
    },
    {
      what: 'a list of hours loses no slot when the clocks go forward',
      cron: '30 2,14 * * *',
      zone: 'Europe/Berlin',
      from: '2026-03-28T15:00:00Z',
      to: '2026-03-29T15:00:00Z',
      expected: ['2026-03-29T01:00Z', '2026-03-29T12:30Z'],
    },
    {
      what: 'the night of half an hour on Lord Howe Island has its slot',
      cron: '15 2 * * *',
      zone: 'Australia/Lord_Howe',
      from: '2026-10-03T00:00:00Z',
      to: '2026-10-04T16:00:00Z',
      expected: ['2026-10-03T15:30Z', '2026-10-04T15:15Z'],
    },
    {
      what: 'a weekly job comes on its weekday',
      cron: '0 4 * * 1',
      zone: 'UTC',
      from: '2026-03-02T04:00:00Z',
      to: '2026-03-16T12:00:00Z',
      expected: ['2026-03-09T04:00Z', '2026-03-16T04:00Z'],
    },
    {
      what: 'the 29th of February comes in leap years only',
      cron: '0 2 29 2 *',
      zone: 'UTC',
      from: '2026-01-01T00:00:00Z',
      to: '2033-01-01T00:00:00Z',
      expected: ['2028-02-29T02:00Z', '2032-02-29T02:00Z'],
    },
  ])('$what', ({ cron, zone, from, to, expected }) => {
    expect(slots(cron, zone, from, to)).toEqual(expected);
  });
});

describe('the last slot', () => {
  test.each([
    {
      what: 'is the present instant at the slot itself',
      at: '2026-03-02T02:00:00.000Z',
      expected: '2026-03-02T02:00:00.000Z',
    },
    {
      what: 'is the present one a moment after it',
      at: '2026-03-02T02:00:00.400Z',
      expected: '2026-03-02T02:00:00.000Z',
    },
    {
      what: 'is the one before a moment before it',
      at: '2026-03-02T01:59:59.999Z',
      expected: '2026-03-01T02:00:00.000Z',
    },
    {
      what: 'is only the newest of those missed in five days of downtime',
      at: '2026-03-07T09:13:00Z',
      expected: '2026-03-07T02:00:00.000Z',
    },
  ])('$what', ({ at, expected }) => {
    const last = parseSchedule('0 2 * * *', 'UTC').lastAtOrBefore(new Date(at));

    expect(last?.toISOString()).toBe(expected);
  });

  test.each([
    { what: 'made up for after the gap in spring', at: '2026-03-29T09:00:00Z', expected: '2026-03-29T01:00:00.000Z' },
    { what: 'the first of the two in autumn', at: '2026-10-25T09:00:00Z', expected: '2026-10-25T00:30:00.000Z' },
    {
      what: 'the first of the two in autumn while the second passes',
      at: '2026-10-25T01:30:00Z',
      expected: '2026-10-25T00:30:00.000Z',
    },
  ])('is the one $what', ({ at, expected }) => {
    const last = parseSchedule('30 2 * * *', 'Europe/Berlin').lastAtOrBefore(new Date(at));

    expect(last?.toISOString()).toBe(expected);
  });
});

describe('looking forward and looking back', () => {
  const crons = [
    '30 2 * * *',
    '0 * * * *',
    '*/20 * * * *',
    '15 1,2,3 * * *',
    '0 4 * * 1',
    '0 0 1 * *',
    '59 23 31 12 *',
  ];
  const zones = [
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'America/Sao_Paulo',
    'Asia/Kathmandu',
  ];
  const someInstant = fc.date({ min: new Date('2015-01-01'), max: new Date('2035-01-01'), noInvalidDate: true });

  test('agree: nothing lies between the last slot and the next one', () => {
    fc.assert(
      fc.property(fc.constantFrom(...crons), fc.constantFrom(...zones), someInstant, (cron, zone, instant) => {
        const schedule = parseSchedule(cron, zone);
        const last = schedule.lastAtOrBefore(instant) as Date;
        const next = schedule.nextAfter(instant) as Date;

        expect(last.getTime()).toBeLessThanOrEqual(instant.getTime());
        expect(next.getTime()).toBeGreaterThan(instant.getTime());
        expect(schedule.nextAfter(last)).toEqual(next);
        expect(schedule.lastAtOrBefore(next)).toEqual(next);
        expect(schedule.lastAtOrBefore(new Date(next.getTime() - 1))).toEqual(last);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('a schedule that cannot be used is explained', () => {
  test.each([
    {
      cron: '* * * * * *',
      zone: 'UTC',
      problem:
        'schedule "* * * * * *" has 6 fields, five are needed: minute hour day-of-month month day-of-week, e.g. "30 2 * * *"',
    },
    {
      cron: '@daily',
      zone: 'UTC',
      problem:
        'schedule "@daily" has 1 fields, five are needed: minute hour day-of-month month day-of-week, e.g. "30 2 * * *"',
    },
    {
      cron: '',
      zone: 'UTC',
      problem:
        'schedule "" has 0 fields, five are needed: minute hour day-of-month month day-of-week, e.g. "30 2 * * *"',
    },
    {
      cron: '0 25 * * *',
      zone: 'UTC',
      problem: 'schedule "0 25 * * *" is not understood: Invalid value for hour: 25',
    },
    {
      cron: '*/0 * * * *',
      zone: 'UTC',
      problem: 'schedule "*/0 * * * *" is not understood: Syntax error, illegal stepping: 0',
    },
    { cron: '0 2 30 2 *', zone: 'UTC', problem: 'schedule "0 2 30 2 *" never comes' },
    {
      cron: '0 2 * * *',
      zone: 'Europe/Berln',
      problem: 'time zone "Europe/Berln" is unknown; use a name such as UTC or Europe/Berlin',
    },
    { cron: '0 2 * * *', zone: '', problem: 'time zone "" is unknown; use a name such as UTC or Europe/Berlin' },
  ])('$cron in "$zone"', ({ cron, zone, problem }) => {
    expect(scheduleProblem(cron, zone)).toBe(problem);
    expect(() => parseSchedule(cron, zone)).toThrow(problem);
  });

  test('nothing is said about a good one', () => {
    expect(scheduleProblem('0 2 * * mon-fri', 'America/New_York')).toBeUndefined();
  });
});
