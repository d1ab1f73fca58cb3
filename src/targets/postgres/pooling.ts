import { withDeadline } from '../../core/deadline.ts';
import type { WorkContext } from '../../core/work-context.ts';
import type { PostgresAccess } from '../libpq/access.ts';
import { openSession, type PostgresSession } from './session.ts';

/**
 * `none`: the server itself answers. `shared`: a connection pooler gives its connections to somebody else while our session
 * is open, with all that was set on them. `unknown`: a pooler that may or may not do so.
 */
export type Pooling = 'none' | 'shared' | 'unknown';

/** A pool that is used up lets nobody in. */
const patienceMs = 3_000;

const pidSql = 'SELECT pg_catalog.pg_backend_pid() AS pid';

/** Logs in twice at most, and sets nothing. */
export async function poolingOf(
  access: PostgresAccess,
  context: Pick<WorkContext, 'signal' | 'clock'>,
): Promise<Pooling> {
  await using session = await openSession(access, { signal: context.signal });
  return await poolingOfSession(session, context);
}

/**
 * Two sessions that are open at the same time and are served by one process share it. That they are not proves nothing:
 * the pooler may have chosen another one by chance.
 */
export async function poolingOfSession(
  session: PostgresSession,
  { signal: parent, clock }: Pick<WorkContext, 'signal' | 'clock'>,
): Promise<Pooling> {
  if (!session.isPooled) return 'none';
  const [first] = await session.query(pidSql, { signal: parent });
  const deadline = { parent, ms: patienceMs, clock, what: 'logging in a second time' };
  try {
    const [second] = await withDeadline(deadline, async (signal) => {
      await using other = await openSession(session.access, { signal });
      return await other.query(pidSql, { signal });
    });
    return first?.['pid'] === second?.['pid'] ? 'shared' : 'unknown';
  } catch {
    // Nobody else is let in at present: that tells nothing.
    parent.throwIfAborted();
    return 'unknown';
  }
}
