import { expect, test } from 'vitest';
import { findPassword } from '../../../src/targets/libpq/password-file.ts';

const login = { host: 'db', port: 5432, database: 'shop', user: 'w' };

test.each([
  ['db:5432:shop:w:right', 'right'],
  ['*:*:*:*:right', 'right'],
  ['# db:5432:shop:w:wrong\n\nother:5432:shop:w:wrong\r\ndb:*:shop:w:right\r\n*:*:*:*:wrong', 'right'],
  ['db:5432:shop:w:a:b', 'a:b'],
  ['db:5432:shop:w:', undefined],
  ['db:5432:shop:somebody:x', undefined],
  ['db:5432:shop', undefined],
  [String.raw`db:5432:shop:w:a\:b\\c`, String.raw`a:b\c`],
  [String.raw`\*:5432:shop:w:x`, undefined],
  ['', undefined],
])('%j gives %s', (text, password) => {
  expect(findPassword(text, login)).toBe(password);
});

test('a socket goes by "localhost" or by its folder', () => {
  const socket = { ...login, host: '/run/postgresql' };

  expect(findPassword('localhost:5432:shop:w:right', socket)).toBe('right');
  expect(findPassword('/run/postgresql:5432:shop:w:right', socket)).toBe('right');
});
