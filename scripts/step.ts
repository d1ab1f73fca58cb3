import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';

const root = join(import.meta.dirname, '..');

/** One program of a check or a test run. */
export interface Step {
  readonly name: string;
  /** Program of `node_modules/.bin`, `.cache/bin` or the search path, and its arguments. */
  readonly command: readonly [program: string, ...args: string[]];
}

/** The pinned runtime and what scripts/setup fetched come before whatever else this machine has. */
const environment = {
  ...process.env,
  PATH: [join(root, 'node_modules/.bin'), join(root, '.cache/bin'), process.env['PATH']].join(delimiter),
};

/**
 * Runs a step in the project's folder and gives its exit code; that of a step ended by a signal, or that could not be
 * started, is not 0 either. `quiet`: what it prints is shown only when it fails.
 */
export async function runStep(step: Step, output: 'shown' | 'quiet'): Promise<number> {
  const [program, ...args] = step.command;
  const stdio = output === 'shown' ? 'inherit' : 'pipe';
  const child = spawn(program, args, { cwd: root, env: environment, stdio: ['ignore', stdio, stdio] });
  const printed: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => printed.push(chunk));
  const forward = (name: NodeJS.Signals) => void child.kill(name);
  process.on('SIGTERM', forward).on('SIGINT', forward);
  const code = await new Promise<number>((resolve) => {
    child.once('error', (error) => {
      printed.push(Buffer.from(`${error.message}\n`));
      resolve(1);
    });
    child.once('close', (exitCode, signal) =>
      resolve(exitCode ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
  process.off('SIGTERM', forward).off('SIGINT', forward);
  if (code !== 0) process.stdout.write(Buffer.concat(printed));
  return code;
}

/** Runs a step quietly and prints one line about it. */
export async function checkStep(step: Step): Promise<'passed' | 'failed'> {
  const startMs = performance.now();
  const code = await runStep(step, 'quiet');
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
  console.log(`${code === 0 ? '✓' : '✗'} ${step.name} ${seconds} s`);
  return code === 0 ? 'passed' : 'failed';
}

const colors = process.stdout.isTTY ? 'force' : 'off';

/** What can be said of the code without running it. */
export const staticChecks: readonly Step[] = [
  { name: 'format and lint', command: ['biome', 'ci', `--colors=${colors}`, '--error-on-warnings', '.'] },
  { name: 'types', command: ['tsc', '-p', 'tsconfig.json'] },
  { name: 'generated files', command: ['node', 'scripts/generate.ts', '--check'] },
  { name: 'unused code', command: ['knip'] },
];
