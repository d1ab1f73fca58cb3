import { execFileSync } from 'node:child_process';
import { access, glob, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { exitCodes } from '../../../src/commands/exit-code.ts';

const root = join(import.meta.dirname, '../../..');

async function documents(): Promise<string[]> {
  const elsewhere = ['node_modules', '.cache', 'dist', '.git'];
  return Array.fromAsync(glob('**/*.md', { cwd: root, exclude: (name) => elsewhere.includes(name) }));
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

test('links between the documents lead to files that exist', async () => {
  const names = await documents();

  const broken: string[] = [];
  for (const name of names) {
    const text = await readFile(join(root, name), 'utf8');
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      if (!(await exists(join(root, dirname(name), target)))) broken.push(`${name}: ${target}`);
    }
  }

  expect(names).toContain('docs/configuration.md');
  expect(broken).toEqual([]);
});

test('decisions are numbered without gaps, say their number in the title, and are listed', async () => {
  const folder = join(root, 'docs/decisions');
  const names = (await readdir(folder)).filter((name) => name !== 'README.md').sort();
  const index = await readFile(join(folder, 'README.md'), 'utf8');

  const titles = await Promise.all(
    names.map(async (name) => (await readFile(join(folder, name), 'utf8')).split('\n', 1)[0] ?? ''),
  );

  expect(names.map((name) => name.slice(0, 4))).toEqual(names.map((_, at) => String(at + 1).padStart(4, '0')));
  for (const [at, name] of names.entries()) {
    expect(titles[at]).toMatch(new RegExp(`^# ${name.slice(0, 4)}: \\S`));
    expect(index).toContain(`- [${titles[at]?.slice(2)}](${name})`);
  }
});

test('the README tells every command and every exit code of the program', async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const help = execFileSync(join(root, 'bin/watchkeeper'), ['--help'], { encoding: 'utf8' });
  const commands = [...help.matchAll(/^ {2}([a-z]+) .*$/gm)].map(([, name]) => name).filter((name) => name !== 'help');

  expect(commands).toEqual(expect.arrayContaining(['run', 'check', 'backup', 'demo']));
  for (const name of commands) expect(readme).toMatch(new RegExp(`^\\| \`${name}[ \`]`, 'm'));
  for (const { code } of Object.values(exitCodes)) expect(readme).toMatch(new RegExp(`(Exit codes:|[,\\n]) ?${code} `));
});
