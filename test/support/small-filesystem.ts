import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A filesystem of a few megabytes, so that a full disk is a real one. */
export interface SmallFilesystem extends Disposable {
  readonly path: string;
}

/**
 * Root mounts it; other users do so in a namespace of their own and reach it through `/proc`. Undefined where the system
 * allows neither.
 */
export function mountSmallFilesystem(megabytes: number): SmallFilesystem | undefined {
  const path = mkdtempSync(join(tmpdir(), 'watchkeeper-test-small-'));
  const options = ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0777`, 'tmpfs', path];
  const mounted = process.getuid?.() === 0 ? mount(path, options) : mountInNamespace(path, options);
  if (mounted === undefined) rmSync(path, { recursive: true, force: true });
  return mounted;
}

function mount(path: string, options: readonly string[]): SmallFilesystem | undefined {
  try {
    execFileSync('mount', options, { stdio: 'ignore' });
  } catch {
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

function mountInNamespace(path: string, options: readonly string[]): SmallFilesystem | undefined {
  const script = 'mount "$@" && exec sleep 600';
  const holder = spawn('unshare', ['--map-root-user', '--mount', 'sh', '-c', script, 'sh', ...options], {
    stdio: 'ignore',
  });
  holder.on('error', () => undefined);
  const inside = `/proc/${holder.pid}/root${path}`;
  for (let wait = 0; wait < 100; wait++) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    if (!isAnotherFilesystem(inside, path)) continue;
    return {
      path: inside,
      [Symbol.dispose]() {
        holder.kill('SIGKILL');
        rmSync(path, { recursive: true, force: true });
      },
    };
  }
  holder.kill('SIGKILL');
  return undefined;
}

function isAnotherFilesystem(one: string, other: string): boolean {
  try {
    return statSync(one).dev !== statSync(other).dev;
  } catch {
    return false;
  }
}
