import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { mapLimit } from '../../../src/core/map-limit.ts';
import { removeFolder } from '../../../src/core/remove-folder.ts';

let parent: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'watchkeeper-test-'));
});

afterEach(() => rm(parent, { recursive: true }));

test('a folder goes with everything in it, more than is listed at once', async () => {
  const deep = join(parent, 'gone', 'of', 'them', 'the.deepest');
  await mkdir(deep, { recursive: true });
  const names = Array.from({ length: 2_500 }, (_, index) => `file ${index}\n"`);
  await mapLimit(names, 16, (name) => writeFile(join(deep, name), 'x'));

  await removeFolder(join(parent, 'gone'));

  expect(await readdir(parent)).toEqual([]);
});

test('what a symbolic link points to stays', async () => {
  await mkdir(join(parent, 'kept'));
  await writeFile(join(parent, 'kept', 'file'), 'x');
  await mkdir(join(parent, 'gone'));
  await symlink(join(parent, 'kept'), join(parent, 'gone', 'link'));
  await symlink('/nowhere', join(parent, 'gone', 'broken'));

  await removeFolder(join(parent, 'gone'));

  expect(await readdir(parent)).toEqual(['kept']);
  expect(await readdir(join(parent, 'kept'))).toEqual(['file']);
});

test('what is not there is removed already, and two may remove it at the same time', async () => {
  await removeFolder(join(parent, 'never'));
  const path = join(parent, 'gone');
  await mkdir(join(path, 'sub'), { recursive: true });
  await mapLimit([...Array(200).keys()], 16, (index) => writeFile(join(path, 'sub', `${index}`), 'x'));

  await Promise.all([removeFolder(path), removeFolder(path)]);

  expect(await readdir(parent)).toEqual([]);
});

test('what cannot be removed is told', async () => {
  await expect(removeFolder('/proc/self/fd')).rejects.toThrow(/EPERM|EACCES|EROFS/);
  const file = join(parent, 'file');
  await writeFile(file, 'x');
  await expect(removeFolder(file)).rejects.toThrow('ENOTDIR');
});
