import { expect, test } from 'vitest';
import { errorMessage } from '../../../src/core/errors.ts';

test('the messages of an error and its causes stand in one line', () => {
  const error = new Error('backing up payments', { cause: new Error('pg_dump exited with code 1:\n  no such role') });

  expect(errorMessage(error)).toBe('backing up payments: pg_dump exited with code 1: | no such role');
});

test('a cause whose text was told already is not told again', () => {
  const cause = new Error('connect ECONNREFUSED 127.0.0.1:9000');
  const error = new Error(`writing an object: ${cause.message}`, { cause });

  expect(errorMessage(error)).toBe('writing an object: connect ECONNREFUSED 127.0.0.1:9000');
});

test('an error without a message is told by what is inside of it', () => {
  const refused = new AggregateError([new Error('refused by ::1'), new Error('refused by 127.0.0.1')]);

  expect(errorMessage(new Error('connecting', { cause: refused }))).toBe(
    'connecting: refused by ::1; refused by 127.0.0.1',
  );
});
