import type { Verdict } from '../../src/jobs/manifest.ts';
import { type PlannedProof, type ProofEntry, type ProofPolicy, planProofs } from '../../src/jobs/proof-plan.ts';

/** Backups of one lineage and their verifications, as a store would tell them, while time goes on. */
export interface ProofLineage {
  readonly entries: readonly ProofEntry[];
  /** What was verified, in its order: `b003 14:00 newest 1`. */
  readonly proofs: readonly (PlannedProof & { readonly startedAt: Date })[];
  backUp(at: Date): void;
  /** Makes every proof that is due up to then, one after the other. */
  proveUntil(end: Date): void;
}

const backupMs = 10 * 60_000;
const proofMs = 5 * 60_000;

/** @param verdictOf what comes out of try number `attempt` (from 1, over all) of a backup */
export function proofLineage(
  policy: ProofPolicy,
  verdictOf: (id: string, attempt: number) => Verdict = () => 'proven',
): ProofLineage {
  let entries: ProofEntry[] = [];
  const proofs: (PlannedProof & { readonly startedAt: Date })[] = [];
  const prove = (proof: PlannedProof, startedAt: Date) => {
    entries = entries.map((entry) => (entry.id === proof.id ? verified(entry, startedAt) : entry));
    proofs.push({ ...proof, startedAt });
  };
  const verified = (entry: ProofEntry, startedAt: Date): ProofEntry => {
    const verdict = verdictOf(entry.id, entry.verifications.length + 1);
    const finishedAt = new Date(startedAt.getTime() + proofMs);
    return {
      ...entry,
      verdict: verdict === 'inconclusive' ? entry.verdict : verdict,
      verifications: [...entry.verifications, { startedAt, finishedAt, verdict }],
    };
  };
  let freeFromMs = 0;
  return {
    get entries() {
      return entries;
    },
    proofs,
    backUp(at) {
      const entry = untriedEntry(`b${String(entries.length).padStart(3, '0')}`, at);
      entries = [...entries, entry];
      freeFromMs = Math.max(freeFromMs, entry.finishedAt.getTime());
    },
    proveUntil(end) {
      for (let now = new Date(freeFromMs); ; ) {
        const { proofs: planned } = planProofs(entries, policy, now);
        const due = planned.find(({ dueAt }) => dueAt <= now);
        if (due !== undefined) {
          prove(due, now);
          now = new Date(now.getTime() + proofMs);
          freeFromMs = now.getTime();
          continue;
        }
        const next = nextChange(planProofs(entries, policy, now), now);
        if (next === undefined || next > end) return;
        now = next;
      }
    },
  };
}

/** A backup that was begun at that instant and never tried. */
export function untriedEntry(id: string, startedAt: Date): ProofEntry {
  const finishedAt = new Date(startedAt.getTime() + backupMs);
  return { id, at: startedAt, startedAt, finishedAt, verdict: undefined, verifications: [], leaving: false };
}

function nextChange({ proofs, nextSlot }: ReturnType<typeof planProofs>, now: Date): Date | undefined {
  const later = [...proofs.map(({ dueAt }) => dueAt), ...(nextSlot === undefined ? [] : [nextSlot])];
  return later.filter((instant) => instant > now).sort((a, b) => a.getTime() - b.getTime())[0];
}
