import { expect, test } from 'vitest';
import { DeadlineExceeded } from '../../../src/core/deadline.ts';
import { ProcessFailed, ProgramMissing } from '../../../src/core/run-process.ts';
import { JobFailed } from '../../../src/jobs/job.ts';
import { obstacleOf } from '../../../src/jobs/obstacle.ts';

const coded = (code: string) => Object.assign(new Error('the server says no'), { code });
const restoring = (stderr: string) =>
  new JobFailed('inconclusive', `the server of the restore lacks something: ${stderr}`, {
    cause: new ProcessFailed('pg_restore', { code: 1, signal: null, stderr }),
  });

test.each([
  ['disk', coded('ENOSPC')],
  ['disk', coded('53100')],
  ['disk', restoring('could not extend file "base/16384/2619": No space left on device')],
  ['memory', coded('53200')],
  ['memory', restoring('out of shared memory')],
  ['memory', new ProcessFailed('pg_restore', { code: null, signal: 'SIGKILL', stderr: '' })],
  ['time', new DeadlineExceeded('the proof took longer than 5 ms')],
  ['time', coded('57014')],
  ['program', new JobFailed('inconclusive', 'no place', { cause: new ProgramMissing('initdb is needed') })],
  ['extension', restoring('extension "postgis" is not available')],
  ['extension', restoring('could not access file "$libdir/citus": No such file or directory')],
  ['locale', restoring('could not create locale "xx_XX.UTF-8": No such file or directory')],
  ['version', restoring('unrecognized configuration parameter "transaction_timeout"')],
  ['privilege', restoring('permission denied to create extension "pg_stat_statements"')],
  ['privilege', new JobFailed('inconclusive', 'no place to try the restore', { cause: coded('42501') })],
  ['place', coded('ECONNREFUSED')],
  ['place', new Error('who knows')],
])('%s is told by what went wrong: %s', (obstacle, error) => {
  expect(obstacleOf(error)).toBe(obstacle);
});

test('whoever found it has the last word, however often it was wrapped', () => {
  const found = new JobFailed('inconclusive', 'older than the source', { obstacle: 'version', cause: coded('ENOSPC') });
  const wrapped = new JobFailed('inconclusive', 'no place to try the restore', {
    cause: new Error('x', { cause: found }),
  });

  expect(obstacleOf(wrapped)).toBe('version');
});
