import { suggestion } from '../../core/suggest.ts';
import type { ParsedConnection } from '../../targets/libpq/parse-connection.ts';
import type { SettingPath } from '../problem.ts';
import type { TargetConfig } from '../schema.ts';
import type { PostgresTargetConfig } from '../targets/postgres.ts';
import { checkAws } from './aws.ts';
import { checkBackup } from './backups.ts';
import type { Check } from './check.ts';
import { checkPgbouncer } from './pgbouncer.ts';
import { checkRedis } from './redis.ts';
import { checkClientCertificate, checkPassword, checkSecret, checkServer } from './servers.ts';

export function checkTarget(check: Check, name: string, target: TargetConfig): ParsedConnection | undefined {
  checkCollectors(check, name, target);
  switch (target.engine) {
    case 'postgres':
      return checkPostgres(check, name, target);
    case 'pgbouncer':
      checkPgbouncer(check, name, target);
      return undefined;
    case 'redis':
      checkRedis(check, name, target);
      return undefined;
    case 'dynamodb':
    case 'rds':
    case 'elasticache':
    case 'sqs':
    case 'lambda':
      checkAws(check, name, target);
      return undefined;
  }
}

function checkPostgres(check: Check, name: string, target: PostgresTargetConfig): ParsedConnection | undefined {
  const path = ['targets', name];
  const url = checkServer(check, path, target);
  if (target.backupLogin !== undefined) checkBackupLogin(check, [...path, 'backupLogin'], target.backupLogin, url);
  for (const [schedule, backup] of Object.entries(target.backups)) {
    checkBackup(check, [...path, 'backups', schedule], backup);
  }
  if (target.objectives !== undefined && Object.keys(target.backups).length === 0)
    check.warning([...path, 'objectives'], 'a promise about databases that are not backed up');
  return url;
}

function checkBackupLogin(
  check: Check,
  path: SettingPath,
  login: NonNullable<PostgresTargetConfig['backupLogin']>,
  url: ParsedConnection | undefined,
): void {
  if (login.password !== undefined) checkPassword(check, [...path, 'password'], login.password, url);
  if (login.sslPassword !== undefined) checkSecret(check, [...path, 'sslPassword'], login.sslPassword);
  checkClientCertificate(check, path, login);
}

function checkCollectors(check: Check, name: string, { engine, watch }: TargetConfig): void {
  const known = [...check.knowledge.collectorNames(engine), ...(check.customQueries.names.get(name) ?? [])];
  for (const collector of Object.keys(watch.collectors)) {
    if (known.includes(collector)) continue;
    const place = ['targets', name, 'watch', 'collectors', collector];
    check.problem(place, `there is no collector "${collector}"${suggestion(collector, known)}`);
  }
}

/** A server's own timeouts must come before ours, or its statement runs on after we gave up. */
export function checkTimeouts(check: Check): void {
  const scrapeMs = check.config.scrape.timeout;
  for (const [name, target] of Object.entries(check.config.targets)) {
    if (target.engine !== 'postgres') continue;
    const { watch } = target;
    const path = ['targets', name, 'watch'];
    if (watch.statementTimeout <= 0 || watch.statementTimeout >= scrapeMs) {
      check.problem(
        [...path, 'statementTimeout'],
        `must be more than 0 and less than "scrape.timeout" (${scrapeMs} ms)`,
      );
    }
    if (watch.lockTimeout <= 0 || watch.lockTimeout > watch.statementTimeout) {
      check.problem([...path, 'lockTimeout'], 'must be more than 0 and no more than "statementTimeout"');
    }
  }
}

const sharedConnectionsLimit = 10;

export function checkSharedServer(check: Check, server: string, names: readonly string[]): void {
  const targets = names.map((name) => check.config.targets[name]).filter((target) => target?.engine === 'postgres');
  const connections = targets.reduce((sum, { watch }) => sum + watch.connections, 0);
  const [, second] = names;
  if (second === undefined) return;
  const last = names.at(-1) ?? second;
  if (connections > sharedConnectionsLimit) {
    const message = `the targets ${names.join(', ')} hold ${connections} connections together on ${server}; one target watches all databases of a server`;
    check.warning(['targets', last, 'watch', 'connections'], message);
    return;
  }
  check.warning(['targets', last], `watches ${server} like ${names[0]}; one target watches all databases of a server`);
}
