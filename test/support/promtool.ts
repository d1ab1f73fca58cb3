import { delimiter, join } from 'node:path';
import { findProgram } from '../../src/core/find-program.ts';
import { ProcessFailed, startProcess } from '../../src/core/run-process.ts';
import { testSignal } from './test-context.ts';

/** What promtool dislikes about a page. Throws when it cannot read it: then it exits with 1, with dislikes only with 3. */
export async function promtoolComplaints(page: string): Promise<string[]> {
  const searchPath = [process.env['PATH'], join(import.meta.dirname, '../../.cache/bin')].join(delimiter);
  const program = await findProgram('promtool', searchPath);
  if (program === undefined) throw new Error('promtool is not installed: run "sh scripts/setup test"');
  const promtool = startProcess(program, ['check', 'metrics'], { signal: testSignal(), stdin: 'pipe' });
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
