import { mkdir, readdir, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { makeWorkDirectory, sweepWorkDirectories } from '../../../src/core/work-directory.ts';

test('folders of processes that ended are swept, those of living ones and of other places are not', async () => {
  await using parent = await makeWorkDirectory({ prefix: 'watchkeeper-test-sweep-' });
  await using living = await makeWorkDirectory({ prefix: 'proof-', parent: parent.path });
  const dead = await makeWorkDirectory({ prefix: 'proof-', parent: parent.path });
  const deadName = basename(dead.path).replace(`-${process.pid}-`, `-${2 ** 22 + 7}-`);
  await rename(dead.path, join(parent.path, deadName));
  await mkdir(join(parent.path, `proof-ffffff-${2 ** 22 + 7}-abcdef`));
  await mkdir(join(parent.path, 'somebody-elses'));

  const removed = await sweepWorkDirectories('proof-', parent.path);

  expect(removed).toBe(1);
  expect((await readdir(parent.path)).sort()).toEqual(
    [basename(living.path), `proof-ffffff-${2 ** 22 + 7}-abcdef`, 'somebody-elses'].sort(),
  );
});

test('a work folder is gone with everything in it when it is disposed of', async () => {
  await using parent = await makeWorkDirectory({ prefix: 'watchkeeper-test-sweep-' });
  const folder = await makeWorkDirectory({ prefix: 'spool-', parent: parent.path });
  await mkdir(join(folder.path, 'deep', 'er'), { recursive: true });

  await folder[Symbol.asyncDispose]();

  expect(await readdir(parent.path)).toEqual([]);
});
