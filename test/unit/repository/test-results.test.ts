import { expect, test } from 'vitest';
import { addCounts, countTests, formatCounts, type TestReport } from '../../../scripts/test-results.ts';

function reportOf(...files: [status: string, ...tests: string[]][]): TestReport {
  return {
    testResults: files.map(([status, ...tests]) => ({
      status,
      assertionResults: tests.map((one) => ({ status: one })),
    })),
  };
}

test('passed, failed and skipped tests are counted over all files', () => {
  const report = reportOf(['passed', 'passed', 'passed', 'skipped'], ['failed', 'failed', 'passed', 'todo']);

  expect(countTests(report, 1)).toEqual({ passed: 3, failed: 1, skipped: 2 });
});

test('a file that fails without a failed test is one failure', () => {
  expect(countTests(reportOf(['failed', 'passed'], ['failed']), 1)).toEqual({ passed: 1, failed: 2, skipped: 0 });
});

test('a run that ends badly although every test passed is a failure', () => {
  expect(countTests(reportOf(['passed', 'passed']), 1)).toEqual({ passed: 1, failed: 1, skipped: 0 });
});

test('a runner that leaves no report is a failure, whatever its exit code', () => {
  expect(countTests(undefined, 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
});

test('a run without a single test is a failure', () => {
  expect(countTests(reportOf(), 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
});

test('the last line names skipped tests only when there are any', () => {
  const none = { passed: 2, failed: 0, skipped: 0 };

  expect(formatCounts(none)).toBe('2 passed, 0 failed');
  expect(formatCounts(addCounts(none, { passed: 1, failed: 2, skipped: 3 }))).toBe('3 passed, 2 failed, 3 skipped');
});
