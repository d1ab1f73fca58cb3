import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deletionsOf, planRetention, type RetentionEntry } from '../../../src/jobs/retention.ts';
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
  .array(fc.record({ at: instant, proven: fc.boolean(), storedBytes: fc.integer({ min: 1, max: 1_000 }) }), {
    minLength: 1,
    maxLength: 40,
  })
  .map((list) => list.map((entry, index): RetentionEntry => ({ ...entry, id: `b${String(index).padStart(2, '0')}` })));
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
