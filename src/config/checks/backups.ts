import { suggestion } from '../../core/suggest.ts';
import { toAssertion } from '../../jobs/assertions.ts';
import type { AssertionSetting, BackupSettings } from '../../jobs/settings.ts';
import type { SettingPath } from '../problem.ts';
import { defaultStore } from '../resolve.ts';
import type { Check } from './check.ts';

export function checkBackup(check: Check, path: SettingPath, backup: BackupSettings): void {
  checkSchedules(check, path, backup);
  checkStoreOf(check, path, backup);
  const { verify } = backup;
  const databases = Array.isArray(backup.databases) ? backup.databases : [];
  for (const [index, database] of databases.entries()) {
    if (databases.indexOf(database) < index)
      check.problem([...path, 'databases', index], `"${database}" is listed twice`);
  }
  if (backup.method === 'globals') checkGlobals(check, path, backup);
  else if (backup.format === 'directory' && backup.spoolDirectory === undefined)
    check.problem([...path, 'format'], 'directory needs spoolDirectory: a folder with room for a whole dump');
  if (verify === false) {
    check.warning([...path, 'verify'], 'these backups are never proven to be restorable');
    return;
  }
  checkAssertions(check, path, verify.assertions);
  const { sandbox } = verify;
  if (sandbox !== undefined && sandbox !== 'local' && !check.names.sandboxes.includes(sandbox)) {
    const hint = suggestion(sandbox, [...check.names.sandboxes, 'local']);
    check.problem([...path, 'verify', 'sandbox'], `there is no sandbox "${sandbox}"${hint}`);
  }
}

/** The report and the metric tell them by their names. */
function checkAssertions(check: Check, path: SettingPath, settings: readonly AssertionSetting[]): void {
  const names = settings.map((setting) => toAssertion(setting).name);
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) < index)
      check.problem([...path, 'verify', 'assertions', index], `there is an assertion "${name}" already`);
  }
}

/** Roles and tablespaces are of no database, and can be tried on a server of their own only. */
function checkGlobals(check: Check, path: SettingPath, { databases, format, verify }: BackupSettings): void {
  if (databases !== undefined) check.problem([...path, 'databases'], 'has no meaning with method globals');
  if (format === 'directory') check.problem([...path, 'format'], 'has no meaning with method globals');
  if (verify === false) return;
  if (verify.assertions.length > 0)
    check.problem([...path, 'verify', 'assertions'], 'has no meaning with method globals');
  if (verify.sandbox !== undefined && verify.sandbox !== 'local') {
    check.problem([...path, 'verify', 'sandbox'], 'roles can be proven on a throw-away server of this machine only');
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
  if (proofSchedule !== undefined && verify !== false && verify.share !== undefined) {
    check.problem(
      [...path, 'verify', 'share'],
      'has no meaning beside a schedule of the proofs: leave one of them out',
    );
  }
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
  const stores = backup.stores ?? [];
  if (stores.length === 0 && known.length > 1) {
    check.problem(path, `must name its store, since there are several: ${known.join(', ')}`);
  }
  for (const [index, store] of stores.entries()) {
    const at = [...path, 'stores', index];
    if (stores.indexOf(store) < index) check.problem(at, `"${store}" is listed twice`);
    else if (!known.includes(store) && (known.length > 0 || store !== defaultStore.name)) {
      check.problem(at, `there is no store "${store}"${suggestion(store, known)}`);
    }
  }
}
