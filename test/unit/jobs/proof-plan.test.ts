import { describe, expect, test } from 'vitest';
import type { Verdict } from '../../../src/jobs/manifest.ts';
import { type ProofEntry, type ProofPolicy, planProofs, proofsDueAt } from '../../../src/jobs/proof-plan.ts';
import { parseSchedule } from '../../../src/jobs/schedule.ts';
import { untriedEntry } from '../../support/proof-lineage.ts';

const afterBackups: ProofPolicy = {
  schedule: undefined,
  share: 1,
  backupSchedule: parseSchedule('0 2 * * *', 'UTC'),
  perRun: 2,
  tries: 3,
  retryAfterMs: 15 * 60_000,
};
const weekly: ProofPolicy = { ...afterBackups, schedule: parseSchedule('0 5 * * 0', 'UTC'), perRun: 1 };
const now = new Date('2026-03-10T12:00:00Z');

/** Of the night to the tenth, the ninth, … of March; finished at ten past two. */
function backup(day: number, changes: Partial<ProofEntry> = {}): ProofEntry {
  return { ...untriedEntry(`day-${day}`, at(day, '02:00')), ...changes };
}

function at(day: number, time: string): Date {
  return new Date(`2026-03-${String(day).padStart(2, '0')}T${time}:00Z`);
}

function verified(verdict: Verdict, day: number, time: string): ProofEntry['verifications'][number] {
  const startedAt = at(day, time);
  return { startedAt, finishedAt: new Date(startedAt.getTime() + 5 * 60_000), verdict };
}

function proven(day: number, on = day): ProofEntry {
  return backup(day, { verdict: 'proven', verifications: [verified('proven', on, '02:30')] });
}

function planned(entries: readonly ProofEntry[], policy: ProofPolicy): string[] {
  return planProofs(entries, policy, now).proofs.map(
    ({ id, dueAt, attempt, why }) => `${id} ${dueAt.toISOString().slice(8, 16)} try ${attempt}, ${why}`,
  );
}

describe('after every backup', () => {
  test('the new one is due when it is finished', () => {
    expect(planned([backup(10), proven(9)], afterBackups)).toEqual(['day-10 10T02:10 try 1, newest']);
  });

  test('then the oldest of those that nobody proved yet', () => {
    const entries = [backup(7), backup(8), proven(9), backup(10)];

    expect(planned(entries, afterBackups)).toEqual(['day-10 10T02:10 try 1, newest', 'day-7 10T02:10 try 1, unproven']);
  });

  test('what has its verdict is left alone, also a bad one', () => {
    const failed = backup(10, { verdict: 'failed', verifications: [verified('failed', 10, '02:30')] });

    expect(planned([failed, proven(9)], afterBackups)).toEqual([]);
  });

  test('the places of one backup are not more than they are', () => {
    const entries = [backup(6), backup(7), proven(8, 10), proven(10)];

    expect(planned(entries, afterBackups)).toEqual([]);
  });

  test('an old one verified by hand does not take the place of the newest', () => {
    const entries = [proven(8, 10), backup(10)];

    expect(planned(entries, { ...afterBackups, perRun: 1 })).toEqual(['day-10 10T02:35 try 1, newest']);
  });

  test('what retention is about to delete is left alone', () => {
    expect(planned([backup(7, { leaving: true }), proven(10)], afterBackups)).toEqual([]);
  });

  test('what nobody could try for long does not stand before what was never tried', () => {
    const inVain = backup(7, { verifications: [verified('inconclusive', 7, '02:30')] });

    expect(planned([inVain, backup(8), backup(10)], afterBackups)[1]).toBe('day-8 10T02:10 try 1, unproven');
  });
});

describe('what could not be tried', () => {
  const tried = (...times: string[]) =>
    backup(10, { verifications: times.map((time) => verified('inconclusive', 10, time)) });

  test('is tried again after a pause that doubles', () => {
    expect(planned([tried('02:30')], afterBackups)).toEqual(['day-10 10T02:50 try 2, again']);
    expect(planned([tried('02:30', '02:50')], afterBackups)).toEqual(['day-10 10T03:25 try 3, again']);
  });

  test('is not tried more often than was said, until the next slot', () => {
    expect(planned([tried('02:30', '02:50', '03:30')], afterBackups)).toEqual([]);
    expect(proofsDueAt(planProofs([tried('02:30', '02:50', '03:30')], weekly, now))).toEqual(at(15, '05:00'));
  });

  test('and was in vain all over again has one try for each further slot', () => {
    const daily = { ...weekly, schedule: parseSchedule('0 5 * * *', 'UTC') };
    const before = ['06:00', '07:00', '08:00'].map((time) => verified('inconclusive', 8, time));
    const entry = backup(7, { verifications: before });

    expect(planned([entry], daily)).toEqual(['day-7 10T05:00 try 4, newest']);
    const once = { ...entry, verifications: [...before, verified('inconclusive', 10, '05:00')] };
    expect(planned([once], daily)).toEqual([]);
  });

  test('keeps its try when a newer backup has come, only behind it', () => {
    const entries = [backup(9, { verifications: [verified('inconclusive', 9, '02:30')] }), backup(10)];

    expect(planned(entries, afterBackups)).toEqual(['day-10 10T02:10 try 1, newest', 'day-9 10T02:10 try 2, unproven']);
  });

  test('waits a day at most', () => {
    const entry = tried('02:30', '02:50', '03:30', '04:30');
    const patient = { ...afterBackups, tries: 9, retryAfterMs: 12 * 3_600_000 };

    expect(planned([entry], patient)).toEqual(['day-10 11T04:35 try 5, again']);
  });
});

describe('on a schedule of its own', () => {
  test('the newest is due at the slot', () => {
    expect(planned([backup(7), backup(8)], weekly)).toEqual(['day-8 08T05:00 try 1, newest']);
  });

  test('one that is newer than the slot is due when it is finished, when nothing was proven at the slot', () => {
    expect(planned([backup(10)], weekly)).toEqual(['day-10 10T02:10 try 1, newest']);
  });

  test('nothing is due once the slot has its proof: what comes later waits for the next one', () => {
    const entries = [backup(10), backup(8, { verdict: 'proven', verifications: [verified('proven', 8, '05:00')] })];

    expect(planned(entries, { ...weekly, perRun: 3 })).toEqual([]);
    expect(proofsDueAt(planProofs(entries, weekly, now))).toEqual(at(15, '05:00'));
  });

  test('where all are proven, the one whose proof is longest ago is proven again', () => {
    expect(planned([proven(5, 7), proven(6), proven(7)], weekly)).toEqual(['day-6 08T05:00 try 1, longest_ago']);
  });
});

describe('a share', () => {
  const every = (share: number, proofs: readonly ProofEntry[]) => planned(proofs, { ...afterBackups, share });

  test('begins with the first backup there is', () => {
    expect(every(0.2, [backup(10)])).toEqual(['day-10 10T02:10 try 1, newest']);
  });

  test('of a fifth is every fifth backup', () => {
    expect(every(0.2, [proven(6), backup(7), backup(8), backup(9), backup(10)])).toEqual([]);
    expect(every(0.2, [proven(5), backup(7), backup(10)])).toEqual(['day-10 10T02:10 try 1, newest']);
  });

  test('does not wait when the last one that was tried is not proven', () => {
    const failed = backup(9, { verdict: 'failed', verifications: [verified('failed', 9, '02:30')] });

    expect(every(0.1, [proven(8), failed, backup(10)])).toEqual(['day-10 10T02:10 try 1, newest']);
  });

  test('is counted by slots: what retention thinned out, and what was taken by hand, change nothing', () => {
    const byHand = untriedEntry('by-hand', at(10, '09:00'));

    expect(every(0.2, [proven(6), backup(10), byHand])).toEqual([]);
  });
});

test('without a backup there is nothing to prove', () => {
  expect(planProofs([], afterBackups, now)).toEqual({ proofs: [], nextSlot: undefined });
  expect(proofsDueAt(planProofs([], weekly, now))).toEqual(at(15, '05:00'));
});
