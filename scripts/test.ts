import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkStep, runStep, staticChecks } from './step.ts';
import { addCounts, countTests, formatCounts, type TestCounts, type TestReport } from './test-results.ts';

/**
 * `npm test`: the static checks, each counted as one test, then all tests against real servers. Arguments choose tests
 * as vitest's own do, and leave the static checks out: `npm test -- test/integration/demo`.
 */
const chosen = process.argv.slice(2);
const statics = chosen.length === 0 ? await runStaticChecks() : { passed: 0, failed: 0, skipped: 0 };
const total = addCounts(statics, await runTests(chosen));
console.log(`\n${formatCounts(total)}`);
process.exitCode = total.failed === 0 ? 0 : 1;

async function runStaticChecks(): Promise<TestCounts> {
  let passed = 0;
  for (const step of staticChecks) passed += (await checkStep(step)) === 'passed' ? 1 : 0;
  return { passed, failed: staticChecks.length - passed, skipped: 0 };
}

async function runTests(chosenTests: readonly string[]): Promise<TestCounts> {
  const folder = await mkdtemp(join(tmpdir(), 'watchkeeper-test-report-'));
  try {
    const file = join(folder, 'report.json');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
    const exitCode = await runStep(
      { name: 'tests', command: ['vitest', 'run', ...reporters, ...chosenTests] },
      'shown',
    );
    const counts = countTests(await readReport(file), exitCode);
    if (exitCode !== 0) console.log(`the test runner ended with code ${exitCode}`);
    return counts;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readReport(file: string): Promise<TestReport | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  try {
    return text === undefined ? undefined : (JSON.parse(text) as TestReport);
  } catch {
    // Written half: the runner ended while it wrote, which its exit code tells.
    return undefined;
  }
}
