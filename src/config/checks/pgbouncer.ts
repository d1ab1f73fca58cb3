import { endpointsOf } from '../../targets/libpq/connection.ts';
import type { ParsedConnection } from '../../targets/libpq/parse-connection.ts';
import { parseRdsIam } from '../../targets/libpq/rds-iam.ts';
import { consoleDatabase } from '../../targets/pgbouncer/console.ts';
import type { SettingPath } from '../problem.ts';
import type { PgbouncerTargetConfig } from '../targets/pgbouncer.ts';
import type { Check } from './check.ts';
import { checkServer } from './servers.ts';

/** Whether the URL leads to one console, and the timeout fits into a scrape. */
export function checkPgbouncer(check: Check, name: string, target: PgbouncerTargetConfig): void {
  const path = ['targets', name];
  const url = checkServer(check, path, target);
  if (url !== undefined) checkConsoleUrl(check, [...path, 'url'], url);
  if (target.password !== undefined && parseRdsIam(target.password) !== undefined) {
    check.problem([...path, 'password'], '"aws-rds-iam" is for logins to PostgreSQL only');
  }
  const scrapeMs = check.config.scrape.timeout;
  if (target.watch.timeout <= 0 || target.watch.timeout >= scrapeMs) {
    check.problem([...path, 'watch', 'timeout'], `must be more than 0 and less than "scrape.timeout" (${scrapeMs} ms)`);
  }
}

function checkConsoleUrl(check: Check, place: SettingPath, { connection }: ParsedConnection): void {
  const { database, targetSession = 'any', options } = connection;
  if (database !== consoleDatabase) {
    check.problem(place, `must name the database "${consoleDatabase}", in which the console answers`);
  }
  if (endpointsOf(connection).length > 1) {
    check.problem(place, 'must name one host: each PgBouncer is a target of its own');
  }
  if (targetSession !== 'any') check.problem(place, '"target_session_attrs" has no meaning for a PgBouncer');
  if (options !== undefined) check.problem(place, '"options" is refused by PgBouncer');
}
