import type { WorkContext } from '../core/work-context.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { backupKey, proofName } from './backup-keys.ts';
import { type Catalog, type CatalogEntry, entriesOf } from './catalog.ts';
import { closeProof } from './encryption/proof-details.ts';
import { holdBackup } from './hold-backup.ts';
import { type Job, type JobContext, JobFailed } from './job.ts';
import type { Lineage } from './lineage.ts';
import type { Manifest, Proof } from './manifest.ts';
import type { Schedule } from './schedule.ts';
import { sealedJson } from './sealed-json.ts';
import { type VerifyRequest, verifyBackup } from './verify-backup.ts';

export interface VerifyJobOptions extends Omit<VerifyRequest, 'manifest' | 'store'> {
  readonly lineage: Lineage;
  readonly store: ObjectStore;
  readonly catalog: Catalog;
  /** Undefined: right after every backup. */
  readonly schedule: Schedule | undefined;
  readonly deadlineMs: number;
  /** This backup instead of the newest one. */
  readonly manifest?: Manifest;
}

/** Proves the newest backup of a lineage: after every backup, or at the schedule's slots. */
export function verifyJob(options: VerifyJobOptions): Job {
  const { lineage } = options;
  return {
    kind: 'verify',
    lineage,
    deadlineMs: options.deadlineMs,
    lockName: `verify/${lineage.target}/${lineage.schedule}/${lineage.database}`,
    dueAt: (context) => dueAt(options, context),
    async run(context) {
      const manifest = options.manifest ?? (await newestManifest(options, context));
      // Retention keeps the newest one anyway; what somebody chose may be an old one.
      await using _held = options.manifest && (await holdBackup(options.store, manifest, 'a proof reads it', context));
      const proof = await proveAndReport({ ...options, manifest }, context);
      requireProven(proof);
      return { fields: proofFields(proof) };
    },
  };
}

async function newestManifest({ catalog, lineage }: VerifyJobOptions, { signal }: WorkContext): Promise<Manifest> {
  const [newest] = entriesOf(await catalog.read(lineage.target, signal), lineage);
  if (newest === undefined) throw new JobFailed('inconclusive', 'there is no backup to verify');
  return newest.manifest;
}

async function dueAt(options: VerifyJobOptions, { clock, signal }: WorkContext): Promise<Date | undefined> {
  const { lineage, schedule } = options;
  const entries = entriesOf(await options.catalog.read(lineage.target, signal), lineage);
  const [newest] = entries;
  if (newest === undefined) return undefined;
  if (schedule === undefined) {
    return newest.proofs.length === 0 ? new Date(newest.manifest.finishedAt) : undefined;
  }
  const now = clock.now();
  const slot = schedule.lastAtOrBefore(now);
  const last = lastProofStart(entries);
  const missed = slot !== undefined && (last === undefined || last < slot);
  return missed ? slot : schedule.nextAfter(now);
}

function lastProofStart(entries: readonly CatalogEntry[]): Date | undefined {
  const starts = entries.flatMap((entry) => entry.proofs.map((proof) => new Date(proof.startedAt).getTime()));
  return starts.length === 0 ? undefined : new Date(Math.max(...starts));
}

/** Verifies and writes the report beside the backup, whatever the verdict. */
export async function proveAndReport(
  request: VerifyRequest & { readonly store: Pick<ObjectStore, 'get' | 'put'> },
  context: JobContext,
): Promise<Proof> {
  const proof = await verifyBackup(request, context);
  const key = backupKey(proof.target, proof.backupId, proofName(new Date(proof.startedAt)));
  await request.store.put(key, sealedJson(await closeProof(proof, request.manifest.encryption)), context.signal);
  return proof;
}

function requireProven(proof: Proof): void {
  if (proof.verdict === 'proven') return;
  const untried = proof.obstacle === 'identity' ? 'identity' : 'inconclusive';
  const reason = proof.verdict === 'failed' ? 'not_proven' : untried;
  throw new JobFailed(
    reason,
    `backup ${proof.backupId} is ${proof.verdict === 'failed' ? 'not proven' : 'unproven'}: ${proof.reason}`,
  );
}

function proofFields(proof: Proof): Readonly<Record<string, unknown>> {
  return {
    backup: proof.backupId,
    verdict: proof.verdict,
    facts: proof.facts.compared,
    differing: proof.facts.differing.length,
    fetchSeconds: proof.seconds.fetch,
    restoreSeconds: proof.seconds.restore,
    sandbox: proof.sandbox,
  };
}
