import { glob, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { deploy, root } from '../../support/compose.ts';

/** Every file under deploy/ that says it is a configuration of Watchkeeper. */
async function shippedSettings(): Promise<string[]> {
  const found: string[] = [];
  for await (const name of glob('**/*.yaml', { cwd: deploy, exclude: (path) => path === 'secrets' })) {
    const [first = ''] = (await readFile(join(deploy, name), 'utf8')).split('\n', 1);
    if (/\$schema=.*config\.schema\.json/.test(first)) found.push(name);
  }
  return found.sort();
}

const names = await shippedSettings();

test('the set-ups of every way to run it are there', () => {
  expect(names).toEqual(
    expect.arrayContaining(['examples/compose/watchkeeper.yaml', 'examples/poc3.yaml', 'systemd/watchkeeper.yaml']),
  );
});

test.each(names)('%s is accepted as it is, without a variable set, and names its schema where it is', async (name) => {
  const file = join(deploy, name);
  const [, schema = ''] = /\$schema=(\S+)/.exec(await readFile(file, 'utf8')) ?? [];

  const loaded = await loadConfig(file, {});

  expect(loaded).toMatchObject({ ok: true, warnings: [] });
  expect(resolve(dirname(file), schema)).toBe(join(root, 'config.schema.json'));
});
