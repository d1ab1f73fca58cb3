import { join } from 'node:path';
import { ProgramMissing, runProcess } from '../../core/run-process.ts';
import { loginOf } from '../../targets/libpq/access.ts';
import { type Cluster, type ClusterOptions, startCluster } from '../../targets/postgres/cluster.ts';
import { libpqEnvironment } from '../../targets/postgres/libpq.ts';

export interface StandbyOptions
  extends Omit<ClusterOptions, 'installation' | 'populate' | 'initdbArguments' | 'password'> {
  /**
   * How the standby calls itself to its primary; also the name of the replication slot that is made there, so that the
   * primary keeps the WAL that this standby still needs. Lower-case letters, digits and `_`.
   */
  readonly slot: string;
}

/** Makes a streaming standby of a running cluster by pg_basebackup: read-only, with the primary's roles and passwords. */
export async function startStandby(primary: Cluster, options: StandbyOptions): Promise<Cluster> {
  const { installation, access } = primary;
  if (!installation.programs.has('pg_basebackup')) {
    throw new ProgramMissing(`there is no pg_basebackup in ${installation.directory}`);
  }
  const password = await access.password?.read(loginOf(access.connection, access.connection));
  return startCluster({
    ...options,
    ...(password === undefined ? {} : { password: password.reveal() }),
    installation,
    async populate(dataDirectory) {
      await runProcess(
        join(installation.directory, 'pg_basebackup'),
        [
          ...['--pgdata', dataDirectory, '--wal-method=stream', '--checkpoint=fast', '--no-sync', '--no-password'],
          // Writes the connection, name and password included, into the standby's own settings file (mode 0600).
          ...['--write-recovery-conf', '--create-slot', `--slot=${options.slot}`],
        ],
        {
          signal: options.signal,
          user: options.user,
          cwd: '/',
          env: { ...libpqEnvironment(access, password), PGAPPNAME: options.slot },
        },
      );
    },
  });
}
