import type { LoadedBackup, LoadedConfig } from './config/loaded.ts';
import { errorMessage } from './core/errors.ts';
import type { Log } from './core/log.ts';
import { mapLimit } from './core/map-limit.ts';
import type { Catalog } from './jobs/catalog.ts';
import type { Lineage } from './jobs/lineage.ts';
import { type DatabaseSelection, databasesSql, isSelected } from './targets/postgres/databases.ts';
import { openSession } from './targets/postgres/session.ts';

export interface DiscoveryContext {
  readonly signal: AbortSignal;
  readonly log: Log;
}

const serversAskedAtOnce = 8;

/**
 * Fills in the databases of schedules that name them by patterns. Where a server cannot be asked, those stay that were
 * known before, and those that have backups: a server that is away must not make its backups disappear.
 */
export async function withDiscoveredDatabases(
  config: LoadedConfig,
  catalogs: ReadonlyMap<string, Catalog>,
  context: DiscoveryContext,
): Promise<LoadedConfig> {
  const waiting = config.targets.flatMap(({ backups }) => backups.filter(({ discover }) => discover !== undefined));
  if (waiting.length === 0) return config;
  const found = new Map<LoadedBackup, LoadedBackup>();
  await mapLimit(waiting, serversAskedAtOnce, async (backup) => {
    found.set(backup, await discovered(backup, catalogs, context));
  });
  const targets = config.targets.map((target) => ({
    ...target,
    backups: target.backups.map((backup) => found.get(backup) ?? backup),
  }));
  return { ...config, targets };
}

/** Whether nothing was made or dropped in between. */
export function hasSameDatabases(a: LoadedConfig, b: LoadedConfig): boolean {
  const names = ({ targets }: LoadedConfig) =>
    targets.flatMap(({ backups }) => backups.map(({ databases, retired }) => [databases, retired]));
  return JSON.stringify(names(a)) === JSON.stringify(names(b));
}

async function discovered(
  backup: LoadedBackup,
  catalogs: ReadonlyMap<string, Catalog>,
  context: DiscoveryContext,
): Promise<LoadedBackup> {
  const { target, schedule, stores } = backup;
  const kept = await keptDatabases(backup, catalogs, context);
  const present = await presentDatabases(backup, context);
  const databases = present ?? [...new Set([...backup.databases, ...kept])].sort();
  // A lineage keeps its object: what runs and what is shown of it are found by it.
  const known = (database: string, store: string): Lineage | undefined =>
    backup.lineages.find((lineage) => lineage.database === database && lineage.store === store);
  const lineagesOf = (database: string): Lineage[] =>
    stores.map((store) => known(database, store) ?? { store, target, schedule, database });
  const gone = kept.filter((name) => !databases.includes(name));
  return {
    ...backup,
    databases,
    lineages: databases.flatMap(lineagesOf),
    retired: gone.flatMap(lineagesOf),
  };
}

/** Undefined when the server cannot be asked. Those that we may not log in to are meant too: their backups fail, and say why. */
async function presentDatabases(
  { access, discover, target }: LoadedBackup,
  { signal, log }: DiscoveryContext,
): Promise<string[] | undefined> {
  const selection: DatabaseSelection = discover ?? { include: [], exclude: [] };
  try {
    await using session = await openSession(access, { signal, applicationName: 'watchkeeper backup' });
    const rows = await session.query(databasesSql, { signal });
    const names = rows.filter((row) => row['open'] === 't').map((row) => row['datname'] ?? '');
    return names.filter((name) => isSelected(selection, name));
  } catch (error) {
    signal.throwIfAborted();
    log.warn({ target, error: errorMessage(error) }, 'the databases to back up cannot be listed');
    return undefined;
  }
}

/** Of any of the stores: one that is away does not hinder the others. */
async function keptDatabases(
  { stores, target, schedule }: LoadedBackup,
  catalogs: ReadonlyMap<string, Catalog>,
  { signal, log }: DiscoveryContext,
): Promise<string[]> {
  const names = new Set<string>();
  for (const store of stores) {
    try {
      const contents = await catalogs.get(store)?.read(target, signal);
      const ours = contents?.entries.filter(({ manifest }) => manifest.schedule === schedule) ?? [];
      for (const { manifest } of ours) names.add(manifest.database);
    } catch (error) {
      signal.throwIfAborted();
      log.warn(
        { target, store, error: errorMessage(error) },
        'the store cannot be asked which databases it has backups of',
      );
    }
  }
  return [...names].sort();
}
