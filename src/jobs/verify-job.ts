import type { WorkContext } from '../core/work-context.ts';
import { type ObjectStore, StoreError } from '../storage/object-store.ts';
import { backupKey, manifestName } from './backup-keys.ts';
import { type Catalog, type CatalogEntry, entriesOf } from './catalog.ts';
import { closeProof } from './encryption/proof-details.ts';
import { holdBackup } from './hold-backup.ts';
import { type Job, type JobContext, JobFailed } from './job.ts';
import type { Lineage } from './lineage.ts';
import type { Proof } from './manifest.ts';
import type { BackupIdentity } from './manifest-summary.ts';
import { type ChainStore, writeReport } from './proof-chain.ts';
import {
  type PlannedProof,
  type ProofPlan,
  type ProofPolicy,
  planProofs,
  proofEntries,
  proofsDueAt,
  triesInVain,
} from './proof-plan.ts';
import { type VerifyRequest, verifyBackup } from './verify-backup.ts';

export interface VerifyJobOptions extends Omit<VerifyRequest, 'manifest' | 'store' | 'attempt'> {
  readonly lineage: Lineage;
  readonly store: ObjectStore;
  readonly catalog: Catalog;
  readonly policy: ProofPolicy;
  /** Of one proof. */
  readonly timeoutMs: number;
  /** This backup instead of what the policy wants. */
  readonly manifest?: BackupIdentity;
}

/** A proof whose time is over clears away what it made and writes its report; that takes no longer. */
const closingMs = 10 * 60_000;

/** Proves one backup of a lineage, the one that the policy wants now: see {@link planProofs}. */
export function verifyJob(options: VerifyJobOptions): Job {
  const { lineage } = options;
  return {
    kind: 'verify',
    lineage,
    deadlineMs: options.timeoutMs + closingMs,
    lockName: `verify/${lineage.target}/${lineage.schedule}/${lineage.database}`,
    // What could not be tried and has a report is planned by that; what the store went away from has none.
    tryAgain: { tries: options.policy.tries, afterMs: options.policy.retryAfterMs },
    dueAt: async (context) => proofsDueAt((await lookAt(options, context)).plan),
    async run(context) {
      const { manifest, isNewest, attempt } = await choose(options, context);
      // Retention keeps the newest one anyway; an old one may be deleted while it is read.
      await using _held = isNewest ? undefined : await holdBackup(options.store, manifest, 'a proof reads it', context);
      const proof = await proveAndReport({ ...options, manifest, attempt }, context);
      requireProven(proof);
      return { fields: proofFields(proof) };
    },
  };
}

interface Look {
  /** Newest first. */
  readonly entries: readonly CatalogEntry[];
  readonly plan: ProofPlan;
}

async function lookAt(options: VerifyJobOptions, { clock, signal }: WorkContext): Promise<Look> {
  const { catalog, lineage, policy } = options;
  const entries = entriesOf(await catalog.read(lineage.target, signal), lineage);
  return { entries, plan: planProofs(proofEntries(entries), policy, clock.now()) };
}

async function choose(
  options: VerifyJobOptions,
  context: WorkContext,
): Promise<{ readonly manifest: BackupIdentity; readonly isNewest: boolean; readonly attempt: number }> {
  const { entries, plan } = await lookAt(options, context);
  const wanted = options.manifest?.id ?? nextOf(plan, context.clock.now())?.id ?? entries[0]?.manifest.id;
  const chosen = entries.find(({ manifest }) => manifest.id === wanted);
  const manifest = options.manifest ?? chosen?.manifest;
  if (manifest === undefined) throw new JobFailed('inconclusive', 'there is no backup to verify');
  const [own] = proofEntries(chosen === undefined ? [] : [chosen]);
  const attempt = own === undefined ? 1 : 1 + triesInVain(own);
  return { manifest, isNewest: manifest.id === entries[0]?.manifest.id, attempt };
}

/** The first that is due; where nobody asked what is due, the first that will be. */
function nextOf({ proofs }: ProofPlan, now: Date): PlannedProof | undefined {
  return proofs.find(({ dueAt }) => dueAt <= now) ?? proofs[0];
}

/** Verifies and writes the report beside the backup, whatever the verdict. */
export async function proveAndReport(
  request: VerifyRequest & { readonly store: ChainStore },
  context: JobContext,
): Promise<Proof> {
  const { manifest, store } = request;
  const proof = await verifyBackup(request, context);
  if (proof.cause === 'damaged') await requireManifest(store, manifest, context);
  await writeReport(store, await closeProof(proof, manifest.encryption), context);
  return proof;
}

/** A filesystem that is no longer mounted is a folder in which parts are missing; so is its manifest then. */
async function requireManifest(
  store: Pick<ObjectStore, 'head'>,
  { target, id }: BackupIdentity,
  { signal }: JobContext,
): Promise<void> {
  if ((await store.head(backupKey(target, id, manifestName), signal)) !== undefined) return;
  throw new StoreError('unavailable', `the manifest of ${id} is gone as well: the store, or the backup as a whole`);
}

function requireProven(proof: Proof): void {
  if (proof.verdict === 'proven') return;
  const { backupId, attempt, obstacle, reason } = proof;
  if (proof.verdict === 'failed') throw new JobFailed('not_proven', `backup ${backupId} is not proven: ${reason}`);
  const tries = attempt === undefined || attempt === 1 ? '' : `, at try ${attempt}`;
  const untried = obstacle === 'identity' ? 'identity' : 'inconclusive';
  throw new JobFailed(untried, `backup ${backupId} is unproven (${obstacle}${tries}): ${reason}`);
}

function proofFields(proof: Proof): Readonly<Record<string, unknown>> {
  return {
    backup: proof.backupId,
    verdict: proof.verdict,
    facts: proof.facts.compared,
    differing: proof.facts.differing.length,
    ...(proof.notes.length === 0 ? {} : { notes: proof.notes }),
    fetchSeconds: proof.seconds.fetch,
    restoreSeconds: proof.seconds.restore,
    sandbox: proof.sandbox,
  };
}
