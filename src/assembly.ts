import { isPostgres, type LoadedBackup, type LoadedConfig, type LoadedProof } from './config/loaded.ts';
import type { Clock } from './core/clock.ts';
import { findProgram } from './core/find-program.ts';
import type { Log } from './core/log.ts';
import { sweepWorkDirectories } from './core/work-directory.ts';
import { type DiscoveryContext, hasSameDatabases, withDiscoveredDatabases } from './discover-backups.ts';
import type { BackupMethod } from './jobs/backup/method.ts';
import type { ContentPrograms, OpeningTools } from './jobs/backup/open-content.ts';
import { type DirectoryFormat, dumpSpoolPrefix } from './jobs/backup/postgres-directory.ts';
import { type PostgresDumpOptions, postgresDump } from './jobs/backup/postgres-dump.ts';
import { type PostgresGlobalsOptions, postgresGlobals } from './jobs/backup/postgres-globals.ts';
import { backupJob, backupLockName } from './jobs/backup-job.ts';
import { copyJob } from './jobs/copy-job.ts';
import { identityParent, identityPrefix } from './jobs/encryption/age.ts';
import { spoolPrefix } from './jobs/fetch-parts.ts';
import type { Job } from './jobs/job.ts';
import { acquireAll, acquireJointly } from './jobs/joint-lock.ts';
import type { KeepingRules } from './jobs/keeping-rules.ts';
import { sweepKept } from './jobs/kept-folders.ts';
import { Leases } from './jobs/lease.ts';
import { type Lineage, sameLineage } from './jobs/lineage.ts';
import type { BackupIdentity, ManifestSummary } from './jobs/manifest-summary.ts';
import { ownIdentity } from './jobs/process-identity.ts';
import { pruneJob, pruneLockName } from './jobs/prune.ts';
import type { PruneRules } from './jobs/prune-plan.ts';
import type { JobLock } from './jobs/runner.ts';
import { localSandbox, sandboxPrefix } from './jobs/sandbox/local-postgres.ts';
import type { OpenSandbox } from './jobs/sandbox/sandbox.ts';
import { serverSandbox } from './jobs/sandbox/server-postgres.ts';
import { parseSchedule } from './jobs/schedule.ts';
import type { BackupSettings } from './jobs/settings.ts';
import { StoreCatalog } from './jobs/store-catalog.ts';
import { structureCheck } from './jobs/structure-check.ts';
import { verifyJob } from './jobs/verify-job.ts';
import { openStore } from './storage/index.ts';
import type { ObjectStore } from './storage/object-store.ts';
import { partSpoolPrefix } from './storage/part-spool.ts';
import { withDatabase } from './targets/libpq/access.ts';
import { loginPrefix } from './targets/postgres/libpq.ts';
import { findInstallations, type ProgramInstallation } from './targets/postgres/programs.ts';

/** A store that is open, and what it holds. */
export interface OpenedStore {
  readonly name: string;
  readonly store: ObjectStore;
  readonly catalog: StoreCatalog;
  readonly leases: Leases;
}

/** The parts that keeping needs, made from a configuration: what the daemon and the commands both work with. */
export interface Assembly extends AsyncDisposable {
  readonly config: LoadedConfig;
  readonly stores: ReadonlyMap<string, OpenedStore>;
  readonly installations: readonly ProgramInstallation[];
  /** With what parts of backups are opened. */
  readonly opening: OpeningTools;
  readonly lineages: readonly Lineage[];
  /** Those of databases that are gone: nothing is backed up, and retention goes on. */
  readonly retired: readonly Lineage[];
  /** The configuration with the databases that the servers have now, where they are not those of `config`. */
  rediscovered(context: DiscoveryContext): Promise<LoadedConfig | undefined>;
  /** The same open stores with another list of databases. */
  withConfig(config: LoadedConfig): Assembly;
  storeOf(name: string): OpenedStore;
  methodFor(backup: LoadedBackup): BackupMethod;
  /** The method that restores a backup, wherever its schedule went. */
  restoreMethod(manifest: Pick<ManifestSummary, 'facts' | 'method'>): BackupMethod;
  /** Where a fetched backup lies meanwhile: where its proofs let it, undefined for the system's temporary folder. */
  spoolDirectory(manifest: BackupIdentity): string | undefined;
  sandboxFor(proof: ProofPlace): OpenSandbox;
  pruneRules(backup: LoadedBackup, lineage: Lineage): PruneRules;
  /** What the configuration wants of each lineage. */
  readonly rules: KeepingRules;
  /** Applies retention now, whether it is due or not; it plans when it has the lock. */
  pruneJob(backup: LoadedBackup, lineage: Lineage, changes?: Partial<PruneRules>): Job;
  /** Proves one backup in one store, whether it is due or not; undefined when the schedule proves nothing. */
  proofJob(backup: LoadedBackup, manifest: BackupIdentity, store: string): Job | undefined;
  /** The lease that keeps other processes from doing the same; undefined when one of them is at it. */
  acquireLock(job: Pick<Job, 'lockName' | 'lineage' | 'stores'>, signal: AbortSignal): Promise<JobLock | undefined>;
  /** Backup, copy, verify and prune jobs of every lineage of these schedules. */
  jobsOf(backups: readonly LoadedBackup[]): Job[];
}

/** Where proofs are made, and within which memory. */
export type ProofPlace = Pick<LoadedProof, 'sandbox'> & Partial<Pick<LoadedProof, 'memory'>>;

export interface AssemblyOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly searchPath: string;
  readonly log: Log;
}

/**
 * Opens all stores, finds the programs and removes what killed processes left in the work folders. Nothing is connected to yet,
 * so a store that is away does not hinder the start; but servers are asked which databases they have where the configuration has patterns.
 */
export async function assemble(config: LoadedConfig, options: AssemblyOptions): Promise<Assembly> {
  await sweepLeftovers(config, options.clock.now());
  const installations = await findInstallations(config.programDirectories, options.searchPath, options.signal);
  const zstdProgram = await findProgram('zstd', options.searchPath);
  const ageProgram = await findProgram('age', options.searchPath);
  const stores = new Map<string, OpenedStore>();
  for (const { name, settings, secretAccessKey } of config.stores) {
    const store = await openStore(settings, { secretAccessKey, clock: options.clock });
    const { clock } = options;
    const leases = new Leases({ store, clock, holder: await ownIdentity(), ttlMs: config.jobs.lease });
    stores.set(name, { name, store, catalog: new StoreCatalog(name, store, clock), leases });
  }
  const catalogs = new Map([...stores].map(([name, { catalog }]) => [name, catalog]));
  const discovered = await withDiscoveredDatabases(config, catalogs, options);
  const opening = { zstdProgram, ageProgram, identities: config.identities };
  return new OwnAssembly({ config: discovered, installations, opening, stores });
}

class OwnAssembly implements Assembly {
  readonly config: LoadedConfig;
  readonly stores: ReadonlyMap<string, OpenedStore>;
  readonly installations: readonly ProgramInstallation[];
  readonly opening: OpeningTools;

  constructor(parts: Pick<Assembly, 'config' | 'stores' | 'installations' | 'opening'>) {
    this.config = parts.config;
    this.stores = parts.stores;
    this.installations = parts.installations;
    this.opening = parts.opening;
  }

  get lineages(): readonly Lineage[] {
    return this.config.targets.flatMap((target) => target.backups.flatMap((backup) => backup.lineages));
  }

  get retired(): readonly Lineage[] {
    return this.config.targets.flatMap((target) => target.backups.flatMap((backup) => backup.retired));
  }

  async rediscovered(context: DiscoveryContext): Promise<LoadedConfig | undefined> {
    const catalogs = new Map([...this.stores].map(([name, { catalog }]) => [name, catalog]));
    const next = await withDiscoveredDatabases(this.config, catalogs, context);
    return hasSameDatabases(this.config, next) ? undefined : next;
  }

  withConfig(config: LoadedConfig): Assembly {
    const { stores, installations, opening } = this;
    return new OwnAssembly({ config, stores, installations, opening });
  }

  storeOf(name: string): OpenedStore {
    const store = this.stores.get(name);
    if (store === undefined) throw new Error(`there is no store "${name}" in the configuration`);
    return store;
  }

  acquireLock(
    { lineage, lockName, stores = [lineage.store] }: Pick<Job, 'lockName' | 'lineage' | 'stores'>,
    signal: AbortSignal,
  ): Promise<JobLock | undefined> {
    return acquireJointly(
      stores.map((name) => this.storeOf(name).leases),
      lockName,
      signal,
    );
  }

  methodFor({ settings, recipients }: LoadedBackup): BackupMethod {
    const encryption = recipients === undefined ? undefined : { recipients: [...recipients] };
    if (settings.method === 'globals')
      return this.#globals({ compressionLevel: settings.compressionLevel, encryption });
    const { facts, select, sampleAbove: sampleAboveBytes, lockTimeout: lockTimeoutMs, compressionLevel } = settings;
    const directory = directoryFormatOf(settings);
    return this.#dump({ facts, select, sampleAboveBytes, lockTimeoutMs, compressionLevel, encryption, directory });
  }

  /** Nothing is dumped or locked: only the kind of facts matters, which is the manifest's. */
  restoreMethod({ facts, method }: Pick<ManifestSummary, 'facts' | 'method'>): BackupMethod {
    if (method === 'postgres-globals/1') return this.#globals({ compressionLevel: 3 });
    return this.#dump({ facts: facts.mode, lockTimeoutMs: 0, compressionLevel: 3 });
  }

  #globals(options: Omit<PostgresGlobalsOptions, 'installations' | keyof ContentPrograms>): BackupMethod {
    return postgresGlobals({ installations: this.installations, ...this.opening, ...options });
  }

  #dump(options: Omit<PostgresDumpOptions, 'installations' | keyof ContentPrograms>): BackupMethod {
    return postgresDump({ installations: this.installations, ...this.opening, ...options });
  }

  spoolDirectory(manifest: BackupIdentity): string | undefined {
    const backup = this.#backupOf(manifest);
    return backup === undefined ? undefined : spoolDirectoryOf(backup);
  }

  /** The schedule that makes these backups; undefined when it is no longer configured. */
  #backupOf(lineage: Omit<Lineage, 'store'>): LoadedBackup | undefined {
    const backups = this.config.targets.flatMap((target) => target.backups);
    return backups.find(({ lineages }) => lineages.some((one) => sameLineage(one, lineage)));
  }

  sandboxFor({ sandbox, memory: memoryBytes }: ProofPlace): OpenSandbox {
    switch (sandbox.type) {
      case 'local':
        return localSandbox({ installations: this.installations, ...sandbox, memoryBytes });
      case 'server':
        return serverSandbox(sandbox.access);
    }
  }

  jobsOf(backups: readonly LoadedBackup[]): Job[] {
    return backups.flatMap((backup) => [
      ...backup.databases.map((database) => this.#backupJob(backup, database)),
      ...backup.lineages.flatMap((lineage) => this.#jobsOfLineage(backup, lineage)),
      ...backup.retired.map((lineage) => this.pruneJob(backup, lineage)),
    ]);
  }

  /** One for all stores: the database is read once. */
  #backupJob(backup: LoadedBackup, database: string): Job {
    const { settings, target, schedule } = backup;
    const destinations = backup.stores.map((name) => this.storeOf(name));
    const job = backupJob({
      lineage: backup.lineages.find((one) => one.database === database) ?? {
        store: backup.stores[0] ?? '',
        target,
        schedule,
        database,
      },
      destinations,
      method: this.methodFor(backup),
      access: settings.method === 'globals' ? backup.access : withDatabase(backup.access, database),
      schedule: parseSchedule(settings.schedule, settings.timezone),
      deadlineMs: settings.timeout,
    });
    return forgettingViews(job, destinations);
  }

  #jobsOfLineage(backup: LoadedBackup, lineage: Lineage): Job[] {
    const opened = this.storeOf(lineage.store);
    const jobs: Job[] = [];
    if (backup.stores.length > 1) jobs.push(this.#copyJob(backup, lineage));
    const verify = this.#verifyJob(backup, lineage, undefined);
    if (verify !== undefined) jobs.push(verify);
    return [...jobs.map((job) => forgettingViews(job, [opened])), this.pruneJob(backup, lineage)];
  }

  #copyJob(backup: LoadedBackup, lineage: Lineage): Job {
    const { stores, settings } = backup;
    return copyJob({
      lineage,
      destination: this.storeOf(lineage.store),
      sources: stores.filter((name) => name !== lineage.store).map((name) => this.storeOf(name)),
      rules: { policy: settings.keep, timezone: settings.timezone },
      exclusively: (signal) =>
        acquireAll([
          () => this.acquireLock({ lineage, lockName: backupLockName(lineage), stores }, signal),
          () => this.acquireLock({ lineage, lockName: pruneLockName(lineage) }, signal),
        ]),
      deadlineMs: settings.timeout,
    });
  }

  pruneJob(backup: LoadedBackup, lineage: Lineage, changes: Partial<PruneRules> = {}): Job {
    const { store, catalog } = this.storeOf(lineage.store);
    const rules = { ...this.pruneRules(backup, lineage), ...changes };
    return forgettingViews(pruneJob({ lineage, store, catalog, ...rules }), [{ catalog }]);
  }

  get rules(): KeepingRules {
    const { targets } = this.config;
    const backups = targets.flatMap((target) => target.backups);
    const backupOf = (lineage: Lineage) => backups.find(({ lineages }) => lineages.includes(lineage));
    return {
      pruneRules: (lineage) => {
        const backup = backupOf(lineage);
        return backup && this.pruneRules(backup, lineage);
      },
      objectivesOf: (lineage) => backupOf(lineage)?.settings.objectives,
      targetObjectives: (name) => targets.filter(isPostgres).find((target) => target.name === name)?.objectives,
    };
  }

  pruneRules({ settings }: LoadedBackup, lineage: Lineage): PruneRules {
    const { leftoverGrace, deleteGrace } = this.config.jobs;
    const together = [...this.lineages, ...this.retired].filter(
      ({ store, target }) => store === lineage.store && target === lineage.target,
    );
    return {
      policy: settings.keep,
      timezone: settings.timezone,
      // A backup under way shows nothing but its start until its first part is there. Who says 0 knows that none is.
      leftoverGraceMs: leftoverGrace === 0 ? 0 : Math.max(leftoverGrace, settings.timeout),
      graceMs: deleteGrace,
      // One of them is enough; which one does not matter.
      sweepBeside: together[0] !== undefined && sameLineage(together[0], lineage) ? together : undefined,
    };
  }

  proofJob(backup: LoadedBackup, manifest: BackupIdentity, store: string): Job | undefined {
    const lineages = [...backup.lineages, ...backup.retired];
    const lineage = lineages.find((one) => one.store === store && sameLineage(one, manifest));
    const job = lineage === undefined ? undefined : this.#verifyJob(backup, lineage, manifest);
    return job === undefined ? undefined : forgettingViews(job, [this.storeOf(store)]);
  }

  #verifyJob(backup: LoadedBackup, lineage: Lineage, manifest: BackupIdentity | undefined): Job | undefined {
    const { proof, settings } = backup;
    if (proof === undefined) return undefined;
    const { store, catalog } = this.storeOf(lineage.store);
    return verifyJob({
      lineage,
      store,
      catalog,
      method: this.methodFor(backup),
      openSandbox: this.sandboxFor(proof),
      assertions: proof.assertions,
      ...this.opening,
      spoolDirectory: spoolDirectoryOf(backup),
      spoolLimitBytes: this.config.jobs.spool,
      diskLimitBytes: proof.disk,
      ...(proof.amcheck ? { checkStructures: structureCheck(this.installations) } : {}),
      policy: {
        schedule: proof.schedule === undefined ? undefined : parseSchedule(proof.schedule, settings.timezone),
        share: proof.share ?? 1,
        backupSchedule: parseSchedule(settings.schedule, settings.timezone),
        perRun: proof.perRun,
        tries: proof.tries,
        retryAfterMs: proof.retryAfter,
      },
      timeoutMs: proof.timeout,
      ...(manifest === undefined ? {} : { manifest }),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { store } of this.stores.values()) await store[Symbol.asyncDispose]();
  }
}

function spoolDirectoryOf({ proof, settings }: LoadedBackup): string | undefined {
  const ofSandbox = proof?.sandbox.type === 'local' ? proof.sandbox.directory : undefined;
  return ofSandbox ?? settings.spoolDirectory;
}

/** The configuration is refused when it wants this format without a spool. */
function directoryFormatOf({ format, spoolDirectory, parallelJobs }: BackupSettings): DirectoryFormat | undefined {
  if (format === 'custom' || spoolDirectory === undefined) return undefined;
  return { spoolDirectory, parallelJobs };
}

/** Dumps that were made or fetched, parts that were to be sent, passwords and identities handed to programs, and throw-away servers of processes that were killed. */
async function sweepLeftovers(config: LoadedConfig, now: Date): Promise<void> {
  await sweepWorkDirectories(identityPrefix, await identityParent());
  const parents = new Set<string | undefined>([undefined]);
  for (const sandbox of config.sandboxes) if (sandbox.type === 'local') parents.add(sandbox.directory);
  for (const { settings } of config.targets.flatMap(({ backups }) => backups)) parents.add(settings.spoolDirectory);
  for (const { settings } of config.stores) if (settings.type === 's3') parents.add(settings.spoolDirectory);
  for (const parent of parents) {
    await sweepKept(parent, now);
    for (const prefix of [sandboxPrefix, spoolPrefix, dumpSpoolPrefix, partSpoolPrefix, loginPrefix])
      await sweepWorkDirectories(prefix, parent);
  }
}

/** After a run the stores hold something else: the next look at them must be a fresh one. */
function forgettingViews(job: Job, stores: readonly Pick<OpenedStore, 'catalog'>[]): Job {
  const forget = () => {
    for (const { catalog } of stores) catalog.forget(job.lineage.target);
  };
  return {
    kind: job.kind,
    lineage: job.lineage,
    deadlineMs: job.deadlineMs,
    lockName: job.lockName,
    ...(job.stores && { stores: job.stores }),
    ...(job.tryAgain && { tryAgain: job.tryAgain }),
    dueAt: (context) => job.dueAt(context),
    async run(context) {
      forget();
      try {
        return await job.run(context);
      } finally {
        forget();
      }
    },
  };
}
