import { systemClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import { type CatalogEntry, isProven } from '../../src/jobs/catalog.ts';
import { checkChain } from '../../src/jobs/check-chain.ts';
import type { JobContext } from '../../src/jobs/job.ts';
import { serverSandbox } from '../../src/jobs/sandbox/server-postgres.ts';
import { StoreCatalog } from '../../src/jobs/store-catalog.ts';
import { takeBackup } from '../../src/jobs/take-backup.ts';
import { verifyBackup } from '../../src/jobs/verify-backup.ts';
import { proveAndReport } from '../../src/jobs/verify-job.ts';
import type { Cluster } from '../../src/targets/postgres/cluster.ts';
import { newIdentity } from '../support/age.ts';
import { dumpMethod, lineageOf, openingTools } from '../support/keeping.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { createDatabase, execute } from '../support/postgres.ts';
import { corruptions, costly } from './corruption.ts';
import { Random } from './random.ts';

export interface CorruptionFigures {
  readonly rounds: number;
  /** Corruptions after which the backup is no backup, unproven or proven to be broken. */
  readonly found: number;
  /** What was called proven or good although it was corrupted: `kind, round`. Must be empty. */
  readonly missed: readonly string[];
  readonly byKind: Readonly<Record<string, number>>;
}

const sourceSql = `CREATE TABLE orders AS SELECT n AS id, md5(n::text) AS t FROM generate_series(1, 3000) n;
  CREATE TABLE lines AS SELECT n AS id, n % 7 AS kind FROM generate_series(1, 500) n;`;
/** One in so many rounds is the costly kind. */
const costlyEvery = 25;

/** Corrupts a proven backup in one way in each round, and asks whether anything still believes in it. */
export async function corruptBackups(
  cluster: Cluster,
  { rounds, seed, encrypted }: { readonly rounds: number; readonly seed: number; readonly encrypted: boolean },
): Promise<CorruptionFigures> {
  const random = new Random(seed);
  const stop = new AbortController();
  const context: JobContext = {
    signal: stop.signal,
    clock: systemClock,
    log: silentLog,
    onProgress: () => undefined,
  };
  const bench = await prepare(cluster, encrypted ? await newIdentity() : undefined, context);
  const cheap = Object.keys(corruptions).filter((kind) => kind !== costly);
  const byKind: Record<string, number> = {};
  const missed: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const kind = round % costlyEvery === costlyEvery - 1 ? costly : (cheap[round % cheap.length] ?? costly);
    byKind[kind] = (byKind[kind] ?? 0) + 1;
    if (await isMissed(bench, kind, random, context)) missed.push(`${kind}, round ${round}`);
  }
  return { rounds, found: rounds - missed.length, missed, byKind };
}

interface Bench {
  readonly pristine: MemoryStore;
  readonly victim: string;
  readonly other: string;
  readonly prove: (entry: CatalogEntry, store: MemoryStore) => Promise<'proven' | 'failed' | 'inconclusive'>;
}

/** Two proven backups of one database that changed in between. */
async function prepare(
  cluster: Cluster,
  identity: Awaited<ReturnType<typeof newIdentity>> | undefined,
  context: JobContext,
): Promise<Bench> {
  const database = identity === undefined ? 'tortured' : 'tortured_encrypted';
  const access = await createDatabase(cluster, database, sourceSql);
  const method = await dumpMethod({ encryption: identity && { recipients: [identity.recipient] } });
  const pristine = new MemoryStore();
  const request = {
    method,
    openSandbox: serverSandbox(cluster.access),
    assertions: [],
    ...openingTools,
    identities: identity === undefined ? [] : [identity.source],
  };
  const ids: string[] = [];
  for (const more of [1, 2]) {
    await execute(cluster, database, `INSERT INTO orders SELECT n, 'x' FROM generate_series(1, ${more}) n`);
    const manifest = await takeBackup({ lineage: lineageOf(access), access, method, store: pristine }, context);
    const proof = await proveAndReport({ ...request, manifest, store: pristine }, context);
    if (proof.verdict !== 'proven') throw new Error(`the backup to be tortured is not proven: ${proof.reason}`);
    ids.push(manifest.id);
  }
  const [victim = '', other = ''] = ids;
  return {
    pristine,
    victim,
    other,
    prove: async ({ manifest }, store) => (await verifyBackup({ ...request, manifest, store }, context)).verdict,
  };
}

/** True when somebody would still be told that the backup is proven. */
async function isMissed(bench: Bench, kind: string, random: Random, context: JobContext): Promise<boolean> {
  const store = new MemoryStore();
  for (const [key, object] of bench.pristine.objects) store.objects.set(key, object);
  const folder = (id: string) => `shop/${id}/`;
  corruptions[kind]?.({ store, folder: folder(bench.victim), other: folder(bench.other) }, random);
  if (kind.startsWith('chain')) return (await checkChain(store, 'shop', context.signal)).problems.length === 0;
  const contents = await new StoreCatalog('test', store, systemClock).read('shop', context.signal);
  const entry = contents.entries.find(({ manifest }) => manifest.id === bench.victim);
  // No backup any more: its manifest is gone, or is told as unreadable.
  if (entry === undefined) return false;
  if (kind.startsWith('report')) return isProven(entry);
  return (await bench.prove(entry, store)) !== 'failed';
}
