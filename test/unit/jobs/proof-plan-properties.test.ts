import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { verdicts } from '../../../src/jobs/manifest.ts';
import { type ProofEntry, type ProofPolicy, planProofs } from '../../../src/jobs/proof-plan.ts';
import { parseSchedule } from '../../../src/jobs/schedule.ts';
import { proofLineage, untriedEntry } from '../../support/proof-lineage.ts';

const now = new Date('2028-03-10T12:00:00Z');
const dayMs = 86_400_000;
const nightly = parseSchedule('0 2 * * *', 'UTC');

/** Whatever takes ten hours from then on is over by now. */
const instant = fc
  .integer({ min: -30 * 1_440, max: -600 })
  .map((minutes) => new Date(now.getTime() + minutes * 60_000));
const verification = fc
  .record({ startedAt: instant, verdict: fc.constantFrom(...verdicts), minutes: fc.integer({ min: 1, max: 600 }) })
  .map(({ startedAt, verdict, minutes }) => ({
    startedAt,
    finishedAt: new Date(startedAt.getTime() + minutes * 60_000),
    verdict,
  }));
const entries = fc
  .array(fc.record({ at: instant, verifications: fc.array(verification, { maxLength: 6 }), leaving: fc.boolean() }), {
    minLength: 1,
    maxLength: 25,
  })
  .map((list) =>
    list.map(({ at, ...rest }, index) => ({ ...untriedEntry(`b${String(index).padStart(2, '0')}`, at), ...rest })),
  )
  .map((list) => list.map((entry): ProofEntry => ({ ...entry, verdict: verdictOf(entry) })));
const policies: fc.Arbitrary<ProofPolicy> = fc.record({
  schedule: fc.constantFrom(undefined, nightly, parseSchedule('0 5 * * 0', 'UTC')),
  share: fc.constantFrom(1, 1, 0.5, 0.3, 0.05),
  backupSchedule: fc.constant(nightly),
  perRun: fc.integer({ min: 1, max: 5 }),
  tries: fc.integer({ min: 1, max: 6 }),
  retryAfterMs: fc.integer({ min: 60_000, max: 2 * dayMs }),
});

function verdictOf({ verifications }: ProofEntry): ProofEntry['verdict'] {
  const told = verifications.filter(({ verdict }) => verdict !== 'inconclusive');
  const last = told.sort((a, b) => b.finishedAt.getTime() - a.finishedAt.getTime())[0]?.verdict;
  return last === 'inconclusive' ? undefined : last;
}

/** Newest first, as the planner takes them. */
function byAge(list: readonly ProofEntry[]): ProofEntry[] {
  return [...list].sort((a, b) => b.at.getTime() - a.at.getTime() || (a.id < b.id ? 1 : -1));
}

function runAtOf(list: readonly ProofEntry[], { schedule }: ProofPolicy): Date | undefined {
  return schedule === undefined ? byAge(list)[0]?.finishedAt : schedule.lastAtOrBefore(now);
}

function servedOf(list: readonly ProofEntry[], policy: ProofPolicy): ProofEntry[] {
  const runAt = runAtOf(list, policy);
  return list.filter(({ verifications }) => runAt && verifications.some(({ startedAt }) => startedAt >= runAt));
}

describe('whatever the backups and the policy are', () => {
  test('the order in which the store lists them does not matter', () => {
    fc.assert(
      fc.property(entries, policies, (list, policy) => {
        expect(planProofs([...list].reverse(), policy, now)).toEqual(planProofs(list, policy, now));
      }),
    );
  });

  test('no more backups than were allowed are proven, but for the newest where others took the places by hand', () => {
    fc.assert(
      fc.property(entries, policies, (list, policy) => {
        const { proofs } = planProofs(list, policy, now);
        const fresh = proofs.filter(({ why }) => why !== 'again');
        const places = Math.max(0, policy.perRun - servedOf(list, policy).length);

        expect(fresh.filter(({ why }) => why !== 'newest').length).toBeLessThanOrEqual(places);
        expect(fresh.length).toBeLessThanOrEqual(Math.max(1, places));
        expect(new Set(proofs.map(({ id }) => id)).size).toBe(proofs.length);
      }),
    );
  });

  test('after every backup the newest goes first, unless it has its verdict or its try', () => {
    fc.assert(
      fc.property(entries, policies, (list, policy) => {
        const every = { ...policy, schedule: undefined, share: 1 };
        const [newest] = byAge(list);
        const { proofs } = planProofs(list, every, now);

        if (newest?.verdict === undefined && !servedOf(list, every).includes(newest!)) {
          expect(proofs[0]).toMatchObject({ id: newest!.id, why: 'newest' });
        } else {
          expect(proofs.filter(({ why }) => why === 'newest')).toEqual([]);
        }
      }),
    );
  });

  test('of the others the oldest goes first among those tried equally often', () => {
    fc.assert(
      fc.property(entries, policies, (list, policy) => {
        const { proofs } = planProofs(list, policy, now);
        const backlog = proofs.filter(({ why }) => why === 'unproven');
        const found = backlog.map(({ id, attempt }) => ({ attempt, at: list.find((entry) => entry.id === id)!.at }));

        for (const [index, { attempt, at }] of found.entries()) {
          const next = found[index + 1];
          if (next === undefined) continue;
          expect(attempt < next.attempt || (attempt === next.attempt && at <= next.at)).toBe(true);
        }
      }),
    );
  });

  test('what has a verdict is only proven again at a slot that has nothing else to do', () => {
    fc.assert(
      fc.property(entries, policies, (list, policy) => {
        const { proofs } = planProofs(list, policy, now);
        const again = proofs.filter(({ id }) => list.find((entry) => entry.id === id)?.verdict !== undefined);

        if (again.length === 0) return;
        expect(policy.schedule).toBeDefined();
        expect(proofs).toHaveLength(1);
        expect(again[0]?.why).toBe('longest_ago');
      }),
    );
  });

  test('what is about to be deleted is not proven, unless it is the newest', () => {
    fc.assert(
      fc.property(entries, policies, (list, policy) => {
        const [newest] = byAge(list);
        const leaving = new Set(list.filter((entry) => entry.leaving && entry !== newest).map(({ id }) => id));

        expect(planProofs(list, policy, now).proofs.filter(({ id }) => leaving.has(id))).toEqual([]);
      }),
    );
  });

  test('a try in vain is followed by a longer pause each time, and by no more tries than were said', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 60_000, max: 600_000 }), (tries, retryAfterMs) => {
        const policy = { schedule: undefined, share: 1, backupSchedule: nightly, perRun: 1, tries, retryAfterMs };
        const lineage = proofLineage(policy, () => 'inconclusive');
        lineage.backUp(new Date('2028-03-01T02:00:00Z'));
        lineage.proveUntil(new Date('2028-06-01T00:00:00Z'));
        const startedMs = lineage.proofs.map(({ startedAt }) => startedAt.getTime());
        const pauses = startedMs.slice(1).map((ms, index) => ms - startedMs[index]!);

        expect(lineage.proofs.map(({ attempt }) => attempt)).toEqual(Array.from({ length: tries }, (_, i) => i + 1));
        expect(pauses.every((pause, index) => index === 0 || pause > pauses[index - 1]!)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });
});

describe('as time goes on', () => {
  const policyOf = (changes: Partial<ProofPolicy>): ProofPolicy => ({
    schedule: undefined,
    share: 1,
    backupSchedule: nightly,
    perRun: 2,
    tries: 3,
    retryAfterMs: 15 * 60_000,
    ...changes,
  });

  const night = (index: number) => new Date(Date.parse('2027-05-01T02:00:00Z') + index * dayMs);

  test.each([0.1, 0.2, 0.25, 0.4, 0.5, 0.7, 0.9])('a share of %d is kept, evenly', (share) => {
    const lineage = proofLineage(policyOf({ share, perRun: 1 }));
    const nights = 150;
    for (let index = 0; index < nights; index++) {
      lineage.backUp(night(index));
      lineage.proveUntil(night(index + 1));
    }
    const chosen = lineage.proofs.map(({ id }) => Number(id.slice(1)));
    const gaps = chosen.slice(1).map((index, place) => index - chosen[place]!);

    expect(chosen[0]).toBe(0);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(Math.floor(1 / share));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(Math.ceil(1 / share));
    expect(chosen.length / nights).toBeCloseTo(share, 1);
  });

  test('one backup that nobody can ever try keeps no other from being proven', () => {
    fc.assert(
      fc.property(fc.nat({ max: 19 }), fc.integer({ min: 2, max: 4 }), (cursed, perRun) => {
        const lineage = proofLineage(policyOf({ perRun }), (id) =>
          id === `b0${String(cursed).padStart(2, '0')}` ? 'inconclusive' : 'proven',
        );
        for (let index = 0; index < 20; index++) lineage.backUp(night(index));
        for (let index = 20; index < 45; index++) {
          lineage.backUp(night(index));
          lineage.proveUntil(night(index + 1));
        }

        const unproven = lineage.entries.filter(({ verdict }) => verdict === undefined);
        expect(unproven.map(({ id }) => Number(id.slice(1)))).toEqual([cursed]);
      }),
      { numRuns: 20 },
    );
  });

  test('whatever could not be tried for some days, the newest of each night is tried in that night', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 10, maxLength: 20 }),
        fc.integer({ min: 1, max: 3 }),
        (broken, perRun) => {
          const lineage = proofLineage(policyOf({ perRun }), (id) =>
            broken[Number(id.slice(1))] ? 'inconclusive' : 'proven',
          );
          for (const index of broken.keys()) {
            lineage.backUp(night(index));
            lineage.proveUntil(night(index + 1));
            const id = `b${String(index).padStart(3, '0')}`;
            const first = lineage.proofs.find((proof) => proof.id === id);

            expect(first?.startedAt.getTime()).toBeLessThan(night(index).getTime() + 3_600_000);
          }
        },
      ),
      { numRuns: 20 },
    );
  });

  test('where everything is proven, a schedule of its own goes through all backups again and again', () => {
    const lineage = proofLineage(policyOf({ schedule: parseSchedule('0 5 * * *', 'UTC'), perRun: 1 }));
    for (let index = 0; index < 5; index++) lineage.backUp(night(index));
    lineage.proveUntil(night(5 + 14));

    const counts = lineage.entries.map(({ verifications }) => verifications.length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(2);
  });
});
