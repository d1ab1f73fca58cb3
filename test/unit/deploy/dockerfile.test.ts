import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { validate } from 'dockerfile-utils';
import { expect, test } from 'vitest';
import { type Instruction, packagesOf, parseDockerfile, variablesOf } from '../../../scripts/image/dockerfile.ts';
import { configSchema } from '../../../src/config/schema.ts';
import { deploy, mountsOf, readCompose, root, serviceOf } from '../../support/compose.ts';

const text = await readFile(join(deploy, 'Dockerfile'), 'utf8');
const stages = parseDockerfile(text);
const last = stages.at(-1)?.instructions ?? [];
const packageJson = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
  devDependencies: Record<string, string>;
};
const port = configSchema.parse({ targets: {} }).listen.split(':').at(-1);
const only = (keyword: string): Instruction => {
  const [found, ...others] = last.filter((instruction) => instruction.keyword === keyword);
  if (found === undefined || others.length > 0) throw new Error(`one ${keyword} is needed`);
  return found;
};

/** The patterns of .dockerignore apply in their order; `!` lets through what an earlier one kept out. */
async function isSent(path: string): Promise<boolean> {
  const patterns = (await readFile(join(root, '.dockerignore'), 'utf8'))
    .split('\n')
    .filter((line) => /^[^#]/.test(line));
  let sent = true;
  for (const pattern of patterns) {
    const bare = pattern.replace(/^!/, '');
    if (bare === '*' || path === bare || path.startsWith(`${bare}/`)) sent = pattern.startsWith('!');
  }
  return sent;
}

test('nothing is wrong with the Dockerfile’s form', () => {
  expect(validate(text)).toEqual([]);
});

test('both stages are of the Node.js that everything is tried with', () => {
  const node = packageJson.devDependencies['node'];

  expect(stages.map(({ image }) => image)).toEqual([`node:${node}-trixie-slim`, `node:${node}-trixie-slim`]);
});

test('what is copied exists, and .dockerignore lets it through', async () => {
  const copied = stages.flatMap(({ instructions }) =>
    instructions.filter(({ keyword, flags }) => keyword === 'COPY' && flags['from'] === undefined),
  );
  const sources = copied.flatMap(({ words }) => words.slice(0, -1));

  expect(sources).toEqual(expect.arrayContaining(['package-lock.json', 'src', 'bin', 'LICENSE', 'deploy/examples']));
  for (const source of sources) {
    await expect(stat(join(root, source)), source).resolves.toBeDefined();
    expect(await isSent(source), source).toBe(true);
  }
  for (const kept of ['.git', 'deploy/secrets/grafana_admin', 'node_modules', '.cache']) {
    expect(await isSent(kept), kept).toBe(false);
  }
});

test('everything that another stage made is made there', () => {
  const compiled = stages[0]?.instructions.filter(({ keyword }) => keyword === 'RUN').map((run) => run.text) ?? [];
  const taken = last.filter(({ flags }) => flags['from'] !== undefined);

  expect(taken.map(({ flags, words }) => [flags['from'], words[0]])).toEqual([
    ['build', '/build/node_modules'],
    ['build', '/build/dist'],
  ]);
  expect(compiled.join('\n')).toContain('tsc -p tsconfig.build.json');
});

test('it runs as a user given by number, with an entry that is in the image, at the port that is the default', () => {
  const folder = only('WORKDIR').text;
  const [init, , entry = ''] = only('ENTRYPOINT').words;

  expect(only('USER').text).toMatch(/^([1-9]\d+):\1$/);
  expect(init).toBe('/usr/bin/tini');
  expect(entry).toBe(join(folder, 'bin/watchkeeper'));
  expect(last.filter(({ keyword, words }) => keyword === 'COPY' && words[0] === 'bin')).toHaveLength(1);
  expect(only('EXPOSE').text).toBe(port);
  expect(only('HEALTHCHECK').text).toContain(`http://127.0.0.1:${port}/health/live`);
});

test('it has programs for every kind of backup, each from one package', () => {
  const packages = last.filter(({ keyword }) => keyword === 'RUN').flatMap(packagesOf);

  expect(packages).toEqual([
    'age',
    'ca-certificates',
    'postgresql-common',
    'redis-server',
    'redis-tools',
    'tini',
    'zstd',
  ]);
  expect(last.find(({ keyword }) => keyword === 'ARG')?.text).toBe('POSTGRES_MAJORS=""');
});

test('what it writes to are volumes, and Compose mounts one at each', async () => {
  const watchkeeper = serviceOf(await readCompose(), 'watchkeeper');
  const volumes = only('VOLUME').words;

  expect(volumes).toContain(variablesOf(only('ENV'))['TMPDIR']);
  const mounted = mountsOf(watchkeeper).filter(({ isVolume }) => isVolume);
  expect(new Set(mounted.map(({ target }) => target))).toEqual(new Set(volumes));
  expect(resolve(deploy, watchkeeper.build?.context ?? '', watchkeeper.build?.dockerfile ?? '')).toBe(
    join(deploy, 'Dockerfile'),
  );
});
