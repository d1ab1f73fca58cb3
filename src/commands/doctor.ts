import type { LoadedConfig, LoadedStore } from '../config/loaded.ts';
import { withDiscoveredDatabases } from '../discover-backups.ts';
import type { Catalog } from '../jobs/catalog.ts';
import { checkChain } from '../jobs/check-chain.ts';
import type { ReportWatch } from '../jobs/report-watch.ts';
import { StoreCatalog } from '../jobs/store-catalog.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { CheckFinding } from './check/finding.ts';
import { checkKept } from './check/kept.ts';
import { configurationFindings } from './check/report.ts';
import { checkReports, type LookAtReports } from './check/reports.ts';
import type { SourceDatabase } from './check/source.ts';
import {
  type CheckContext,
  type CheckOptions,
  checkMachine,
  checkStores,
  checkTargets,
  checkTelling,
  printFindings,
} from './check.ts';

/**
 * Everything `check` looks at, and what would hinder a restore today: is there a backup of every database, is it proven,
 * do programs, sandbox and space fit it – also when the source itself is gone.
 *
 * @param reports what is known of the reports already; all of them are read without
 */
export async function examine(
  given: LoadedConfig,
  context: CheckContext,
  reports?: Pick<ReportWatch, 'lastCheck'>,
): Promise<CheckFinding[]> {
  await using opened = await openReadable(given.stores, context);
  const config = await withDiscoveredDatabases(given, opened.catalogs, context);
  const targets = await checkTargets(config, context);
  const stores = await checkStores(config, context);
  const kept = await checkKept(config, opened.catalogs, context);
  const look: LookAtReports = async (store, target) => {
    if (reports !== undefined) return reports.lastCheck(store, target);
    const objects = opened.stores.get(store);
    return objects && (await checkChain(objects, target, context.signal));
  };
  const chains = await checkReports(config, look, context);
  const machine = await checkMachine(config, merge(targets.sources, kept.sources), context);
  const telling = await checkTelling(config, context);
  return [...targets.findings, ...stores, ...kept.findings, ...chains, ...machine, ...telling];
}

interface OpenedStores extends AsyncDisposable {
  readonly stores: ReadonlyMap<string, ObjectStore>;
  readonly catalogs: ReadonlyMap<string, Catalog>;
}

/** Stores that cannot be opened are told by their own check already. */
async function openReadable(stores: readonly LoadedStore[], context: CheckContext): Promise<OpenedStores> {
  const opened = new Map<string, ObjectStore>();
  const catalogs = new Map<string, Catalog>();
  for (const settings of stores) {
    const store = await context.openStore(settings, context).catch(() => undefined);
    context.signal.throwIfAborted();
    if (store === undefined) continue;
    opened.set(settings.name, store);
    catalogs.set(settings.name, new StoreCatalog(settings.name, store, context.clock));
  }
  return {
    stores: opened,
    catalogs,
    async [Symbol.asyncDispose]() {
      for (const store of opened.values()) await store[Symbol.asyncDispose]();
    },
  };
}

/** What the live database says goes before what its last backup says. */
function merge(live: readonly SourceDatabase[], kept: readonly SourceDatabase[]): SourceDatabase[] {
  const name = ({ target, database }: SourceDatabase) => `${target}/${database}`;
  return [...new Map([...kept, ...live].map((source) => [name(source), source])).values()];
}

/** `watchkeeper doctor`: prints everything that was looked at; 1 when a restore would not work today. */
export async function runDoctor(options: CheckOptions): Promise<number> {
  const loaded = await options.load(options.file);
  const findings = configurationFindings(options.file, loaded.warnings, 'warning');
  if (loaded.ok) findings.push(...(await examine(loaded.config, options)));
  else findings.unshift(...configurationFindings(options.file, loaded.problems, 'error'));
  return printFindings(findings, options);
}
