import { expect, test } from 'vitest';
import { contentName, isPartName } from '../../../src/jobs/part-name.ts';

test.each([
  ['database.dump.zst', 'database.dump'],
  ['schema.dump.zst.age', 'schema.dump'],
  ['database.tar.zst.age', 'database'],
  ['roles.sql.zst', 'roles.sql'],
  ['...', '...'],
])('%s is the name of a part, and its content is called %s', (name, content) => {
  expect([isPartName(name), contentName(name)]).toEqual([true, content]);
});

test.each([
  '',
  '.',
  '..',
  '../x.zst',
  '/x.zst',
  'x/',
  'x\0.zst',
  '.zst',
  '..zst',
  '...zst',
  '.tar.zst',
  '...tar.zst.age',
])('%j is not the name of a part', (name) => {
  expect(isPartName(name)).toBe(false);
});
