import { chown, mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAbandoned, ownerTag } from './owner-tag.ts';
import { removeFolder } from './remove-folder.ts';
import type { UnixUser } from './unprivileged-user.ts';

/** A folder that is removed with everything in it when it is disposed of. */
export interface WorkDirectory extends AsyncDisposable {
  readonly path: string;
}

/**
 * Makes `<parent>/<prefix><owner tag>-XXXXXX`, mode 0700, owned by `owner` when given. `parent` defaults to the
 * system's temporary folder. Place and process id tell the leftovers of a killed process from work under way, also where
 * containers share the folder: see {@link sweepWorkDirectories}.
 */
export async function makeWorkDirectory(options: {
  readonly prefix: string;
  readonly parent?: string | undefined;
  readonly owner?: UnixUser | undefined;
}): Promise<WorkDirectory> {
  const name = `${options.prefix}${await ownerTag()}-`;
  const path = await mkdtemp(join(options.parent ?? tmpdir(), name));
  if (options.owner !== undefined) await chown(path, options.owner.uid, options.owner.gid);
  return {
    path,
    [Symbol.asyncDispose]: () => removeFolder(path),
  };
}

/** Removes the folders of this machine's processes that no longer run. Returns how many; never rejects. */
export async function sweepWorkDirectories(prefix: string, parent: string | undefined): Promise<number> {
  const directory = parent ?? tmpdir();
  let removed = 0;
  for (const name of await readdir(directory).catch(() => [])) {
    if (!name.startsWith(prefix) || !(await isAbandoned(name.slice(prefix.length)))) continue;
    await removeFolder(join(directory, name)).then(
      () => removed++,
      () => undefined,
    );
  }
  return removed;
}
