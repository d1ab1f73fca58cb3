import { delimiter, join } from 'node:path';
import { findProgram } from '../../src/core/find-program.ts';
import { ProcessFailed, startProcess } from '../../src/core/run-process.ts';
import { testSignal } from './test-context.ts';

/** The path of a program that `scripts/setup test` provides. */
export async function testProgram(name: string): Promise<string> {
  const searchPath = [process.env['PATH'], join(import.meta.dirname, '../../.cache/bin')].join(delimiter);
  const program = await findProgram(name, searchPath);
  if (program === undefined) throw new Error(`${name} is not installed: run "sh scripts/setup test"`);
  return program;
}

/** Runs promtool or amtool to its end and gives what it wrote to standard output; throws {@link ProcessFailed}. */
export async function runTool(name: 'promtool' | 'amtool', args: readonly string[]): Promise<string> {
  const running = startProcess(await testProgram(name), args, { signal: testSignal() });
  const [output] = await Promise.all([Array.fromAsync(running.stdout), running.exited]);
  return Buffer.concat(output as Buffer[]).toString('utf8');
}

/** What promtool dislikes about a page. Throws when it cannot read it: then it exits with 1, with dislikes only with 3. */
export async function promtoolComplaints(page: string): Promise<string[]> {
  const promtool = startProcess(await testProgram('promtool'), ['check', 'metrics'], {
    signal: testSignal(),
    stdin: 'pipe',
  });
  promtool.stdout.resume();
  promtool.stdin?.end(page);
  const failure: unknown = await promtool.exited.then(
    () => undefined,
    (error) => error,
  );
  if (failure === undefined) return [];
  if (failure instanceof ProcessFailed && failure.exitCode === 3) return failure.stderr.trim().split('\n');
  throw failure;
}
