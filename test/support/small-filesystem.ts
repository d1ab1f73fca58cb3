import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A filesystem of a few megabytes, so that a full disk is a real one. */
export interface SmallFilesystem extends Disposable {
  readonly path: string;
}

/** Undefined where this user may mount nothing, not even in a namespace of its own. */
export function mountSmallFilesystem(megabytes: number): SmallFilesystem | undefined {
  const path = mkdtempSync(join(tmpdir(), 'watchkeeper-test-small-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0777`, 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    rmSync(path, { recursive: true, force: true });
    return undefined;
  }
  return {
    path,
    [Symbol.dispose]() {
      execFileSync('umount', ['--lazy', path]);
      rmSync(path, { recursive: true, force: true });
    },
  };
}
