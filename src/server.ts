import { type Assembly, assemble } from './assembly.ts';
import { createScraper } from './collectors/scrape.ts';
import type { Scraper } from './collectors/scraper.ts';
import { createSelfMetrics, type SelfMetrics } from './collectors/self-metrics.ts';
import { type ConfigHolder, createConfigHolder, type ReloadResult } from './config/holder.ts';
import { loadConfig } from './config/load.ts';
import type { LoadedConfig } from './config/loaded.ts';
import { formatProblem } from './config/problem.ts';
import type { Clock } from './core/clock.ts';
import { errorMessage } from './core/errors.ts';
import type { Log } from './core/log.ts';
import type { Sample } from './core/metric.ts';
import { version } from './core/version.ts';
import { type Examine, type Examiner, type Look, startExaminer } from './examiner.ts';
import { createApp } from './http/app.ts';
import type { HealthCheck, KeepingRow, ReloadReport } from './http/dependencies.ts';
import { Annotations } from './jobs/annotations/writer.ts';
import type { Job } from './jobs/job.ts';
import { JobCounts } from './jobs/job-counts.ts';
import { createKeeping, type Keeping } from './jobs/keeping.ts';
import { placesOf } from './jobs/lineage.ts';
import { type ReportPlace, type ReportWatch, startReportWatch } from './jobs/report-watch.ts';
import type { RunOutcome } from './jobs/run-outcome.ts';
import { createRunner, type Runner } from './jobs/runner.ts';
import { type Scheduler, startScheduler } from './jobs/scheduler.ts';

export interface ServerOptions {
  readonly config: LoadedConfig;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends the start; a running server is stopped by disposing it. */
  readonly signal: AbortSignal;
  /** Looks for what would hinder a restore, in the background; nobody does when absent. */
  readonly examine?: Examine;
  /** Is told of every run that ended. */
  readonly onOutcome?: (job: Job, outcome: RunOutcome) => void;
}

/** The running daemon. Disposing it stops accepting, ends the jobs, closes the sessions and the stores, in this order. */
export interface Server extends AsyncDisposable {
  /** Where it listens, e.g. `http://127.0.0.1:9847`. */
  readonly url: string;
  readonly scheduler: Scheduler;
  readonly runner: Runner;
  readonly scraper: Scraper;
  readonly assembly: Assembly;
  reload(): Promise<ReloadResult>;
  /** Asks the servers which databases they have, where the configuration has patterns; happens by itself as well. */
  rediscover(): Promise<void>;
}

/** Time between two looks for new databases. */
const rediscoveryIntervalMs = 5 * 60_000;

/** Puts the parts together and starts them. Rejects when the address cannot be listened on. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const server = new Daemon(options);
  try {
    await server.start();
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** What a reload exchanges. */
interface Parts {
  readonly assembly: Assembly;
  readonly scraper: Scraper;
  readonly keeping: Keeping;
}

class Daemon implements Server {
  url = '';
  readonly #options: ServerOptions;
  readonly #selfMetrics: SelfMetrics;
  readonly #holder: ConfigHolder;
  readonly #runner: Runner;
  readonly #app: ReturnType<typeof createApp>;
  readonly #stop = new AbortController();
  /** Outlives a reload: counters must not go back. */
  readonly #counts = new JobCounts();
  readonly #annotations: Annotations;
  /** The newest first; older ones serve the runs that began with them. */
  readonly #parts: Parts[] = [];
  #scheduler: Scheduler | undefined;
  #takingOver: Promise<void> = Promise.resolve();
  #rediscovering: Promise<void> = Promise.resolve();
  #reports: ReportWatch | undefined;
  #examiner: Examiner | undefined;

  constructor(options: ServerOptions) {
    const { clock, log } = options;
    this.#options = options;
    this.#selfMetrics = createSelfMetrics({ version });
    this.#holder = createConfigHolder({
      initial: options.config,
      load: () => loadConfig(options.config.file, options.environment),
      apply: (next) => this.#takeOver(next),
      clock,
    });
    const holder = this.#holder;
    this.#annotations = new Annotations({ grafana: () => holder.current.grafana, clock, log });
    this.#runner = createRunner({
      clock,
      log,
      acquireLock: (job, signal) => this.#partsWith(job).assembly.acquireLock(job, signal),
      // Read at each run, so that a reload changes them.
      get retries() {
        return holder.current.jobs.retries;
      },
      get retryDelayMs() {
        return holder.current.jobs.retryDelay;
      },
      onOutcome: (job, outcome) => this.#ended(job, outcome),
    });
    this.#app = createApp({
      scraper: () => this.#current.scraper,
      ownSamples: () => this.#ownSamples(),
      checks: () => this.#checks(),
      reload: () => this.#reloadForHttp(),
      keeping: () => this.#keepingRows(),
      scrapeTimeoutMs: () => holder.current.scrape.timeoutMs,
      requestAnswered: (request) => this.#selfMetrics.requestAnswered(request),
      log,
      clock,
      version,
    });
  }

  get assembly(): Assembly {
    return this.#current.assembly;
  }

  get scraper(): Scraper {
    return this.#current.scraper;
  }

  get runner(): Runner {
    return this.#runner;
  }

  get scheduler(): Scheduler {
    if (this.#scheduler === undefined) throw new Error('the server has not been started');
    return this.#scheduler;
  }

  async start(): Promise<void> {
    const { clock, config, log } = this.#options;
    this.#parts.unshift(await this.#makeParts(config));
    const holder = this.#holder;
    this.#scheduler = startScheduler({
      jobs: this.#jobsOf(this.#current.assembly),
      runner: this.#runner,
      clock,
      log,
      get concurrency() {
        return holder.current.jobs.concurrency;
      },
      forgetView: ({ target }) => {
        for (const { catalog } of this.#current.assembly.stores.values()) catalog.forget(target);
      },
    });
    const reports = startReportWatch({ places: () => reportPlaces(this.#current.assembly), clock, log });
    this.#reports = reports;
    const { examine } = this.#options;
    if (examine !== undefined) {
      const look: Look = (current, signal) => examine(current, signal, reports);
      this.#examiner = startExaminer({ examine: look, config: () => holder.current, clock, log });
    }
    this.url = await this.#app.listen({ host: config.listen.host, port: config.listen.port });
    this.#rediscovering = this.#rediscoverUntilStopped();
    log.info({ url: this.url, targets: config.targets.length, version }, 'watchkeeper is running');
  }

  reload(): Promise<ReloadResult> {
    return this.#holder.reload();
  }

  rediscover(): Promise<void> {
    return this.#exchange(async () => {
      const { signal } = this.#stop;
      const next = await this.#current.assembly.rediscovered({ signal, log: this.#options.log });
      if (next !== undefined) await this.#useDatabasesOf(next);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error('the process is stopping'));
    await this.#app.close();
    await this.#rediscovering;
    await this.#takingOver;
    await this.#examiner?.[Symbol.asyncDispose]();
    await this.#reports?.[Symbol.asyncDispose]();
    await this.#scheduler?.[Symbol.asyncDispose]();
    await this.#annotations[Symbol.asyncDispose]();
    for (const { scraper, keeping, assembly } of this.#parts) {
      await scraper[Symbol.asyncDispose]();
      await keeping[Symbol.asyncDispose]();
      await assembly[Symbol.asyncDispose]();
    }
  }

  get #current(): Parts {
    const [current] = this.#parts;
    if (current === undefined) throw new Error('the server has not been started');
    return current;
  }

  async #makeParts(config: LoadedConfig): Promise<Parts> {
    const { clock, log, environment } = this.#options;
    const signal = this.#stop.signal;
    const assembly = await assemble(config, { clock, signal, log, searchPath: environment['PATH'] ?? '' });
    const scraper = createScraper({
      targets: config.targets,
      clock,
      log,
      concurrency: config.scrape.concurrency,
      cloudwatchMonthlyLimit: config.cloudwatch.monthlyLimit,
    });
    return { assembly, scraper, keeping: this.#keepingOf(assembly) };
  }

  /** @param known what was read of the same stores */
  #keepingOf(assembly: Assembly, known?: Keeping): Keeping {
    const { clock, log } = this.#options;
    return createKeeping({
      catalogs: [...assembly.stores.values()].map(({ catalog }) => catalog),
      lineages: assembly.lineages,
      retired: assembly.retired,
      rules: assembly.rules,
      jobs: () => this.#scheduler?.jobs() ?? [],
      running: () => this.#runner.running(),
      counts: this.#counts,
      ...(known === undefined ? {} : { views: known.views }),
      clock,
      log,
    });
  }

  /** One after the other: a reload and a look for new databases must not cross. */
  #exchange(work: () => Promise<void>): Promise<void> {
    const done = this.#takingOver.then(work);
    this.#takingOver = done.catch(() => undefined);
    return done;
  }

  #takeOver(config: LoadedConfig): Promise<void> {
    return this.#exchange(() => this.#replaceParts(config));
  }

  async #rediscoverUntilStopped(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await clock.sleep(rediscoveryIntervalMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      await this.rediscover().catch((error: unknown) => {
        if (!signal.aborted) log.warn({ error: errorMessage(error) }, 'looking for new databases failed');
      });
    }
  }

  /** The stores, and what is watched, stay as they are. */
  async #useDatabasesOf(config: LoadedConfig): Promise<void> {
    const { assembly: previous, scraper, keeping } = this.#current;
    const assembly = previous.withConfig(config);
    this.#parts[0] = { assembly, scraper, keeping: this.#keepingOf(assembly, keeping) };
    this.scheduler.replaceJobs(this.#jobsOf(assembly));
    await keeping[Symbol.asyncDispose]();
    this.#options.log.info({ lineages: assembly.lineages.length }, 'the databases to back up have changed');
  }

  /** Runs under way keep the stores they began with; everything after them is of the new configuration. */
  async #replaceParts(config: LoadedConfig): Promise<void> {
    const parts = await this.#makeParts(config);
    const previous = this.#current;
    this.#parts.unshift(parts);
    this.scheduler.replaceJobs(this.#jobsOf(parts.assembly));
    await previous.scraper[Symbol.asyncDispose]();
    await previous.keeping[Symbol.asyncDispose]();
  }

  #jobsOf(assembly: Assembly): Job[] {
    const jobs = assembly.jobsOf(assembly.config.targets.flatMap((target) => target.backups));
    for (const job of jobs) this.#counts.expect(job);
    return jobs;
  }

  #partsWith(job: Pick<Job, 'lineage'>): Parts {
    return this.#parts.find(({ assembly }) => assembly.stores.has(job.lineage.store)) ?? this.#current;
  }

  #ended(job: Job, outcome: RunOutcome): void {
    this.#counts.ended(job, outcome);
    this.#current.keeping.ended(job);
    this.#reports?.ended(job);
    this.#annotations.ended(job, outcome);
    this.#options.onOutcome?.(job, outcome);
  }

  async #ownSamples(): Promise<readonly Sample[]> {
    return [
      ...(await this.#selfMetrics.samples()),
      ...this.#holder.samples(),
      ...(this.#examiner?.samples() ?? []),
      ...this.#annotations.samples(),
      ...this.#current.keeping.samples(this.#options.clock.now()),
      ...(this.#reports?.samples() ?? []),
    ];
  }

  #checks(): readonly HealthCheck[] {
    const { ok, successAt } = this.#holder.lastReload;
    return [
      {
        name: 'configuration',
        status: ok ? 'UP' : 'DOWN',
        data: { takenOverAt: successAt.toISOString() },
        // The configuration before it runs on.
        essential: false,
      },
      { name: 'scheduler', status: this.#scheduler === undefined ? 'DOWN' : 'UP', essential: true },
    ];
  }

  async #reloadForHttp(): Promise<ReloadReport> {
    const result = await this.reload();
    const { file } = this.#options.config;
    if (result.ok) return { ok: true, warnings: result.warnings.map((problem) => formatProblem(file, problem)) };
    return { ok: false, problems: result.problems.map((problem) => formatProblem(file, problem)) };
  }

  #keepingRows(): readonly KeepingRow[] {
    return this.#current.keeping.rows();
  }
}

function reportPlaces(assembly: Assembly): ReportPlace[] {
  return placesOf([...assembly.lineages, ...assembly.retired]).map(({ store, target }) => {
    return { store, target, objects: assembly.storeOf(store).store };
  });
}

/** For the log: why a reload was refused. */
export function describeReload(file: string, result: ReloadResult): string {
  return result.ok ? 'taken over' : result.problems.map((problem) => formatProblem(file, problem)).join('; ');
}
