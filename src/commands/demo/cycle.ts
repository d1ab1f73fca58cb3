import type { Assembly } from '../../assembly.ts';
import { createScraper } from '../../collectors/scrape.ts';
import { collectorSuccess } from '../../collectors/scrape-metrics.ts';
import type { SampleGroup } from '../../collectors/scraper.ts';
import { secondsSince } from '../../core/clock.ts';
import { version } from '../../core/version.ts';
import type { WorkContext } from '../../core/work-context.ts';
import { planPrune } from '../../jobs/prune-plan.ts';
import { createRunner } from '../../jobs/runner.ts';
import {
  type CycleReport,
  isProven,
  type JobReport,
  jobReport,
  type PlanReport,
  type ScrapedTarget,
} from './cycle-report.ts';

export interface CycleOptions extends WorkContext {
  readonly assembly: Assembly;
  readonly databases: readonly string[];
  /** For the report: version of the servers' programs. */
  readonly server: string;
  /** Is told of each step as it ends. */
  readonly onScraped: (target: ScrapedTarget, seconds: number) => void;
  readonly onRun: (run: JobReport) => void;
  readonly onPlan: (plan: PlanReport) => void;
}

/** Once around: scrape every target, back up every database, restore and compare each, plan retention. */
export async function runCycle(options: CycleOptions): Promise<CycleReport> {
  const { assembly, clock, databases } = options;
  const startedAt = clock.now();
  const startMs = clock.monotonicMs();
  const scrape = await scrapeOnce(options);
  const runs = await runJobs(options);
  const retention = await planRetention(options);
  const parts = { scrape, runs, retention };
  const targets = assembly.config.targets.map(({ name }) => name);
  return {
    version,
    server: options.server,
    startedAt,
    seconds: secondsSince(clock, startMs),
    proven: isProven(parts, { targets, databases }),
    ...parts,
  };
}

async function scrapeOnce(options: CycleOptions): Promise<CycleReport['scrape']> {
  const { clock, log, signal, assembly } = options;
  const { targets, scrape } = assembly.config;
  await using scraper = createScraper({ targets, clock, log, concurrency: scrape.concurrency });
  const startMs = clock.monotonicMs();
  const groups = await scraper.scrape({ signal, deadlineMs: scrape.timeoutMs });
  const seconds = secondsSince(clock, startMs);
  const states = new Map(scraper.states().map((state) => [state.name, state]));
  const scraped = groups.map((group) => summarise(group, states.get(group.target ?? '')?.up === true));
  for (const target of scraped) options.onScraped(target, seconds);
  return { seconds, targets: scraped };
}

function summarise({ target = '', samples }: SampleGroup, up: boolean): ScrapedTarget {
  const families = samples.filter(({ metric }) => metric.name === collectorSuccess.name);
  const failed = families.filter(({ value }) => value !== 1).map(({ labelValues }) => labelValues[0] ?? '');
  return { target, up, samples: samples.length, families: families.length, failedFamilies: failed };
}

/** First all backups, then all proofs, each by the same runner as in the daemon. */
async function runJobs(options: CycleOptions): Promise<JobReport[]> {
  const { assembly, clock, log } = options;
  const { retries, retryDelay } = assembly.config.jobs;
  const acquireLock: Assembly['acquireLock'] = (job, signal) => assembly.acquireLock(job, signal);
  const runner = createRunner({ clock, log, acquireLock, retries, retryDelayMs: retryDelay });
  const jobs = assembly.jobsOf(assembly.config.targets.flatMap(({ backups }) => backups));
  const reports: JobReport[] = [];
  for (const kind of ['backup', 'verify'] as const) {
    for (const job of jobs.filter((one) => one.kind === kind)) {
      const report = jobReport(job, await runner.run(job, options.signal));
      options.signal.throwIfAborted();
      options.onRun(report);
      reports.push(report);
    }
  }
  return reports;
}

async function planRetention(options: CycleOptions): Promise<PlanReport[]> {
  const { assembly, clock, signal } = options;
  const plans: PlanReport[] = [];
  for (const backup of assembly.config.targets.flatMap(({ backups }) => backups)) {
    for (const lineage of backup.lineages) {
      const { catalog } = assembly.storeOf(lineage.store);
      catalog.forget(lineage.target);
      const contents = await catalog.read(lineage.target, signal);
      const { retention } = planPrune(contents, lineage, assembly.pruneRules(backup, lineage), clock.now());
      const decisions = retention.decisions.map(({ id, action, proven, reasons }) => ({
        backup: id,
        action,
        proven,
        reasons,
      }));
      const { refusal } = retention;
      plans.push({ database: lineage.database, decisions, ...(refusal && { refusal: refusal.message }) });
    }
  }
  for (const plan of plans) options.onPlan(plan);
  return plans;
}
