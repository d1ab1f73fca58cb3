import { glob } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { alertGroups } from '../../../scripts/alerts/index.ts';
import { runTool } from '../../support/promtool.ts';

const folder = join(import.meta.dirname, '../../../alerts');

const filesOf = async (pattern: string) =>
  (await Array.fromAsync(glob(pattern, { cwd: folder }))).sort().map((name) => join(folder, name));

test('promtool finds nothing wrong with the rules', async () => {
  const files = await filesOf('*.rules.yaml');

  const said = await runTool('promtool', ['check', 'rules', '--lint=all', '--lint-fatal', ...files]);

  const counted = [...said.matchAll(/SUCCESS: (\d+) rules found/g)].map(([, rules]) => Number(rules));
  expect(counted.reduce((sum, rules) => sum + rules, 0)).toBe(alertGroups.flatMap(({ alerts }) => alerts).length);
});

test.each(alertGroups.map(({ name }) => name))(
  'every alert of %s fires when it should, not before, and stays silent on healthy servers',
  async (name) => {
    const said = await runTool('promtool', ['test', 'rules', join(folder, `tests/${name}.test.yaml`)]);

    expect(said).toContain('SUCCESS');
  },
);

test('every file of tests belongs to a file of rules', async () => {
  const tests = await filesOf('tests/*.test.yaml');

  expect(tests).toEqual(alertGroups.map(({ name }) => join(folder, `tests/${name}.test.yaml`)).sort());
});
