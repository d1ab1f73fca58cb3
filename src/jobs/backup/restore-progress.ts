import type { OnProgress, WorkContext } from '../../core/work-context.ts';
import type { PostgresAccess } from '../../targets/libpq/access.ts';
import { openSession } from '../../targets/postgres/session.ts';

const intervalMs = 1_000;

/**
 * Tells how far a restore is while `work` runs: the size of the database that grows, against the size of the source's,
 * which had its dead rows too and is therefore only about right. Never fails the work: without it nothing is shown.
 */
export async function withSizeProgress<T>(
  watched: { readonly access: PostgresAccess; readonly expectedBytes: number; readonly onProgress: OnProgress },
  context: WorkContext,
  work: () => Promise<T>,
): Promise<T> {
  const done = new AbortController();
  const signal = AbortSignal.any([context.signal, done.signal]);
  const watching = watch(watched, { ...context, signal }).catch(() => undefined);
  try {
    return await work();
  } finally {
    done.abort(new Error('the restore ended'));
    await watching;
  }
}

async function watch(
  watched: { readonly access: PostgresAccess; readonly expectedBytes: number; readonly onProgress: OnProgress },
  { clock, signal }: WorkContext,
): Promise<void> {
  await clock.sleep(intervalMs, signal);
  await using session = await openSession(watched.access, { signal });
  for (;;) {
    const sql = 'SELECT pg_catalog.pg_database_size(pg_catalog.current_database()) AS size';
    const [row] = await session.query(sql, { signal });
    const doneBytes = Number(row?.['size'] ?? 0);
    const totalBytes = Math.max(doneBytes, watched.expectedBytes);
    watched.onProgress({ activity: 'restoring', doneBytes, totalBytes });
    await clock.sleep(intervalMs, signal);
  }
}
