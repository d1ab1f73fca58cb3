import type { Check, Checked, Remarks } from './checks/check.ts';
import { checkEncryption } from './checks/encryption.ts';
import { checkSecret, checkServer } from './checks/servers.ts';
import { checkSamePlace, checkStore } from './checks/stores.ts';
import { checkSharedServer, checkTarget, checkTimeouts } from './checks/targets.ts';
import { defaultStore } from './resolve.ts';
import { backupSettingsOf } from './schema.ts';

/** What no single setting can tell: whether names, schedules, secrets and limits fit together. */
export function checkConsistency(checked: Checked): Remarks {
  const remarks: Remarks = { problems: [], warnings: [] };
  const check: Check = {
    ...checked,
    problem: (path, message) => remarks.problems.push({ path, message }),
    warning: (path, message) => remarks.warnings.push({ path, message }),
  };
  const { annotations, stores, sandboxes, targets } = checked.config;
  if (annotations.grafana !== undefined) {
    checkSecret(check, ['annotations', 'grafana', 'token'], annotations.grafana.token);
  }
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
  checkEncryption(check);
  checkDefaultStore(check);
  remarks.problems.push(...checked.customQueries.problems);
  remarks.warnings.push(...checked.customQueries.warnings);
  return remarks;
}

function checkDefaultStore(check: Check): void {
  if (check.names.stores.length > 0) return;
  const [name, target] =
    Object.entries(check.config.targets).find(([, one]) => Object.keys(backupSettingsOf(one)).length > 0) ?? [];
  if (name === undefined || target === undefined) return;
  const message = `no store is configured: backups go to the folder "${defaultStore.folder}" beside this file, and are lost together with this machine`;
  check.warning(['targets', name, 'backups'], message);
}
