import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deletionsOf, planRetention, type RetentionEntry, type RetentionPlan } from '../../../src/jobs/retention.ts';
import type { RetentionPolicy } from '../../../src/jobs/settings.ts';

const now = new Date('2028-03-10T12:00:00Z');
/** Around New Year, the leap day and both nights on which the clocks change; close together, so that rules compete. */
const anchors = ['2026-10-25T00:00:00Z', '2026-12-31T22:00:00Z', '2028-02-28T22:00:00Z', '2027-03-28T00:00:00Z'].map(
  Date.parse,
);

const instant = fc
  .tuple(fc.constantFrom(...anchors), fc.integer({ min: -60 * 24, max: 60 * 24 * 9 }))
  .map(([anchor, minutes]) => new Date(anchor + minutes * 60_000));
const entries = fc
  .array(
    fc.record({
      at: instant,
      verdict: fc.constantFrom('proven', 'failed', 'unknown'),
      storedBytes: fc.integer({ min: 1, max: 1_000 }),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((list) =>
    list.map(({ verdict, ...entry }, index): RetentionEntry => {
      const id = `b${String(index).padStart(2, '0')}`;
      return { ...entry, id, proven: verdict === 'proven', failed: verdict === 'failed' };
    }),
  );
const dayMs = 86_400_000;
/** Some have had a tombstone for up to four days, or one from the future; some are pinned, for good or for a time. */
const markedEntries = fc
  .tuple(
    entries,
    fc.infiniteStream(fc.option(fc.integer({ min: -4 * 1_440, max: 1_440 }), { nil: undefined, freq: 2 })),
    fc.infiniteStream(fc.constantFrom(undefined, undefined, undefined, 'for good', 'a day', 'run out')),
  )
  .map(([list, marks, pins]) => list.map((entry) => withMarks(entry, marks.next().value, pins.next().value)));
const graces = fc.constantFrom(0, dayMs, 2 * dayMs);

function withMarks(entry: RetentionEntry, markedMinutes: number | undefined, pin: string | undefined): RetentionEntry {
  const until = { 'for good': undefined, 'a day': now.getTime() + dayMs, 'run out': now.getTime() - 1 }[pin ?? ''];
  const pins = pin === undefined ? [] : [{ reason: pin, ...(until && { until: new Date(until).toISOString() }) }];
  const markedAt = markedMinutes === undefined ? undefined : new Date(now.getTime() + markedMinutes * 60_000);
  return { ...entry, pins, ...(markedAt && { markedAt }) };
}

const count = fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined });
const policies: fc.Arbitrary<RetentionPolicy> = fc.record({
  last: count,
  within: fc.option(fc.integer({ min: 1, max: 400 * 86_400_000 }), { nil: undefined }),
  hourly: count,
  daily: count,
  weekly: count,
  monthly: count,
  yearly: count,
});
const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu');

function keptIds(list: readonly RetentionEntry[], policy: RetentionPolicy, timezone: string): Set<string> {
  const { decisions } = planRetention(list, policy, now, { timezone });
  return new Set(decisions.filter(({ action }) => action === 'keep').map(({ id }) => id));
}

function newestFirst(list: readonly RetentionEntry[]): RetentionEntry[] {
  return [...list].sort((a, b) => b.at.getTime() - a.at.getTime() || (a.id < b.id ? 1 : -1));
}

function larger(policy: RetentionPolicy, by: number): RetentionPolicy {
  return Object.fromEntries(
    Object.entries(policy).map(([rule, value]) => [rule, value === undefined ? undefined : value + by]),
  );
}

describe('whatever the backups and the policy are', () => {
  test('every backup is decided on once, with a reason', () => {
    fc.assert(
      fc.property(entries, policies, zones, (list, policy, timezone) => {
        const { decisions } = planRetention(list, policy, now, { timezone });

        expect(decisions.map(({ id }) => id).sort()).toEqual(list.map(({ id }) => id).sort());
        expect(decisions.every(({ reasons }) => reasons.length > 0)).toBe(true);
      }),
    );
  });

  test('the newest backup that is not known to be bad stays', () => {
    fc.assert(
      fc.property(entries, policies, zones, (list, policy, timezone) => {
        const hopeful = newestFirst(list).find(({ failed }) => failed !== true);

        if (hopeful !== undefined) expect(keptIds(list, policy, timezone)).toContain(hopeful.id);
      }),
    );
  });

  test('the newest backup and the newest proven one stay', () => {
    fc.assert(
      fc.property(entries, policies, zones, (list, policy, timezone) => {
        const kept = keptIds(list, policy, timezone);
        const sorted = newestFirst(list);
        const newestProven = sorted.find(({ proven }) => proven);

        expect(kept).toContain(sorted[0]?.id);
        if (newestProven !== undefined) expect(kept).toContain(newestProven.id);
      }),
    );
  });

  test('what the store lost a part of stays, and changes nothing for what is whole', () => {
    fc.assert(
      fc.property(entries, entries, policies, zones, graces, (list, others, policy, timezone, graceMs) => {
        const lost = others.map((entry) => ({ ...entry, id: `lost ${entry.id}`, incomplete: true }));
        const decide = (of: readonly RetentionEntry[]) =>
          planRetention(of, policy, now, { timezone, graceMs }).decisions;

        const decisions = decide([...list, ...lost]);

        expect(decisions.filter(({ incomplete }) => incomplete !== true)).toEqual(decide(list));
        expect(new Set(decisions.filter(({ incomplete }) => incomplete).map(({ action }) => action))).toEqual(
          new Set(['keep']),
        );
      }),
    );
  });

  test('the order in which they are listed changes nothing', () => {
    fc.assert(
      fc.property(entries, policies, zones, fc.infiniteStream(fc.nat()), (list, policy, timezone, random) => {
        const shuffled = list
          .map((entry) => ({ entry, rank: random.next().value as number }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ entry }) => entry);

        expect(planRetention(shuffled, policy, now, { timezone })).toEqual(
          planRetention(list, policy, now, { timezone }),
        );
      }),
    );
  });

  test('a second run right after the first one finds nothing to delete', () => {
    fc.assert(
      fc.property(entries, policies, zones, (list, policy, timezone) => {
        const kept = keptIds(list, policy, timezone);
        const rest = list.filter(({ id }) => kept.has(id));

        expect(deletionsOf(planRetention(rest, policy, now, { timezone }))).toEqual([]);
      }),
    );
  });

  test('a more generous policy keeps all that the stricter one keeps', () => {
    fc.assert(
      fc.property(entries, policies, zones, fc.integer({ min: 1, max: 5 }), (list, policy, timezone, by) => {
        const strict = keptIds(list, policy, timezone);
        const generous = keptIds(list, larger(policy, by), timezone);

        expect([...strict].filter((id) => !generous.has(id))).toEqual([]);
      }),
    );
  });

  test('a further backup never costs the newest proven one', () => {
    fc.assert(
      fc.property(entries, policies, zones, instant, (list, policy, timezone, at) => {
        const newestProven = newestFirst(list).find(({ proven }) => proven);
        const added = { id: 'added', at, proven: false, storedBytes: 1 };

        const kept = keptIds([...list, added], policy, timezone);

        if (newestProven !== undefined) expect(kept).toContain(newestProven.id);
      }),
    );
  });

  test('a clock that jumps ahead by a year deletes nothing more', () => {
    fc.assert(
      fc.property(entries, policies, zones, (list, policy, timezone) => {
        const ahead = new Date(now.getTime() + 365 * 86_400_000);

        expect(planRetention(list, policy, ahead, { timezone })).toEqual(
          planRetention(list, policy, now, { timezone }),
        );
      }),
    );
  });

  test('a clock that fell back by years deletes nothing that it would not delete later', () => {
    fc.assert(
      fc.property(entries, policies, instant, (list, policy, past) => {
        const plan = planRetention(list, policy, past);
        const newer = list.filter(({ at }) => at.getTime() > past.getTime() + 5 * 60_000);

        expect(deletionsOf(plan).filter(({ id }) => newer.some((entry) => entry.id === id))).toEqual([]);
        expect(plan.refusal?.kind === 'clock').toBe(newer.length > 1 || newer.length === list.length);
      }),
    );
  });
});

describe('whatever has a tombstone or a pin', () => {
  test('nothing is deleted that has not had its tombstone for the whole of the grace', () => {
    fc.assert(
      fc.property(markedEntries, policies, zones, graces, (list, policy, timezone, graceMs) => {
        const deleted = deletionsOf(planRetention(list, policy, now, { timezone, graceMs }));

        const early = deleted.filter(
          ({ markedAt }) => graceMs > 0 && (markedAt === undefined || now.getTime() - markedAt.getTime() < graceMs),
        );
        expect(early).toEqual([]);
      }),
    );
  });

  test('what is pinned stays, and a pin that ran out holds nothing', () => {
    fc.assert(
      fc.property(markedEntries, policies, graces, (list, policy, graceMs) => {
        const { decisions } = planRetention(list, policy, now, { graceMs });

        for (const { pins = [], rules, action } of decisions) {
          const holds = pins.some(({ reason }) => reason !== 'run out');
          expect(rules.includes('pinned')).toBe(holds);
          if (holds) expect(['keep', 'spare']).toContain(action);
        }
      }),
    );
  });

  test('tombstones change when a backup goes, never whether', () => {
    fc.assert(
      fc.property(markedEntries, policies, zones, graces, (list, policy, timezone, graceMs) => {
        const bare = list.map(({ markedAt: _, ...entry }) => entry);
        const wanted = (entriesOf: RetentionEntry[]) =>
          planRetention(entriesOf, policy, now, { timezone, graceMs }).decisions.map(({ id, rules }) => ({
            id,
            rules,
          }));

        expect(wanted(list)).toEqual(wanted(bare));
      }),
    );
  });

  test('exactly what is kept and has a tombstone loses it', () => {
    fc.assert(
      fc.property(markedEntries, policies, graces, (list, policy, graceMs) => {
        const { decisions } = planRetention(list, policy, now, { graceMs });

        for (const { action, rules, markedAt } of decisions) {
          expect(action === 'spare').toBe(rules.length > 0 && markedAt !== undefined);
          expect(action === 'keep').toBe(rules.length > 0 && markedAt === undefined);
        }
      }),
    );
  });

  test('done step by step it comes to rest where no grace would have come to at once', () => {
    fc.assert(
      fc.property(markedEntries, policies, zones, (list, policy, timezone) => {
        const days = [0, 3, 6].map((day) => new Date(now.getTime() + day * dayMs));
        const step = (left: RetentionEntry[], at: Date) =>
          apply(left, planRetention(left, policy, at, { timezone, graceMs: dayMs }), at);
        const done = days.reduce(step, list);
        const last = days.at(-1) ?? now;
        const atOnce = apply(list, planRetention(list, policy, last, { timezone }), last);

        expect(done.map(({ id }) => id).sort()).toEqual(atOnce.map(({ id }) => id).sort());
        expect(done.filter(({ markedAt }) => markedAt !== undefined)).toEqual([]);
      }),
    );
  });

  test('a clock that jumps ahead deletes nothing that had no tombstone before', () => {
    fc.assert(
      fc.property(markedEntries, policies, (list, policy) => {
        const ahead = new Date(now.getTime() + 365 * dayMs);
        const deleted = deletionsOf(planRetention(list, policy, ahead, { graceMs: dayMs }));

        expect(deleted.filter(({ markedAt }) => markedAt === undefined)).toEqual([]);
      }),
    );
  });

  test('never so many get a tombstone at once that most of what is left would go, unless somebody consents', () => {
    fc.assert(
      fc.property(markedEntries, policies, (list, policy) => {
        const plan = planRetention(list, policy, now, { graceMs: dayMs });
        const unmarked = plan.decisions.filter(({ markedAt }) => markedAt === undefined);
        const doomed = unmarked.filter(({ action }) => action === 'mark');
        const consented = planRetention(list, policy, now, { graceMs: dayMs, largeShare: 'allow' });

        if (plan.refusal === undefined && doomed.length > 4)
          expect(doomed.length).toBeLessThanOrEqual(unmarked.length / 2);
        expect(consented.refusal?.kind).not.toBe('share');
        expect(consented.decisions).toEqual(plan.decisions);
      }),
    );
  });
});

/** What is there after a plan was carried out. */
function apply(list: readonly RetentionEntry[], plan: RetentionPlan, at: Date): RetentionEntry[] {
  const actions = new Map(plan.decisions.map(({ id, action }) => [id, action]));
  return list.flatMap((entry) => {
    const { markedAt: _, ...bare } = entry;
    switch (actions.get(entry.id)) {
      case 'delete':
        return [];
      case 'mark':
        return [{ ...bare, markedAt: at }];
      case 'spare':
        return [bare];
      default:
        return [entry];
    }
  });
}
