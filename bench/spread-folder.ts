import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '../src/core/find-program.ts';
import { runProcess } from '../src/core/run-process.ts';

/**
 * Does `work` with a folder for all temporary files, ours and the peer's, where the folders in it lie apart from each other on the disk.
 *
 * Without a journal, as in many virtual machines, ext4 does not give away again what was deleted within the last minutes, and looks at
 * each such entry whenever it makes a file near it (`recently_deleted` in the kernel's `fs/ext4/ialloc.c`). A data folder of PostgreSQL
 * has 1,300 files: where several are made and removed each minute, `initdb` alone comes to take 1.3 instead of 0.4 seconds. That is
 * a cost of the benchmark and not of a proof. Elsewhere this changes nothing.
 */
export async function inSpreadFolder<T>(work: () => Promise<T>): Promise<T> {
  const usual = process.env['TMPDIR'];
  // A short name: paths of sockets have room for some hundred characters only.
  const folder = await mkdtemp(join(tmpdir(), 'wk-'));
  try {
    // As the system's own: servers are run by another user.
    await chmod(folder, 0o1777);
    await spread(folder);
    process.env['TMPDIR'] = folder;
    return await work();
  } finally {
    if (usual === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = usual;
    await rm(folder, { recursive: true, force: true });
  }
}

/** What ext4 does by itself for the folders of the root. Other filesystems refuse it, and do not need it. */
async function spread(folder: string): Promise<void> {
  const chattr = await findProgram('chattr', process.env['PATH'] ?? '');
  if (chattr === undefined) return;
  await runProcess(chattr, ['+T', folder], { signal: AbortSignal.timeout(10_000) }).catch(() => undefined);
}
