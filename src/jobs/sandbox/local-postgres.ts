import { folderSize } from '../../core/folder-size.ts';
import { unprivilegedUser } from '../../core/unprivileged-user.ts';
import { withDatabase } from '../../targets/libpq/access.ts';
import { startCluster } from '../../targets/postgres/cluster.ts';
import { majorOf } from '../../targets/postgres/major-version.ts';
import { chooseInstallation, type ProgramInstallation } from '../../targets/postgres/programs.ts';
import { openSession, type PostgresSession, quoteIdentifier } from '../../targets/postgres/session.ts';
import type { BackupSource } from '../manifest.ts';
import { memoryPlan } from './memory-settings.ts';
import { createDatabaseLike, requireExtensions } from './prepare-database.ts';
import type { OpenSandbox } from './sandbox.ts';

export interface LocalSandboxOptions {
  readonly installations: readonly ProgramInstallation[];
  /** Where its files are; the system's temporary folder by default. */
  readonly directory?: string | undefined;
  /** Who runs it when we are root. */
  readonly user: string;
  /** Most memory that it may take, {@link leastMemoryBytes} or more; unlimited when absent. */
  readonly memoryBytes?: number | undefined;
}

/** Begins the name of a sandbox's folder. */
export const sandboxPrefix = 'watchkeeper-proof-';

/** Never the source's name, which may be `postgres` and exist already. */
const proofDatabase = 'watchkeeper_proof';

/** Nothing in it must outlive a crash, so nothing is written safely; it is reached by a Unix socket only. */
export const throwAwaySettings: Readonly<Record<string, string>> = {
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '2GB',
  autovacuum: 'off',
  archive_mode: 'off',
  maintenance_work_mem: '128MB',
  max_locks_per_transaction: '1024',
  max_prepared_transactions: '0',
  logging_collector: 'off',
};

/** A throw-away server of this machine's own PostgreSQL programs, of the source's major version or the next there is. */
export function localSandbox(options: LocalSandboxOptions): OpenSandbox {
  return async (manifest, context) => {
    const { signal, clock } = context;
    const serverMajor = majorOf(manifest.source.versionNumber);
    const installation = chooseInstallation(options.installations, { programs: ['initdb', 'postgres'], serverMajor });
    const memory = options.memoryBytes === undefined ? undefined : memoryPlan(options.memoryBytes);
    context.onProgress({ activity: 'starting a throw-away server' });
    const cluster = await startCluster({
      installation,
      user: await unprivilegedUser(options.user),
      clock,
      signal,
      name: sandboxPrefix,
      parent: options.directory,
      settings: { ...throwAwaySettings, ...memory?.settings },
      processBytes: memory?.processBytes,
    });
    try {
      await using session = await openSession(cluster.access, { signal });
      await requireExtensions(session, manifest.source, signal);
      await createRoles(session, manifest.source, signal);
      const notes = await createDatabaseLike(session, proofDatabase, manifest.source, signal);
      const emptyBytes = await folderSize(cluster.dataDirectory);
      return {
        description: `throw-away PostgreSQL ${installation.version}`,
        major: installation.major,
        access: withDatabase(cluster.access, proofDatabase),
        ownership: 'restore',
        directory: cluster.dataDirectory,
        usedBytes: async () => (await folderSize(cluster.dataDirectory)) - emptyBytes,
        notes,
        [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
      };
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  };
}

async function createRoles(session: PostgresSession, source: BackupSource, signal: AbortSignal): Promise<void> {
  const rows = await session.query('SELECT rolname AS name FROM pg_catalog.pg_roles', { signal });
  const existing = new Set(rows.map((row) => row['name']));
  for (const role of source.roles.filter((name) => !existing.has(name))) {
    const rights = source.superusers?.includes(role) ? ' SUPERUSER' : '';
    await session.query(`CREATE ROLE ${quoteIdentifier(role)}${rights}`, { signal });
  }
  for (const { role, member } of source.memberships ?? []) {
    // A predefined role that this version does not have any more, or pg_database_owner, which nobody can be given.
    const grant = `GRANT ${quoteIdentifier(role)} TO ${quoteIdentifier(member)}`;
    await session.query(grant, { signal }).catch(() => signal.throwIfAborted());
  }
}
