import { expect } from 'vitest';
import type { Comparison } from '../../src/jobs/compare/comparison.ts';
import type { runCommand } from './command-line.ts';

/** What `watchkeeper compare … --json` reported; it must not have failed. */
export async function reportOf(
  running: ReturnType<typeof runCommand>,
): Promise<{ readonly code: unknown; readonly comparison: Comparison; readonly err: string }> {
  const { code, out, err } = await running;
  expect(err).not.toContain('watchkeeper:');
  return { code, comparison: JSON.parse(out) as Comparison, err };
}
