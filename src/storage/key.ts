import { StoreError } from './object-store.ts';

/** Refuses a key that is not of the contract's form, before it can escape a folder or a prefix. */
export function requireKey(key: string): void {
  if (!key.split('/').every(isKeySegment)) throw new StoreError('misconfigured', `"${key}" is not a valid key`);
}

/** Like {@link requireKey} for the beginning of keys, which may be empty or end anywhere. */
export function requirePrefix(prefix: string): void {
  const segments = prefix.split('/');
  const last = segments.pop() ?? '';
  if (segments.every(isKeySegment) && (last === '' || /^[A-Za-z0-9._-]+$/.test(last))) return;
  throw new StoreError('misconfigured', `"${prefix}" is not the beginning of valid keys`);
}

export function isKeySegment(segment: string): boolean {
  return /^[A-Za-z0-9._-]+$/.test(segment) && segment !== '.' && segment !== '..';
}
