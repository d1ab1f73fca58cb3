import { lstat, mkdir, open, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorCode } from '../core/errors.ts';
import { folderSize } from '../core/folder-size.ts';
import { isAbandoned, ownerTag } from '../core/owner-tag.ts';
import { removeFolder } from '../core/remove-folder.ts';

/** Begins the name of the folder in which a restore keeps what it fetched, until it is complete. */
export const keptPrefix = 'watchkeeper-fetched-';

/** How long it stays when nobody goes on with it. */
export const keptForMs = 24 * 60 * 60_000;

/** Written again and again by the one who works with the folder. */
const claimName = 'in-use';
/** Whoever was silent for so long is gone, whatever machine it was. */
const silenceMs = 5 * 60_000;

/** Paths of all such folders in `parent`, the system's temporary folder when absent. Never rejects. */
export async function keptFolders(parent: string | undefined): Promise<string[]> {
  const directory = parent ?? tmpdir();
  const names = await readdir(directory).catch(() => []);
  return names.filter((name) => name.startsWith(keptPrefix)).map((name) => join(directory, name));
}

/** Removes what was kept and not gone on with for {@link keptForMs}. Never rejects. */
export async function sweepKept(parent: string | undefined, now: Date): Promise<void> {
  for (const folder of await keptFolders(parent)) {
    const usedMs = await lastUse(folder).catch(() => undefined);
    if (usedMs === undefined || now.getTime() - usedMs < keptForMs) continue;
    await removeFolder(folder).catch(() => undefined);
  }
}

/**
 * Removes what was kept and nobody works with, those of the oldest backups first, where it gives so many bytes; nothing where
 * it does not. Returns the paths of what was removed; never rejects.
 */
export async function removeUnclaimed(parent: string | undefined, wantedBytes: number): Promise<string[]> {
  const claimed: string[] = [];
  let bytes = 0;
  for (const folder of (await keptFolders(parent)).sort()) {
    if (bytes >= wantedBytes) break;
    if (!(await claimFolder(folder))) continue;
    claimed.push(folder);
    bytes += await folderSize(folder).catch(() => 0);
  }
  if (bytes < wantedBytes) {
    for (const folder of claimed) await releaseFolder(folder);
    return [];
  }
  const removed: string[] = [];
  for (const folder of claimed) {
    await removeFolder(folder).then(
      () => removed.push(folder),
      () => releaseFolder(folder),
    );
  }
  return removed;
}

async function lastUse(folder: string): Promise<number> {
  const times = [(await stat(folder)).mtimeMs];
  for (const name of await readdir(folder)) times.push((await stat(join(folder, name))).mtimeMs);
  return Math.max(...times);
}

/** Makes the folder ours alone; false when it is not, or somebody works with it. Never rejects. */
export async function claimFolder(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error;
    });
    // In a folder that all may write, somebody else could have put it there.
    const found = await lstat(folder);
    if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o077) !== 0) return false;
    return await takeClaim(join(folder, claimName));
  } catch {
    // It only saves time: a restore goes on without.
    return false;
  }
}

/** Tells others that we still work with it. Never rejects. */
export async function confirmClaim(folder: string): Promise<void> {
  await utimes(join(folder, claimName), new Date(), new Date()).catch(() => undefined);
}

/** Leaves it to the next one, unless somebody else has it by now. Never rejects. */
export async function releaseFolder(folder: string): Promise<void> {
  const path = join(folder, claimName);
  try {
    const tag = await readFile(path, 'utf8');
    if (tag === '' || tag === (await ownerTag())) await rm(path, { force: true });
  } catch {
    // Whoever wants it takes it over when we have gone, or were silent for long enough.
  }
}

async function takeClaim(path: string): Promise<boolean> {
  if (await writeClaim(path)) return true;
  const tag = await readFile(path, 'utf8');
  const silentMs = Date.now() - (await stat(path)).mtimeMs;
  if (!(await isAbandoned(tag)) && silentMs < silenceMs) return false;
  await rm(path, { force: true });
  return writeClaim(path);
}

/** False when there is one. On a full disk it is empty, and a claim all the same: then only its age tells whether it holds. */
async function writeClaim(path: string): Promise<boolean> {
  const file = await open(path, 'wx', 0o600).catch((error: unknown) => {
    if (errorCode(error) === 'EEXIST') return undefined;
    throw error;
  });
  if (file === undefined) return false;
  await using _closed = file;
  await file.writeFile(await ownerTag()).catch(() => undefined);
  return true;
}
