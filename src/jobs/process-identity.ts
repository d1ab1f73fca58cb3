import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { z } from 'zod';
import { errorCode } from '../core/errors.ts';

/** Which process on which machine, so exactly that it can be told whether it still lives. */
export const processIdentitySchema = z.object({
  host: z.string(),
  pid: z.int(),
  /** Boot and process namespace of the machine; empty where the system does not tell them. */
  place: z.string(),
});
export type ProcessIdentity = z.infer<typeof processIdentitySchema>;

export async function ownIdentity(): Promise<ProcessIdentity> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '');
  const known = boot !== '' && namespace !== '';
  return { host: hostname(), pid: process.pid, place: known ? `${boot.trim()} ${namespace}` : '' };
}

/** True only when the process ran here, in this boot and namespace, and its number is no longer in use. */
export async function isDeadHere(other: ProcessIdentity, own: ProcessIdentity): Promise<boolean> {
  if (other.place === '' || other.place !== own.place || other.host !== own.host) return false;
  try {
    process.kill(other.pid, 0);
    return false;
  } catch (error) {
    return errorCode(error) === 'ESRCH';
  }
}
