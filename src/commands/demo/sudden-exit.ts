import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Cleans up when the process ends without going through its disposals, as after a second Ctrl-C. Only what can be done
 * at once is possible by then: servers of ours are killed, and the folders that carry our process id are removed.
 */
export function cleanUpOnSuddenExit(): Disposable {
  process.once('exit', removeOwnFolders);
  return { [Symbol.dispose]: () => void process.off('exit', removeOwnFolders) };
}

function removeOwnFolders(): void {
  const ours = new RegExp(`^watchkeeper-.*-${process.pid}-[^-]+$`);
  for (const name of readdirSync(tmpdir()).filter((one) => ours.test(one))) removeFolder(join(tmpdir(), name));
}

/**
 * A killed server's helpers end on their own a moment later, and add and remove files until then: removing is tried
 * until the folder is gone. `rmSync` cannot do that itself: for it, a file that vanished under its hands is the end of
 * the work.
 */
function removeFolder(path: string): void {
  for (let attempt = 0; attempt < 60 && existsSync(path); attempt++) {
    if (attempt > 0) waitAtOnce(50);
    killServerIn(path);
    try {
      rmSync(path, { recursive: true, force: true });
    } catch {
      // Filled again meanwhile. What the last attempt leaves is swept by the next demo.
    }
  }
}

/** A process that exits runs no timers any more. */
function waitAtOnce(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

function killServerIn(folder: string): void {
  try {
    const pid = Number.parseInt(readFileSync(join(folder, 'data/postmaster.pid'), 'utf8'), 10);
    // Empty while a server starts, negative while one is made: both would address a whole group of processes.
    if (pid > 1) process.kill(pid, 'SIGKILL');
  } catch {
    // No server, or none any more.
  }
}
