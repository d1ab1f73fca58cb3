import { createHash } from 'node:crypto';
import { chown, mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorCode } from './errors.ts';
import type { UnixUser } from './unprivileged-user.ts';

/** A folder that is removed with everything in it when it is disposed of. */
export interface WorkDirectory extends AsyncDisposable {
  readonly path: string;
}

/**
 * Makes `<parent>/<prefix><place>-<pid>-XXXXXX`, mode 0700, owned by `owner` when given. `parent` defaults to the
 * system's temporary folder. Place and process id tell the leftovers of a killed process from work under way, also where
 * containers share the folder: see {@link sweepWorkDirectories}.
 */
export async function makeWorkDirectory(options: {
  readonly prefix: string;
  readonly parent?: string | undefined;
  readonly owner?: UnixUser | undefined;
}): Promise<WorkDirectory> {
  const name = `${options.prefix}${await placeHash()}-${process.pid}-`;
  const path = await mkdtemp(join(options.parent ?? tmpdir(), name));
  if (options.owner !== undefined) await chown(path, options.owner.uid, options.owner.gid);
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }),
  };
}

/** Removes the folders of this machine's processes that no longer run. Returns how many; never rejects. */
export async function sweepWorkDirectories(prefix: string, parent: string | undefined): Promise<number> {
  const directory = parent ?? tmpdir();
  const begin = `${prefix}${await placeHash()}-`;
  let removed = 0;
  for (const name of await readdir(directory).catch(() => [])) {
    const pid = name.startsWith(begin) ? Number(name.slice(begin.length).split('-')[0]) : Number.NaN;
    if (!Number.isInteger(pid) || isRunning(pid)) continue;
    await rm(join(directory, name), { recursive: true, force: true }).then(
      () => removed++,
      () => undefined,
    );
  }
  return removed;
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
