import { normalize, relative, resolve } from 'node:path';
import type { StoreSettings } from '../../storage/settings.ts';
import type { Check } from './check.ts';
import { checkSecret } from './servers.ts';

export function checkStore(check: Check, name: string, store: StoreSettings): void {
  const path = ['stores', name];
  if (store.type === 'filesystem') {
    const { mountPoint } = store;
    if (mountPoint !== undefined && !isWithin(store.path, mountPoint)) {
      check.problem([...path, 'mountPoint'], `"${store.path}" does not lie in it`);
    }
    return;
  }
  if ((store.accessKeyId === undefined) !== (store.secretAccessKey === undefined)) {
    check.problem(path, '"accessKeyId" and "secretAccessKey" belong together: give both or neither');
  }
  if (store.secretAccessKey !== undefined) checkSecret(check, [...path, 'secretAccessKey'], store.secretAccessKey);
  if (store.kmsKeyId !== undefined && store.serverSideEncryption !== 'aws:kms') {
    check.problem([...path, 'kmsKeyId'], 'has a meaning only with "serverSideEncryption: aws:kms"');
  }
}

/** Both start at the same folder where they are relative. */
function isWithin(path: string, folder: string): boolean {
  const way = relative(resolve('/', folder), resolve('/', path));
  return way !== '..' && !way.startsWith('../');
}

/** Two names for one place would count, prove and delete each other's backups. */
export function checkSamePlace(check: Check): void {
  const names = new Map<string, string>();
  for (const [name, store] of Object.entries(check.config.stores)) {
    const parts = store.type === 's3' ? [store.endpoint, store.bucket, store.prefix] : [normalize(`${store.path}/`)];
    const place = JSON.stringify([store.type, ...parts]);
    const first = names.get(place);
    if (first === undefined) names.set(place, name);
    else check.problem(['stores', name], `is the same place as the store "${first}"`);
  }
}
