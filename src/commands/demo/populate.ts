import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type PostgresAccess, withDatabase } from '../../targets/libpq/access.ts';
import { openSession, quoteIdentifier, quoteLiteral } from '../../targets/postgres/session.ts';
import type { DemoDatabase } from './database.ts';

/** Shipped for everybody's servers, and tried here. */
const rolesFile = join(import.meta.dirname, '../../../deploy/sql/roles.sql');

/** Makes the databases with their owners and rows. `access`: a superuser. */
export async function createDatabases(
  access: PostgresAccess,
  databases: readonly DemoDatabase[],
  signal: AbortSignal,
): Promise<void> {
  for (const database of databases) {
    const name = quoteIdentifier(database.name);
    const owner = quoteIdentifier(database.owner);
    await runStatements(access, [`CREATE ROLE ${owner} LOGIN`, `CREATE DATABASE ${name} OWNER ${owner}`], signal);
    await runStatements(
      withDatabase(access, database.name),
      [
        `REVOKE CONNECT ON DATABASE ${name} FROM PUBLIC`,
        `SET ROLE ${owner}`,
        database.schema,
        database.rows,
        'RESET ROLE',
        'VACUUM ANALYZE',
      ],
      signal,
    );
  }
}

/** Makes Watchkeeper's own two roles as the shipped file does, and gives passwords to all roles that log in. */
export async function createRoles(
  access: PostgresAccess,
  passwords: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  const statements = Object.entries(passwords).map(
    ([role, password]) => `ALTER ROLE ${quoteIdentifier(role)} PASSWORD ${quoteLiteral(password)}`,
  );
  const roles = await readFile(rolesFile, 'utf8');
  await runStatements(access, ['CREATE EXTENSION pg_stat_statements', roles, ...statements], signal);
}

async function runStatements(
  access: PostgresAccess,
  statements: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  await using session = await openSession(access, { signal, applicationName: 'demo set-up' });
  for (const statement of statements) await session.query(statement, { signal });
}
