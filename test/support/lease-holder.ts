import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import type { StoreSettings } from '../../src/storage/settings.ts';

const program = join(import.meta.dirname, 'hold-lease.ts');

/** Another process that can hold a lease. */
export interface LeaseHolder {
  readonly child: ChildProcessWithoutNullStreams;
  /** Gives it a command (see hold-lease.ts) and resolves with its answer. */
  tell(command: 'acquire' | 'check' | 'release'): Promise<string>;
}

/** Starts one; it is killed when the test is over, if it still lives. */
export async function startLeaseHolder(
  store: StoreSettings,
  { name = 'backup/payments', ttlMs = 60_000, clockOffsetMs = 0 } = {},
): Promise<LeaseHolder> {
  const args = [program, JSON.stringify(store), name, String(ttlMs), String(clockOffsetMs)];
  const child = spawn(process.execPath, args);
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async () => String((await lines.next()).value);
  const first = await next();
  if (first !== 'ready') throw new Error(`the lease holder said ${first}`);
  return {
    child,
    tell(command) {
      child.stdin.write(`${command}\n`);
      return next();
    },
  };
}
