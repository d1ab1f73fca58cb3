import { secondsSince } from '../core/clock.ts';
import { withDeadline } from '../core/deadline.ts';
import { errorMessage, findCause } from '../core/errors.ts';
import { folderSize } from '../core/folder-size.ts';
import { makeWorkDirectory } from '../core/work-directory.ts';
import { type ObjectStore, StoreError } from '../storage/object-store.ts';
import { majorOf } from '../targets/postgres/major-version.ts';
import { type Assertion, type AssertionResult, runAssertions } from './assertions.ts';
import { foreignKeyNotes } from './backup/foreign-keys.ts';
import type { BackupMethod, RestoreRequest } from './backup/method.ts';
import type { OpeningTools } from './backup/open-content.ts';
import {
  compareFacts,
  describeDifferences,
  type FactDifference,
  judgeableFacts,
  whyNotJudged,
} from './compare-facts.ts';
import { openBackup } from './encryption/manifest-details.ts';
import { contentPathIn, fetchParts, spoolPrefix } from './fetch-parts.ts';
import { type JobContext, JobFailed } from './job.ts';
import { sweepKept } from './kept-folders.ts';
import {
  contentBytesOf,
  type Fact,
  type FailureCause,
  type Manifest,
  type OpenedManifest,
  type Proof,
} from './manifest.ts';
import type { BackupIdentity } from './manifest-summary.ts';
import { obstacleOf } from './obstacle.ts';
import { sha256Of } from './proof-chain.ts';
import { type ProofSpace, requireRestoreSpace, requireWithinLimit, withinSpace } from './proof-space.ts';
import { proveProperties } from './prove-properties.ts';
import { parseManifest, readManifestBytes } from './read-manifest.ts';
import type { OpenSandbox, Sandbox } from './sandbox/sandbox.ts';
import { type SpoolSettings, spoolShortage } from './spool-space.ts';
import type { StructureCheck, StructureCheckResult } from './structure-check.ts';
import { verdictOf } from './verdict.ts';

export interface VerifyRequest extends SpoolSettings, ProofSpace, OpeningTools {
  /** What is known of it; the rest is read from the store. */
  readonly manifest: BackupIdentity;
  readonly store: Pick<ObjectStore, 'get'>;
  readonly method: BackupMethod;
  readonly openSandbox: OpenSandbox;
  readonly assertions: readonly Assertion[];
  /** Asked at the end, when it is given. */
  readonly checkStructures?: StructureCheck | undefined;
  /** Most time that the proof may take; unlimited when absent. */
  readonly timeoutMs?: number | undefined;
  /** Which try in a row it is, for the report. */
  readonly attempt?: number | undefined;
}

/** What is known so far; the report tells it even when a later step fails. */
interface Findings {
  /** Of what was read; null as long as nothing was. */
  manifestSha256: string | null;
  sandbox: string;
  notes: readonly string[];
  /** What the store gave wrong at first. */
  readonly rereads: string[];
  seconds: { fetch?: number; restore?: number; compare?: number; amcheck?: number };
  amcheck?: StructureCheckResult['result'];
  factsCompared: number;
  differing: readonly FactDifference[];
  assertions: readonly AssertionResult[];
}

/**
 * Restores a backup into a sandbox and compares it, item by item, with what the source held in the dump's snapshot.
 * Everything that went wrong becomes a verdict with its reason, except what says nothing about the backup and may pass
 * (the store is away, the work was cancelled): that is thrown.
 */
export async function verifyBackup(request: VerifyRequest, context: JobContext): Promise<Proof> {
  const { manifest } = request;
  const startedAt = context.clock.now();
  const startMs = context.clock.monotonicMs();
  const findings: Findings = {
    manifestSha256: null,
    sandbox: 'none',
    notes: [],
    rereads: [],
    seconds: {},
    factsCompared: 0,
    differing: [],
    assertions: [],
  };
  let outcome: Pick<Proof, 'verdict' | 'reason' | 'cause' | 'obstacle'>;
  try {
    await proveInTime(request, findings, context);
    outcome = { verdict: 'proven' };
  } catch (error) {
    context.signal.throwIfAborted();
    const verdict = verdictOf(error);
    if (verdict === 'try_again') throw error;
    const why = verdict === 'failed' ? { cause: causeOf(error, findings) } : { obstacle: obstacleOf(error) };
    outcome = { verdict, reason: errorMessage(error), ...why };
  }
  return {
    format: 'watchkeeper-proof/1',
    backupId: manifest.id,
    target: manifest.target,
    schedule: manifest.schedule,
    database: manifest.database,
    manifestSha256: findings.manifestSha256,
    ...outcome,
    ...(request.attempt === undefined ? {} : { attempt: request.attempt }),
    startedAt: startedAt.toISOString(),
    finishedAt: context.clock.now().toISOString(),
    sandbox: findings.sandbox,
    notes: [...findings.notes, ...rereadNotes(findings.rereads)],
    seconds: { ...findings.seconds, total: secondsSince(context.clock, startMs) },
    facts: { compared: findings.factsCompared, differing: [...findings.differing] },
    assertions: [...findings.assertions],
    ...(findings.amcheck === undefined ? {} : { amcheck: findings.amcheck }),
  };
}

/** Facts and assertions are judged at the end: whatever fails before is the data itself or its restore. */
function causeOf(error: unknown, { differing, assertions }: Findings): FailureCause {
  if (assertions.some(({ passed }) => !passed)) return 'asserted';
  if (differing.length > 0) return 'different';
  const isDamage = findCause(error, StoreError) !== undefined || findCause(error, JobFailed)?.reason === 'damaged';
  return isDamage ? 'damaged' : 'restore';
}

async function proveInTime(request: VerifyRequest, findings: Findings, context: JobContext): Promise<void> {
  const { timeoutMs } = request;
  if (timeoutMs === undefined) return prove(request, findings, context);
  const { signal: parent, clock } = context;
  await withDeadline({ parent, ms: timeoutMs, clock, what: 'the proof' }, async (signal) => {
    try {
      await prove(request, findings, { ...context, signal });
    } catch (error) {
      // What a worker says when its signal fired is an echo of the reason.
      signal.throwIfAborted();
      throw error;
    }
  });
}

async function prove(request: VerifyRequest, findings: Findings, context: JobContext): Promise<void> {
  // Before anything is fetched: what cannot be opened need not come.
  const { manifest, identities } = await openBackup(
    await readFromStore(request, findings, context),
    request.identities,
  );
  await sweepKept(request.spoolDirectory, context.clock.now());
  const shortage = await spoolShortage(manifest, request);
  if (shortage !== undefined) throw new JobFailed('inconclusive', shortage, { obstacle: 'disk' });
  requireWithinLimit(manifest, request);
  await using spool = clearedAway(
    await makeWorkDirectory({ prefix: spoolPrefix, parent: request.spoolDirectory }),
    context,
  );
  const contentPath = contentPathIn(spool.path);
  const onReread = (what: string) => findings.rereads.push(what);
  await using fetching = beginFetch({ ...request, manifest, identities, onReread }, spool.path, context);
  // Whether it can be tried here is known in a second or two; fetching may take hours, and ends with this.
  const opening = openSandbox(request, manifest, context);
  await using sandbox = clearedAway(await orDamageFound(opening, fetching), context);
  Object.assign(findings, {
    sandbox: sandbox.description,
    notes: [...sandbox.notes, ...foreignKeyNotes(manifest.selection)],
  });
  const space = { ...request, spooledBytes: await folderSize(spool.path) };
  await orDamageFound(requireRestoreSpace(manifest, sandbox, space), fetching);
  findings.seconds.fetch = await fetching.done;
  await withinSpace(sandbox, { ...request, dumpBytes: contentBytesOf(manifest) }, context, (within) =>
    tryOut({ ...request, manifest, contentPath, spool }, sandbox, findings, within),
  );
}

/** What is proven is the manifest that lies in the store now, whatever was remembered of it. */
async function readFromStore(
  request: Pick<VerifyRequest, 'store' | 'manifest'>,
  findings: Findings,
  { signal }: JobContext,
): Promise<Manifest> {
  const bytes = await readManifestBytes(request.store, request.manifest, signal);
  findings.manifestSha256 = sha256Of(bytes);
  return parseManifest(bytes, request.manifest);
}

interface Fetching extends AsyncDisposable {
  /** Resolves with the seconds that it took. */
  readonly done: Promise<number>;
  /** Why it failed, if that is known by now. */
  failure(): unknown;
}

/** Fetches while something else is done, too. Disposing ends it, and waits until it has ended. */
function beginFetch(from: Parameters<typeof fetchParts>[0], folder: string, context: JobContext): Fetching {
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const done = timed(context, () => fetchParts(from, folder, { ...context, signal }));
  let failure: unknown;
  const ended = done.then(
    () => undefined,
    (error: unknown) => {
      failure = error;
    },
  );
  return {
    done,
    failure: () => failure,
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('the backup is not needed any more'));
      await ended;
    },
  };
}

/** Why a restore cannot be tried matters less than damage that was found meanwhile. */
async function orDamageFound<T>(work: Promise<T>, fetching: Fetching): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const failure = fetching.failure();
    throw failure !== undefined && verdictOf(failure) === 'failed' ? failure : error;
  }
}

/** Restores what was fetched, compares it and asks the assertions. */
async function tryOut(
  fetched: Omit<VerifyRequest, 'manifest'> &
    Pick<RestoreRequest, 'manifest' | 'contentPath'> & { readonly spool: AsyncDisposable },
  sandbox: Sandbox,
  findings: Findings,
  context: JobContext,
): Promise<void> {
  const { method, manifest, contentPath, assertions } = fetched;
  findings.seconds.restore = await timed(context, async () => {
    context.onProgress({ activity: 'restoring' });
    const { access: into, ownership } = sandbox;
    const restoring = method.restore({ manifest, contentPath, into, ownership, parallel: 2 }, context);
    await restoring.catch((error: unknown) => {
      throw orInconclusive(error, sandbox);
    });
  });
  // Its room may be wanted, and clearing it away takes a while.
  const clearing = fetched.spool[Symbol.asyncDispose]();
  findings.seconds.compare = await timed(context, async () => {
    context.onProgress({ activity: 'comparing' });
    const measured = await method.measure(sandbox.access, manifest, context);
    judgeFacts(manifest, measured, sandbox, findings);
  });
  await clearing;
  context.onProgress({ activity: 'asserting' });
  findings.assertions = await runAssertions(sandbox.access, assertions, context);
  judgeAssertions(findings.assertions);
  const { checkStructures } = fetched;
  if (checkStructures !== undefined) await judgeStructures(checkStructures, sandbox, findings, context);
  await judgeProperties(manifest, sandbox, findings, context);
}

/** After the assertions: it adds an extension to the restored database. */
async function judgeStructures(
  check: StructureCheck,
  sandbox: Sandbox,
  findings: Findings,
  context: JobContext,
): Promise<void> {
  context.onProgress({ activity: 'checking tables and indexes' });
  findings.seconds.amcheck = await timed(context, async () => {
    const found = await check(sandbox, context);
    findings.amcheck = found.result;
    if (found.result === 'not_run') findings.notes = [...findings.notes, `pg_amcheck was not run: ${found.detail}`];
    if (found.result === 'damaged') throw new JobFailed('not_proven', `pg_amcheck found damage: ${found.detail}`);
  });
}

/** Last of all: what is set holds for every session. */
async function judgeProperties(
  manifest: OpenedManifest,
  sandbox: Sandbox,
  findings: Findings,
  context: JobContext,
): Promise<void> {
  context.onProgress({ activity: 'trying the settings of the database' });
  const { differing, notes } = await proveProperties(manifest, sandbox, context.signal);
  findings.notes = [...findings.notes, ...notes];
  if (differing.length === 0) return;
  findings.differing = differing.map((name) => ({ name, expected: 'as at the source', actual: 'something else' }));
  throw new JobFailed('not_proven', `the restored database has not what the source’s had: ${differing.join('; ')}`);
}

/** What is right at the second reading was damaged on its way: the backup is good, the way is not. */
function rereadNotes(rereads: readonly string[]): string[] {
  const [first] = rereads;
  if (first === undefined) return [];
  const more = rereads.length === 1 ? '' : ` (and ${rereads.length - 1} more)`;
  return [`what the store gave was wrong at first and was read a second time: ${first}${more}`];
}

/** Until there is a sandbox nothing was learned about the backup. */
async function openSandbox(
  request: Pick<VerifyRequest, 'openSandbox'>,
  manifest: OpenedManifest,
  context: JobContext,
): Promise<Sandbox> {
  return request.openSandbox(manifest, context).catch((cause: unknown) => {
    context.signal.throwIfAborted();
    throw new JobFailed('inconclusive', 'there is no place to try the restore', { cause });
  });
}

/** What is not as at the source may be why a restore fails. */
function orInconclusive(error: unknown, sandbox: Sandbox): unknown {
  if (sandbox.notes.length === 0 || verdictOf(error) !== 'failed') return error;
  return new JobFailed('inconclusive', `the restore failed, but ${sandbox.notes.join('; ')}`, {
    obstacle: 'locale',
    cause: error,
  });
}

/** A folder or server that cannot be cleared away says nothing about the backup; what is left of it is swept later. */
function clearedAway<T extends AsyncDisposable>(resource: T, { log }: JobContext): T {
  return {
    ...resource,
    async [Symbol.asyncDispose]() {
      try {
        await resource[Symbol.asyncDispose]();
      } catch (error) {
        log.warn({ error: errorMessage(error) }, 'what a verification used could not be cleared away');
      }
    },
  };
}

function judgeFacts(manifest: OpenedManifest, measured: readonly Fact[], sandbox: Sandbox, findings: Findings): void {
  const where = { manifest, major: sandbox.major, ownership: sandbox.ownership };
  const expected = judgeableFacts(manifest.facts.items, where);
  const leftOut = manifest.facts.items.length - expected.length;
  if (leftOut > 0) {
    const note = `${leftOut} facts were not compared: ${whyNotJudged(where).join('; ')}`;
    findings.notes = [...findings.notes, note];
    if (expected.length === 0) throw new JobFailed('inconclusive', note, { obstacle: 'version' });
  }
  findings.factsCompared = expected.length;
  findings.differing = compareFacts(expected, judgeableFacts(measured, where));
  if (findings.differing.length === 0) return;
  const sourceMajor = majorOf(manifest.source.versionNumber);
  const onlyFingerprints = findings.differing.every(({ name }) => name.startsWith('content '));
  // PostgreSQL does not promise the same hash and the same text of a value in two major versions.
  if (onlyFingerprints && sourceMajor !== sandbox.major) {
    throw new JobFailed(
      'inconclusive',
      `content fingerprints of PostgreSQL ${sourceMajor} differ on ${sandbox.major}, which they may; install PostgreSQL ${sourceMajor} to compare them`,
      { obstacle: 'version' },
    );
  }
  if (onlyFingerprints && sandbox.notes.length > 0) {
    const differing = describeDifferences(findings.differing);
    throw new JobFailed('inconclusive', `the restore differs, but ${sandbox.notes.join('; ')}: ${differing}`, {
      obstacle: 'locale',
    });
  }
  throw new JobFailed('not_proven', `the restore differs from the source: ${describeDifferences(findings.differing)}`);
}

function judgeAssertions(results: readonly AssertionResult[]): void {
  const broken = results.filter(({ passed }) => !passed);
  if (broken.length === 0) return;
  const names = broken.map(({ name, detail }) => (detail === undefined ? name : `${name} (${detail})`));
  throw new JobFailed('not_proven', `assertions not met: ${names.join('; ')}`);
}

async function timed(context: JobContext, work: () => Promise<void>): Promise<number> {
  const startMs = context.clock.monotonicMs();
  await work();
  return secondsSince(context.clock, startMs);
}
