import { expect, test } from 'vitest';
import { JobFailed } from '../../../src/jobs/job.ts';
import { obstacleOf } from '../../../src/jobs/obstacle.ts';
import { verdictOf } from '../../../src/jobs/verdict.ts';

test('a key that is missing says nothing about the backup, and is named as what hindered', () => {
  const missing = new JobFailed('identity', 'no identity opens it');

  expect(verdictOf(new Error('proving', { cause: missing }))).toBe('inconclusive');
  expect(obstacleOf(new Error('proving', { cause: missing }))).toBe('identity');
});

test('a service of secrets that does not answer is asked again before anything is said', () => {
  expect(verdictOf(new JobFailed('identity', 'no answer', { transient: true }))).toBe('try_again');
});

test('a part that the right key does not open is no good backup', () => {
  expect(verdictOf(new JobFailed('damaged', 'not encrypted as the manifest says'))).toBe('failed');
});

test.each([
  [new JobFailed('inconclusive', 'no room', { obstacle: 'disk' }), 'disk'],
  [Object.assign(new Error('write'), { code: 'ENOSPC' }), 'disk'],
  [Object.assign(new Error('could not extend file'), { code: '53100' }), 'disk'],
  [Object.assign(new Error('out of memory'), { code: '53200' }), 'memory'],
  [new JobFailed('inconclusive', 'no sandbox'), 'place'],
] as const)('what hindered is told apart: %s', (error, obstacle) => {
  expect(verdictOf(error)).toBe('inconclusive');
  expect(obstacleOf(error)).toBe(obstacle);
});
