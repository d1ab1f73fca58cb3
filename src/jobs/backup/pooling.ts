import type { WorkContext } from '../../core/work-context.ts';
import type { PostgresAccess } from '../../targets/libpq/access.ts';
import { poolingOf } from '../../targets/postgres/pooling.ts';
import { JobFailed } from '../job.ts';

/**
 * Refuses a server behind a pooler that shares its connections: pg_dump and pg_restore empty the search path, and
 * applications would get such connections next.
 */
export async function requireOwnConnections(
  access: PostgresAccess,
  context: Pick<WorkContext, 'signal' | 'clock'>,
): Promise<void> {
  if ((await poolingOf(access, context)) !== 'shared') return;
  throw new JobFailed(
    'refused',
    'the connection pooler in between gives connections away between transactions, with the settings that pg_dump and pg_restore make on them; name the server itself in the URL',
  );
}
