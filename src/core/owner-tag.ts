import { createHash } from 'node:crypto';
import { readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { errorCode } from './errors.ts';

/**
 * `04115b-4711`: stands in the names of files and folders that belong to a running process, so that the remains of a
 * killed one can be told from work under way, also where machines or containers share the folder.
 */
export async function ownerTag(): Promise<string> {
  return `${await placeHash()}-${process.pid}`;
}

/** True for a name that begins with the tag of a process of this place that no longer runs. */
export async function isAbandoned(name: string): Promise<boolean> {
  const [, place, pid] = /^([0-9a-f]{6})-(\d+)(?:-|$)/.exec(name) ?? [];
  return place !== undefined && place === (await placeHash()) && !isRunning(Number(pid));
}

/** Process ids mean something only within one machine and one process namespace. */
async function placeHash(): Promise<string> {
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '');
  return createHash('sha256').update(`${hostname()} ${namespace}`).digest('hex').slice(0, 6);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) !== 'ESRCH';
  }
}
