import type { Problem } from '../../config/problem.ts';
import { formatProblem } from '../../config/problem.ts';
import type { CheckFinding, CheckStatus } from './finding.ts';

const marks: Readonly<Record<CheckStatus, string>> = { ok: '✓', warning: '!', error: '✗' };

/** Findings for people, grouped by subject: a mark each, and what to do about it below. */
export function renderFindings(findings: readonly CheckFinding[]): string {
  const lines: string[] = [];
  let subject: string | undefined;
  for (const finding of findings) {
    if (finding.subject !== subject) lines.push(...(subject === undefined ? [] : ['']), finding.subject);
    subject = finding.subject;
    lines.push(`  ${marks[finding.status]} ${finding.message}`);
    if (finding.remedy !== undefined) lines.push(`      → ${finding.remedy}`);
  }
  return lines.join('\n');
}

/** `2 errors, 1 warning, 14 checks passed`. */
export function renderSummary(findings: readonly CheckFinding[]): string {
  const count = (status: CheckStatus) => findings.filter((finding) => finding.status === status).length;
  const errors = count('error');
  const warnings = count('warning');
  return [
    `${errors} ${errors === 1 ? 'error' : 'errors'}`,
    `${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`,
    `${count('ok')} checks passed`,
  ].join(', ');
}

/** Problems of the file in the same form as everything else that was checked. */
export function configurationFindings(
  file: string,
  problems: readonly Problem[],
  status: 'warning' | 'error',
): CheckFinding[] {
  return problems.map((problem) => ({ subject: 'configuration', status, message: formatProblem(file, problem) }));
}
