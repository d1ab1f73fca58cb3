import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addRelease, parseFragment } from './changelog-fragments.ts';

/** `node scripts/changelog.ts VERSION DATE`: moves what is in changes/unreleased into CHANGELOG.md. */
const root = join(import.meta.dirname, '..');
const [version = '', date = ''] = process.argv.slice(2);
if (!/^\d+\.\d+\.\d+$/.test(version) || !/^\d{4}-\d\d-\d\d$/.test(date)) {
  console.error('usage: node scripts/changelog.ts VERSION DATE, e.g. 1.2.0 2026-12-01');
  process.exit(2);
}
const folder = join(root, 'changes/unreleased');
const names = (await readdir(folder)).filter((name) => name.endsWith('.md')).sort();
const fragments = await Promise.all(
  names.map(async (name) => parseFragment(name, await readFile(join(folder, name), 'utf8'))),
);
const file = join(root, 'CHANGELOG.md');
await writeFile(file, addRelease(await readFile(file, 'utf8'), { version, date, fragments }));
for (const name of names) await rm(join(folder, name));
console.log(`${names.length} changes moved into CHANGELOG.md as ${version}`);
