import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { engines } from '../../../src/collectors/engines.ts';

const root = join(import.meta.dirname, '../../..');
const names = Object.keys(engines);

/** The files in a folder that import from a folder of another engine. */
async function foreignImports(folder: string, engine: string): Promise<string[]> {
  const others = names.filter((name) => name !== engine).join('|');
  const foreign = new RegExp(`from '[^']*/(?:targets|collectors)/(?:${others})/|from '\\.\\./(?:${others})/`);
  const entries = await readdir(join(root, folder), { recursive: true });
  const files = entries.filter((name) => name.endsWith('.ts')).map((name) => join(folder, name));
  const texts = await Promise.all(files.map((file) => readFile(join(root, file), 'utf8')));
  return files.filter((_file, index) => foreign.test(texts[index] ?? ''));
}

test.each(names)('the folders of the engine %s import nothing of another engine', async (engine) => {
  const found = [
    ...(await foreignImports(`src/targets/${engine}`, engine)),
    ...(await foreignImports(`src/collectors/${engine}`, engine)),
  ];

  expect(found).toEqual([]);
});

test('what engines share imports none of them', async () => {
  expect(await foreignImports('src/targets/libpq', 'none')).toEqual([]);
});
