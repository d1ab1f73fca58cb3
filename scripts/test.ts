import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkStep, runStep, staticChecks } from './step.ts';
import {
  addCounts,
  countTests,
  failuresOf,
  filesToRepeat,
  formatCounts,
  type TestCounts,
  type TestReport,
  withRepeated,
} from './test-results.ts';

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
  const first = await runVitest(chosenTests);
  const again = filesToRepeat(first.report);
  if (first.report === undefined || again.length === 0) return countTests(first.report, first.exitCode);
  console.log(`\nonce more, alone: ${again.join(', ')}`);
  const second = await runVitest(again);
  if (second.report === undefined) return countTests(first.report, first.exitCode);
  if (second.exitCode === 0) {
    console.log(
      '\nfailed in the first run and passed alone; such a test, or what it tests, has a defect all the same:',
    );
    for (const name of failuresOf(first.report)) console.log(`  ${name}`);
  }
  return countTests(withRepeated(first.report, second.report), second.exitCode);
}

async function runVitest(args: readonly string[]): Promise<{ exitCode: number; report: TestReport | undefined }> {
  const folder = await mkdtemp(join(tmpdir(), 'watchkeeper-test-report-'));
  try {
    const file = join(folder, 'report.json');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
    const exitCode = await runStep({ name: 'tests', command: ['vitest', 'run', ...reporters, ...args] }, 'shown');
    if (exitCode !== 0) console.log(`the test runner ended with code ${exitCode}`);
    return { exitCode, report: await readReport(file) };
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
