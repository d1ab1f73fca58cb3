import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { systemClock } from '../../src/core/clock.ts';
import { errorMessage } from '../../src/core/errors.ts';
import { silentLog } from '../../src/core/log.ts';
import type { BackupMethod } from '../../src/jobs/backup/method.ts';
import { backupJob } from '../../src/jobs/backup-job.ts';
import { backupKey } from '../../src/jobs/backup-keys.ts';
import { isProven } from '../../src/jobs/catalog.ts';
import { checkChain } from '../../src/jobs/check-chain.ts';
import type { FailureReason, Job } from '../../src/jobs/job.ts';
import { pruneJob } from '../../src/jobs/prune.ts';
import type { RunOutcome } from '../../src/jobs/run-outcome.ts';
import { createRunner } from '../../src/jobs/runner.ts';
import { serverSandbox } from '../../src/jobs/sandbox/server-postgres.ts';
import { parseSchedule } from '../../src/jobs/schedule.ts';
import { StoreCatalog } from '../../src/jobs/store-catalog.ts';
import { verifyJob } from '../../src/jobs/verify-job.ts';
import { type ObjectStore, readWhole } from '../../src/storage/object-store.ts';
import type { PostgresAccess } from '../../src/targets/libpq/access.ts';
import type { Cluster } from '../../src/targets/postgres/cluster.ts';
import { dumpMethod, lineageOf, openingTools } from '../support/keeping.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { createDatabase } from '../support/postgres.ts';

/** One way in which a call of a store goes wrong. */
export interface StoreFault<F> {
  readonly name: string;
  readonly fault: F;
  /** Whether a call (`PUT /bucket/key`, `get shop/…`) can go wrong in this way. */
  readonly fits: (call: string) => boolean;
  /** With what a run may fail; a fault that must be got over has none. */
  readonly reasons: readonly FailureReason[];
}

/** A store of its own for one try. */
export interface FaultyPlace extends AsyncDisposable {
  /** By a way on which nothing goes wrong. */
  readonly direct: ObjectStore;
  readonly faulty: ObjectStore;
  /** What was asked of `faulty`, in order. */
  readonly calls: readonly string[];
  /** What lies there beside objects, such as unfinished uploads. */
  leftovers(): Promise<number>;
}

/** Opens a place whose call number `at` (from 0) goes wrong; none when `fault` is undefined. */
export type OpenPlace<F> = (at: number, fault: F | undefined) => Promise<FaultyPlace>;

/** A fault at one call of a backup, its proof and retention, and what was wrong afterwards; nothing when all was as it must be. */
export interface FaultResult {
  readonly call: string;
  readonly fault: string;
  readonly outcomes: readonly string[];
  readonly problems: readonly string[];
}

/** Which fault is tried at which call. */
export interface PlannedFault<F> {
  readonly at: number;
  readonly fault: StoreFault<F>;
}

/** Every fault at every call that it fits. */
export function everyFault<F>(calls: readonly string[], faults: readonly StoreFault<F>[]): PlannedFault<F>[] {
  return calls.flatMap((call, at) => faults.filter(({ fits }) => fits(call)).map((fault) => ({ at, fault })));
}

/** One fault at every call: of those that fit the one that came up least, so that every fault is tried. `seed` begins elsewhere. */
export function oneFaultEach<F>(
  calls: readonly string[],
  faults: readonly StoreFault<F>[],
  seed: number,
): PlannedFault<F>[] {
  const turned = faults.map((_, index) => faults[(index + seed) % faults.length] as StoreFault<F>);
  const uses = new Map(turned.map((fault) => [fault, 0]));
  return calls.map((call, at) => {
    const fitting = turned.filter(({ fits }) => fits(call));
    const fault = fitting.reduce((a, b) => ((uses.get(b) ?? 0) < (uses.get(a) ?? 0) ? b : a));
    uses.set(fault, (uses.get(fault) ?? 0) + 1);
    return { at, fault };
  });
}

const signal = new AbortController().signal;

/** What a store holds, and what it says about it. */
interface StoreState {
  readonly backups: number;
  readonly proven: number;
  /** Parts that are not what their manifest says. */
  readonly lies: readonly string[];
  readonly attempts: number;
  readonly unreadable: number;
  readonly leftovers: number;
}

/** One backup, proven; the one before it is gone. */
const perfect: StoreState = { backups: 1, proven: 1, lies: [], attempts: 0, unreadable: 0, leftovers: 0 };

/** Backups of one database, proven on its own server. */
export class FaultLab {
  readonly #cluster: Cluster;
  readonly #shop: PostgresAccess;
  readonly #method: BackupMethod;
  /** What a store holds before each try: something for retention to remove. */
  readonly #before = new MemoryStore();

  private constructor(cluster: Cluster, shop: PostgresAccess, method: BackupMethod) {
    this.#cluster = cluster;
    this.#shop = shop;
    this.#method = method;
  }

  static async open(cluster: Cluster): Promise<FaultLab> {
    const shop = await createDatabase(cluster, 'shop', 'CREATE TABLE orders AS SELECT generate_series(1, 500) AS id');
    const lab = new FaultLab(cluster, shop, await dumpMethod({ facts: 'rows' }));
    await lab.#round(lab.#before);
    return lab;
  }

  /** The calls of a round in which nothing goes wrong. Throws when even that is not as it must be. */
  async callsOf<F>(open: OpenPlace<F>): Promise<readonly string[]> {
    await using place = await open(-1, undefined);
    await this.#fill(place.direct);
    const outcomes = await this.#round(place.faulty);
    const problems = problemsOf('without a fault', outcomes, await stateOf(place));
    if (problems.length > 0) throw new Error(problems.join('\n'));
    return [...place.calls];
  }

  /** A round with a fault, and another without: it must leave what it would have left by itself. */
  async try<F>(open: OpenPlace<F>, { at, fault }: PlannedFault<F>): Promise<FaultResult> {
    await using place = await open(at, fault.fault);
    await this.#fill(place.direct);
    const outcomes = await this.#round(place.faulty);
    const state = await stateOf(place);
    const problems = [
      ...(place.calls.length > at ? [] : ['the call never came']),
      ...state.lies.map((part) => `after the fault: ${part} is not what its manifest says`),
      ...(state.unreadable === 0 ? [] : [`after the fault: ${state.unreadable} manifests cannot be read`]),
      ...outcomes.filter((one) => !isExpected(one, fault.reasons)).map((one) => `unexpected: ${describeOutcome(one)}`),
    ];
    // What looks like a round without a fault is one: that the next is fine was found out before.
    if (problemsOf('', outcomes, state).length > 0) {
      const next = await this.#round(place.direct);
      problems.push(...problemsOf('after the next round', next, await stateOf(place)));
      const chain = await checkChain(place.direct, 'shop', signal);
      problems.push(...chain.problems.map(({ message }) => `after the next round: ${message}`));
    }
    return { call: place.calls[at] ?? '', fault: fault.name, outcomes: outcomes.map(describeOutcome), problems };
  }

  async #fill(store: ObjectStore): Promise<void> {
    for (const [key, { bytes }] of this.#before.objects) await store.put(key, bytes, signal);
  }

  /** A backup, its proof, and retention that removes the one before it, as a daemon that was just started does them. */
  async #round(store: ObjectStore): Promise<RunOutcome[]> {
    const catalog = new StoreCatalog('test', store, systemClock);
    const outcomes: RunOutcome[] = [];
    for (const job of this.#jobs(store, catalog)) {
      catalog.forget(job.lineage.target);
      outcomes.push(await runner.run(job, signal));
    }
    return outcomes;
  }

  #jobs(store: ObjectStore, catalog: StoreCatalog): readonly Job[] {
    const lineage = lineageOf(this.#shop);
    const method = this.#method;
    const deadlineMs = 120_000;
    const destinations = [{ name: 'test', store, catalog }];
    const schedule = parseSchedule('0 2 * * *', 'UTC');
    const proof = { method, openSandbox: serverSandbox(this.#cluster.access), assertions: [], ...openingTools };
    return [
      backupJob({ lineage, access: this.#shop, method, destinations, schedule, deadlineMs }),
      verifyJob({
        lineage,
        store,
        catalog,
        ...proof,
        policy: { ...afterEveryBackup, backupSchedule: schedule },
        timeoutMs: deadlineMs,
      }),
      pruneJob({ lineage, store, catalog, policy: { last: 1 }, leftoverGraceMs: 0, largeShare: 'allow' }),
    ];
  }
}

const afterEveryBackup = { schedule: undefined, share: 1, perRun: 1, tries: 1, retryAfterMs: 1_000 };

/** Leases are tested by themselves; here nobody else is at it, and no failure is tried again. */
const runner = createRunner({
  clock: systemClock,
  log: silentLog,
  acquireLock: async () => ({
    signal: new AbortController().signal,
    async check() {},
    async [Symbol.asyncDispose]() {},
  }),
  retries: 0,
  retryDelayMs: 0,
});

async function stateOf(place: FaultyPlace): Promise<StoreState> {
  const store = place.direct;
  const { entries, attempts, unreadable } = await new StoreCatalog('test', store, systemClock).read('shop', signal);
  const lies: string[] = [];
  for (const { manifest } of entries) {
    for (const part of manifest.parts) {
      const key = backupKey('shop', manifest.id, part.name);
      const bytes = await readWhole(store, key, signal).catch(() => Buffer.alloc(0));
      if (createHash('sha256').update(bytes).digest('hex') !== part.sha256) lies.push(key);
    }
  }
  return {
    backups: entries.length,
    proven: entries.filter(isProven).length,
    lies,
    attempts: attempts.length,
    unreadable: unreadable.length,
    leftovers: await place.leftovers(),
  };
}

/** In what a round and what it left differ from one in which nothing went wrong. */
function problemsOf(when: string, outcomes: readonly RunOutcome[], state: StoreState): string[] {
  const failed = outcomes.filter(({ status }) => status !== 'succeeded').map(describeOutcome);
  const isPerfect = isDeepStrictEqual(state, perfect);
  return [
    ...failed.map((one) => `${when}: ${one}`),
    ...(isPerfect ? [] : [`${when}: the store holds ${JSON.stringify(state)}`]),
  ];
}

function isExpected(outcome: RunOutcome, reasons: readonly FailureReason[]): boolean {
  return outcome.status === 'succeeded' || (outcome.status === 'failed' && reasons.includes(outcome.reason));
}

function describeOutcome(outcome: RunOutcome): string {
  return outcome.status === 'failed' ? `failed (${outcome.reason}): ${errorMessage(outcome.error)}` : outcome.status;
}
