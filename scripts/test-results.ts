/** What a test run came to. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The part of vitest's JSON report that is needed here. */
export interface TestReport {
  readonly testResults: readonly {
    /** Path of the file. */
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

const mostRepeated = 3;

/**
 * The files that get a second run, alone: those that failed, when they are few. Time runs unevenly on a machine that does much
 * at once; more failures than these are no accident.
 */
export function filesToRepeat(report: TestReport | undefined): readonly string[] {
  const failed = (report?.testResults ?? []).filter(({ status }) => status === 'failed').map(({ name }) => name);
  return failed.length <= mostRepeated ? failed : [];
}

/** The first report with what the second run says about its files. */
export function withRepeated(first: TestReport, second: TestReport): TestReport {
  const repeated = new Set(second.testResults.map(({ name }) => name));
  return { testResults: [...first.testResults.filter(({ name }) => !repeated.has(name)), ...second.testResults] };
}

/** What failed in the first report; a file whose hooks failed by its path. */
export function failuresOf(report: TestReport): readonly string[] {
  return report.testResults
    .filter(({ status }) => status === 'failed')
    .flatMap(({ name, assertionResults }) => {
      const failed = assertionResults
        .filter(({ status }) => status === 'failed')
        .map(({ fullName }) => fullName.trim());
      return failed.length === 0 ? [name] : failed;
    });
}

/**
 * Counts the tests of a report. What fails without a failed test counts as one failure: a file that cannot be loaded or
 * whose hooks fail, an unhandled error, a runner that crashed before it reported, a run without a single test.
 */
export function countTests(report: TestReport | undefined, exitCode: number): TestCounts {
  const files = report?.testResults ?? [];
  const statuses = files.flatMap((file) => file.assertionResults.map(({ status }) => status));
  const count = (...wanted: string[]) => statuses.filter((status) => wanted.includes(status)).length;
  const failedFiles = files.filter(
    (file) => file.status === 'failed' && file.assertionResults.every(({ status }) => status !== 'failed'),
  ).length;
  const failed = count('failed') + failedFiles;
  const wentWrong = exitCode !== 0 || statuses.length === 0;
  return {
    passed: count('passed'),
    failed: failed === 0 && wentWrong ? 1 : failed,
    skipped: statuses.length - count('passed', 'failed'),
  };
}

export function addCounts(one: TestCounts, other: TestCounts): TestCounts {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    skipped: one.skipped + other.skipped,
  };
}

/** The last line of a test run: programs read it. */
export function formatCounts({ passed, failed, skipped }: TestCounts): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`;
}
