import { readdirSync, readFileSync, rmSync } from 'node:fs';
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
  for (const name of readdirSync(tmpdir()).filter((one) => ours.test(one))) {
    const path = join(tmpdir(), name);
    killServerIn(path);
    try {
      rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    } catch {
      // The next demo sweeps what a dying server put there in the meantime.
    }
  }
}

function killServerIn(folder: string): void {
  try {
    const [pid] = readFileSync(join(folder, 'data/postmaster.pid'), 'utf8').split('\n');
    process.kill(Number(pid), 'SIGKILL');
  } catch {
    // No server, or none any more.
  }
}
