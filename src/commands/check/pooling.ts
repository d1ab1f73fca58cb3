import type { WorkContext } from '../../core/work-context.ts';
import { poolingOfSession } from '../../targets/postgres/pooling.ts';
import type { PostgresSession } from '../../targets/postgres/session.ts';
import type { Findings } from './finding.ts';

/** Whether a backup goes through a connection pooler, and which kind. */
export async function checkPooling(session: PostgresSession, findings: Findings, context: WorkContext): Promise<void> {
  const remedy = 'name the server itself in the URL';
  switch (await poolingOfSession(session, context)) {
    case 'none':
      return;
    case 'shared':
      findings.error(
        'the backup would go through a connection pooler that gives connections away between transactions, with the settings that pg_dump makes on them (an empty search_path): it is refused',
        remedy,
      );
      return;
    case 'unknown':
      findings.warning(
        'the backup goes through a connection pooler: unless it pools whole sessions, settings that pg_dump makes (an empty search_path) stay on connections that applications get next',
        remedy,
      );
  }
}
