import { expect, test } from 'vitest';
import {
  addCounts,
  countTests,
  failuresOf,
  filesToRepeat,
  formatCounts,
  type TestReport,
  withRepeated,
} from '../../../scripts/test-results.ts';

function reportOf(...files: [status: string, ...tests: string[]][]): TestReport {
  return {
    testResults: files.map(([status, ...tests], index) => ({
      name: `file-${index}.test.ts`,
      status,
      assertionResults: tests.map((one, which) => ({ status: one, fullName: ` test ${which}` })),
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

test('a few files that failed are run once more, and what they give then counts', () => {
  const first = reportOf(['passed', 'passed'], ['failed', 'failed', 'passed'], ['failed']);
  const second = {
    testResults: reportOf(['passed', 'passed'], ['passed', 'passed', 'passed'], ['failed', 'failed']).testResults.slice(
      1,
    ),
  };

  expect(filesToRepeat(first)).toEqual(['file-1.test.ts', 'file-2.test.ts']);
  expect(failuresOf(first)).toEqual(['test 0', 'file-2.test.ts']);
  expect(countTests(withRepeated(first, second), 1)).toEqual({ passed: 3, failed: 1, skipped: 0 });
});

test('many files that failed are no accident', () => {
  expect(filesToRepeat(reportOf(['failed'], ['failed'], ['failed'], ['failed']))).toEqual([]);
  expect(filesToRepeat(undefined)).toEqual([]);
});
