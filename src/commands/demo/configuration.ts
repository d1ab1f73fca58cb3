import { stringify } from 'yaml';
import { type PostgresAccess, withDatabase } from '../../targets/libpq/access.ts';
import { formatConnectionUrl } from '../../targets/libpq/connection.ts';

/** Roles of deploy/sql/roles.sql. */
export const monitorRole = 'watchkeeper_monitor';
export const backupRole = 'watchkeeper_backup';
/** The schedule's name in the demo's configuration. */
const demoSchedule = 'often';

export interface DemoConfiguration {
  readonly listen: string;
  readonly primary: PostgresAccess;
  readonly standby: PostgresAccess;
  /** The first one is logged in to for watching. */
  readonly databases: readonly string[];
  readonly programDirectory: string;
  /** Files with the password of each role. */
  readonly passwordFiles: Readonly<Record<typeof monitorRole | typeof backupRole, string>>;
  readonly storePath: string;
}

/** The file that the daemon of the demo runs on: what a user would write for the same servers. */
export function demoConfiguration(given: DemoConfiguration): string {
  const [watched = 'postgres'] = given.databases;
  const login = (access: PostgresAccess) => ({
    engine: 'postgres',
    url: formatConnectionUrl({ ...withDatabase(access, watched).connection, user: monitorRole }),
    password: `file:${given.passwordFiles[monitorRole]}`,
  });
  return stringify({
    listen: given.listen,
    programs: { postgres: [given.programDirectory] },
    stores: { local: { type: 'filesystem', path: given.storePath } },
    jobs: { concurrency: 2, retryDelay: '2s' },
    targets: {
      primary: {
        ...login(given.primary),
        backupLogin: { user: backupRole, password: `file:${given.passwordFiles[backupRole]}` },
        backups: {
          [demoSchedule]: {
            schedule: '*/2 * * * *',
            databases: given.databases,
            keep: { last: 3 },
            verify: {
              assertions: [
                {
                  name: 'there are tables',
                  sql: "SELECT count(*) > 2 FROM pg_catalog.pg_tables WHERE schemaname = 'public'",
                },
                {
                  name: 'every index is usable',
                  sql: 'SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_index WHERE NOT indisvalid)',
                },
              ],
            },
          },
        },
      },
      standby: login(given.standby),
    },
  });
}
