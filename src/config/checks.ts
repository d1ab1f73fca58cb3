import { normalize } from 'node:path';
import type { BackupSettings } from '../jobs/settings.ts';
import type { StoreSettings } from '../storage/settings.ts';
import { type ParsedUrl, parseConnectionUrl } from '../targets/postgres/connection-url.ts';
import { formatPath, type Remark, type SettingPath } from './problem.ts';
import type { Reference } from './references.ts';
import { defaultStore } from './resolve.ts';
import type { Config, PostgresTargetConfig } from './schema.ts';
import { isLiteral } from './secret-source.ts';
import { suggestion } from './suggest.ts';

/** What other parts know and the checks ask. */
export interface Knowledge {
  readonly collectorNames: readonly string[];
  /** Why a cron expression or its zone is not valid; undefined when it is. */
  readonly scheduleProblem: (cron: string, timezone: string) => string | undefined;
}

export interface Remarks {
  readonly problems: Remark[];
  readonly warnings: Remark[];
}

/** What the checks look at: the sound part of the file, and the names that stand in it, sound or not. */
export interface Checked {
  readonly config: Config;
  readonly names: { readonly stores: readonly string[]; readonly sandboxes: readonly string[] };
  readonly references: ReadonlyMap<string, Reference>;
  readonly knowledge: Knowledge;
}

interface Check extends Checked {
  problem(path: SettingPath, message: string): void;
  warning(path: SettingPath, message: string): void;
}

/** What no single setting can tell: whether names, schedules, secrets and limits fit together. */
export function checkConsistency(checked: Checked): Remarks {
  const remarks: Remarks = { problems: [], warnings: [] };
  const check: Check = {
    ...checked,
    problem: (path, message) => remarks.problems.push({ path, message }),
    warning: (path, message) => remarks.warnings.push({ path, message }),
  };
  const { stores, sandboxes, targets } = checked.config;
  for (const [name, store] of Object.entries(stores)) checkStore(check, name, store);
  checkSamePlace(check);
  for (const [name, sandbox] of Object.entries(sandboxes)) {
    if (sandbox.type === 'server') checkServer(check, ['sandboxes', name], sandbox);
  }
  const servers = new Map<string, string[]>();
  for (const [name, target] of Object.entries(targets)) {
    const url = checkTarget(check, name, target);
    if (url === undefined) continue;
    const { host, port } = url.connection;
    servers.set(`${host}:${port}`, [...(servers.get(`${host}:${port}`) ?? []), name]);
  }
  for (const [server, names] of servers) checkSharedServer(check, server, names);
  checkTimeouts(check);
  if (Object.keys(targets).length === 0)
    check.warning(['targets'], 'there is no target: nothing is watched or backed up');
  checkDefaultStore(check);
  return remarks;
}

function checkStore(check: Check, name: string, store: StoreSettings): void {
  if (store.type !== 's3') return;
  const path = ['stores', name];
  if ((store.accessKeyId === undefined) !== (store.secretAccessKey === undefined)) {
    check.problem(path, '"accessKeyId" and "secretAccessKey" belong together: give both or neither');
  }
  if (store.secretAccessKey !== undefined) checkSecret(check, [...path, 'secretAccessKey'], store.secretAccessKey);
  if (store.kmsKeyId !== undefined && store.serverSideEncryption !== 'aws:kms') {
    check.problem([...path, 'kmsKeyId'], 'has a meaning only with "serverSideEncryption: aws:kms"');
  }
}

/** Two names for one place would count, prove and delete each other's backups. */
function checkSamePlace(check: Check): void {
  const names = new Map<string, string>();
  for (const [name, store] of Object.entries(check.config.stores)) {
    const parts = store.type === 's3' ? [store.endpoint, store.bucket, store.prefix] : [normalize(`${store.path}/`)];
    const place = JSON.stringify([store.type, ...parts]);
    const first = names.get(place);
    if (first === undefined) names.set(place, name);
    else check.problem(['stores', name], `is the same place as the store "${first}"`);
  }
}

function checkTarget(check: Check, name: string, target: PostgresTargetConfig): ParsedUrl | undefined {
  const path = ['targets', name];
  const url = checkServer(check, path, target);
  const password = target.backupLogin?.password;
  if (password !== undefined) checkSecret(check, [...path, 'backupLogin', 'password'], password);
  for (const collector of Object.keys(target.watch.collectors)) {
    const { collectorNames } = check.knowledge;
    if (collectorNames.includes(collector)) continue;
    const place = [...path, 'watch', 'collectors', collector];
    check.problem(place, `there is no collector "${collector}"${suggestion(collector, collectorNames)}`);
  }
  for (const [schedule, backup] of Object.entries(target.backups)) {
    checkBackup(check, [...path, 'backups', schedule], backup);
  }
  return url;
}

/** A URL with a password beside it. */
function checkServer(
  check: Check,
  path: SettingPath,
  server: { readonly url: string; readonly password?: string | undefined },
): ParsedUrl | undefined {
  if (server.password !== undefined) checkSecret(check, [...path, 'password'], server.password);
  const place = [...path, 'url'];
  let url: ParsedUrl;
  try {
    url = parseConnectionUrl(server.url);
  } catch (error) {
    check.problem(place, error instanceof Error ? error.message : 'is not valid');
    return undefined;
  }
  if (url.password !== undefined && server.password !== undefined) {
    check.problem(place, 'holds a password although "password" gives one; keep one of them');
  }
  const written = check.references.get(formatPath(place))?.written ?? server.url;
  const writtenPassword = /^\w+:\/\/[^/@:]*:([^@/]*)@/.exec(written)?.[1] ?? '';
  if (url.password !== undefined && writtenPassword !== '' && !writtenPassword.includes('${')) {
    check.warning(
      place,
      'a password stands in the URL in plain text; move it to "password: file:…" or "password: ${ENV}"',
    );
  }
  return url;
}

function checkSecret(check: Check, path: SettingPath, value: string): void {
  if (value.startsWith('aws-secret:'))
    check.problem(path, '"aws-secret:" references are not supported; use file: or ${ENV}');
  else if (value === '' || value === 'file:') check.problem(path, 'is empty');
  else if (isLiteral(value) && !check.references.has(formatPath(path))) {
    check.warning(path, 'a secret stands here in plain text; use "file:/path" or "${ENV}"');
  }
}

function checkBackup(check: Check, path: SettingPath, backup: BackupSettings): void {
  checkSchedules(check, path, backup);
  checkStoreOf(check, path, backup);
  const { verify, databases = [] } = backup;
  for (const [index, database] of databases.entries()) {
    if (databases.indexOf(database) < index)
      check.problem([...path, 'databases', index], `"${database}" is listed twice`);
  }
  if (verify === false) {
    check.warning([...path, 'verify'], 'these backups are never proven to be restorable');
    return;
  }
  const { sandbox } = verify;
  if (sandbox !== undefined && sandbox !== 'local' && !check.names.sandboxes.includes(sandbox)) {
    const hint = suggestion(sandbox, [...check.names.sandboxes, 'local']);
    check.problem([...path, 'verify', 'sandbox'], `there is no sandbox "${sandbox}"${hint}`);
  }
}

function checkSchedules(check: Check, path: SettingPath, { schedule, timezone, verify }: BackupSettings): void {
  const { scheduleProblem } = check.knowledge;
  const zoneIsKnown = isTimezone(timezone);
  if (!zoneIsKnown) {
    const hint = suggestion(timezone, Intl.supportedValuesOf('timeZone'));
    check.problem([...path, 'timezone'], `there is no time zone "${timezone}"${hint}`);
  }
  const zone = zoneIsKnown ? timezone : 'UTC';
  const ownProblem = scheduleProblem(schedule, zone);
  if (ownProblem !== undefined) check.problem([...path, 'schedule'], ownProblem);
  const proofSchedule = verify === false ? undefined : verify.schedule;
  const proofProblem = proofSchedule === undefined ? undefined : scheduleProblem(proofSchedule, zone);
  if (proofProblem !== undefined) check.problem([...path, 'verify', 'schedule'], proofProblem);
}

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function checkStoreOf(check: Check, path: SettingPath, backup: BackupSettings): void {
  const known = check.names.stores;
  const [store] = backup.stores ?? [];
  if (store === undefined && known.length > 1) {
    check.problem(path, `must name its store, since there are several: ${known.join(', ')}`);
  } else if (store !== undefined && !known.includes(store) && (known.length > 0 || store !== defaultStore.name)) {
    check.problem([...path, 'stores', 0], `there is no store "${store}"${suggestion(store, known)}`);
  }
}

/** A server's own timeouts must come before ours, or its statement runs on after we gave up. */
function checkTimeouts(check: Check): void {
  const scrapeMs = check.config.scrape.timeout;
  for (const [name, { watch }] of Object.entries(check.config.targets)) {
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

function checkSharedServer(check: Check, server: string, names: readonly string[]): void {
  const targets = names.map((name) => check.config.targets[name]).filter((target) => target !== undefined);
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

function checkDefaultStore(check: Check): void {
  if (check.names.stores.length > 0) return;
  const [name, target] =
    Object.entries(check.config.targets).find(([, one]) => Object.keys(one.backups).length > 0) ?? [];
  if (name === undefined || target === undefined) return;
  const message = `no store is configured: backups go to the folder "${defaultStore.folder}" beside this file, and are lost together with this machine`;
  check.warning(['targets', name, 'backups'], message);
}
