import { StoreError } from './object-store.ts';

/** Refuses a key that is not of the contract's form, before it can escape a folder or a prefix. */
export function requireKey(key: string): void {
  const segments = key.split('/');
  const valid = segments.every((segment) => /^[A-Za-z0-9._-]+$/.test(segment) && segment !== '.' && segment !== '..');
  if (!valid) throw new StoreError('misconfigured', `"${key}" is not a valid key`);
}
