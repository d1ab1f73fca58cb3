import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { UnixUser } from './unprivileged-user.ts';

/** A folder that is removed with everything in it when it is disposed of. */
export interface WorkDirectory extends AsyncDisposable {
  readonly path: string;
}

/**
 * Makes `<parent>/<prefix>XXXXXX`, mode 0700, owned by `owner` when given. `parent` defaults to the system's temporary
 * folder. The prefix carries our pid, so that the leftovers of a killed process can be told from work under way.
 */
export async function makeWorkDirectory(options: {
  readonly prefix: string;
  readonly parent?: string | undefined;
  readonly owner?: UnixUser | undefined;
}): Promise<WorkDirectory> {
  const path = await mkdtemp(join(options.parent ?? tmpdir(), `${options.prefix}${process.pid}-`));
  if (options.owner !== undefined) await chown(path, options.owner.uid, options.owner.gid);
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }),
  };
}
