import type { PgbouncerSource } from '../../collectors/pgbouncer/source.ts';
import { watchPgbouncer } from '../../collectors/pgbouncer/watch.ts';
import type { LoadedPgbouncer } from '../../config/loaded.ts';
import { withDeadline } from '../../core/deadline.ts';
import type { WorkContext } from '../../core/work-context.ts';
import type { Row } from '../../targets/libpq/client-session.ts';
import { tryFamilies } from './families.ts';
import { type CheckFinding, type Findings, findingsAbout } from './finding.ts';
import { diagnosePgbouncer } from './pgbouncer-remedy.ts';

type TimedContext = WorkContext & { readonly timeoutMs: number };

/** Logs in to the console as watching does, and collects every family once. */
export async function checkPgbouncer(target: LoadedPgbouncer, context: TimedContext): Promise<readonly CheckFinding[]> {
  const findings = findingsAbout(`target ${target.name}`);
  const watch = watchPgbouncer(target, context.clock);
  await using sessions = watch.sessions;
  const deadline = { parent: context.signal, ms: context.timeoutMs, clock: context.clock, what: 'the check' };
  try {
    await withDeadline(deadline, async (signal) => {
      await sessions.proveLogin(signal);
      const console = await sessions.acquire(signal);
      try {
        const source = watch.sourceOf(console);
        await tellConsole(target, source, findings, signal);
        const given = { findings, remedy: familyRemedy, context: { ...context, signal } };
        await tryFamilies(watch.collectors, source, given);
      } finally {
        sessions.release(console);
      }
    });
  } catch (error) {
    context.signal.throwIfAborted();
    const { message, remedy } = diagnosePgbouncer(error, target.access);
    findings.error(message, remedy);
  }
  return findings.all;
}

const familyRemedy = 'switch the family off in "watch.collectors", or raise "watch.timeout" where it takes too long';

async function tellConsole(
  { access }: LoadedPgbouncer,
  { console }: PgbouncerSource,
  findings: Findings,
  signal: AbortSignal,
): Promise<void> {
  const { user } = access.connection;
  findings.ok(`connected as "${user}" to the console of ${console.versionText}`);
  if (console.version === undefined) {
    findings.warning('what answers is no PgBouncer; it is watched as far as it understands the same commands');
  }
  const config = await console.show('CONFIG', { signal });
  if (usersIn(config, 'admin_users').includes(user)) {
    findings.warning(
      `user "${user}" may also pause and shut down PgBouncer, which watching does not need`,
      `in pgbouncer.ini: name it in stats_users and not in admin_users, then RELOAD`,
    );
  }
  if (settingOf(config, 'so_reuseport') === '1' && !access.connection.host.startsWith('/')) {
    findings.warning(
      'several processes may share this port (so_reuseport): each login comes to any of them',
      'make a target of each, by its own Unix socket or port',
    );
  }
}

function usersIn(config: readonly Row[], key: string): string[] {
  return (settingOf(config, key) ?? '').split(',').map((name) => name.trim());
}

function settingOf(config: readonly Row[], key: string): string | undefined {
  return config.find((row) => row['key'] === key)?.['value'] ?? undefined;
}
