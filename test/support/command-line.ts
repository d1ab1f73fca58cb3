import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const entry = join(import.meta.dirname, '../../src/main.ts');

/** A `watchkeeper` process as a user starts it. */
export interface CommandLine {
  readonly child: ChildProcess;
  /** Resolves with the exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
  out(): string;
  err(): string;
  /** Resolves when standard error contains the text; rejects when the process ends before. */
  untilErr(text: string): Promise<void>;
}

export function startCommand(args: readonly string[], env: Readonly<Record<string, string>> = {}): CommandLine {
  const child = spawn(process.execPath, [entry, ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const seen = { out: '', err: '' };
  const watchers = new Set<() => void>();
  child.stdout.on('data', (chunk: Buffer) => {
    seen.out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    seen.err += chunk.toString();
    for (const watcher of watchers) watcher();
  });
  const exited = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'SIGKILL'));
  });
  return {
    child,
    exited,
    out: () => seen.out,
    err: () => seen.err,
    untilErr: (text) =>
      new Promise((resolve, reject) => {
        const watcher = () => seen.err.includes(text) && resolve();
        watchers.add(watcher);
        watcher();
        exited.then((end) => reject(new Error(`ended with ${end} before "${text}": ${seen.err}`)), reject);
      }),
  };
}

/** Runs a command to its end. */
export async function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number | NodeJS.Signals; readonly out: string; readonly err: string }> {
  const command = startCommand(args, env);
  const code = await command.exited;
  return { code, out: command.out(), err: command.err() };
}

/** Writes a configuration file into a folder and returns the arguments that name it. */
export async function writeConfig(folder: string, yaml: string): Promise<readonly ['-c', string]> {
  const file = join(folder, 'watchkeeper.yaml');
  await writeFile(file, yaml);
  return ['-c', file];
}
