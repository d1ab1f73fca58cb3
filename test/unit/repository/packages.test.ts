import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../../..');

interface LockedPackage {
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
const readJson = async <T>(name: string): Promise<T> => JSON.parse(await readFile(join(root, name), 'utf8')) as T;
const locked = async () =>
  Object.entries((await readJson<{ packages: Record<string, LockedPackage> }>('package-lock.json')).packages);

test('the lock file names no download addresses, so that any registry serves it', async () => {
  const withAddress = (await locked()).filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path);

  expect(withAddress).toEqual([]);
});

test('the lock file holds the optional packages of every platform, without which npm ci refuses', async () => {
  const packages = await locked();
  const present = new Set(packages.map(([path]) => path));

  const missing = packages.flatMap(([parent, { optionalDependencies }]) =>
    Object.keys(optionalDependencies ?? {}).filter(
      (name) => !present.has(`node_modules/${name}`) && !present.has(`${parent}/node_modules/${name}`),
    ),
  );

  expect(missing).toEqual([]);
});

test('every package is pinned to an exact version', async () => {
  const { dependencies, devDependencies } =
    await readJson<Record<'dependencies' | 'devDependencies', Record<string, string>>>('package.json');

  const versions = Object.values({ ...dependencies, ...devDependencies });

  expect(versions.filter((version) => !/^(npm:[@\w/-]+@)?\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});

test('the commands that the documents promise exist', async () => {
  const { scripts } = await readJson<{ scripts: Record<string, string> }>('package.json');

  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(['demo', 'test', 'check', 'bench', 'generate']));
  expect(await readFile(join(root, '.ci/run'), 'utf8')).toMatch(/^exec npm test$/m);
});

test('npm prints no notice of a newer npm after the last line of the tests', async () => {
  const settings = await readFile(join(root, '.npmrc'), 'utf8');

  expect(settings).toMatch(/^update-notifier=false$/m);
});
