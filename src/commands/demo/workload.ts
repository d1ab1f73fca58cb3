import type { WorkContext } from '../../core/work-context.ts';
import type { PostgresAccess } from '../../targets/libpq/access.ts';
import { openSession } from '../../targets/postgres/session.ts';

/** What one service goes on doing. */
export interface Work {
  /** As the service's own role, in its own database. */
  readonly access: PostgresAccess;
  readonly applicationName: string;
  readonly statements: readonly string[];
}

/** Between two statements of a service: gentle enough for a laptop. */
const pauseMs = 250;
/** Before a service that lost its server tries again. */
const reconnectPauseMs = 1_000;

/** Services at work, each in a connection of its own, until it is disposed of. A server that goes away is waited for. */
export function startWorkload(works: readonly Work[], context: WorkContext): AsyncDisposable {
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const services = works.map((work) => serve(work, { ...context, signal }));
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('the demo ended'));
      await Promise.all(services);
    },
  };
}

async function serve(work: Work, context: WorkContext): Promise<void> {
  const { signal, log, clock } = context;
  while (!signal.aborted) {
    try {
      await serveConnected(work, context);
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ service: work.applicationName, error }, 'a service of the demo lost its server');
      await clock.sleep(reconnectPauseMs, signal).catch(() => undefined);
    }
  }
}

async function serveConnected(work: Work, { signal, clock }: WorkContext): Promise<never> {
  await using session = await openSession(work.access, { signal, applicationName: work.applicationName });
  for (;;) {
    for (const statement of work.statements) {
      await session.query(statement, { signal });
      await clock.sleep(pauseMs, signal);
    }
  }
}
