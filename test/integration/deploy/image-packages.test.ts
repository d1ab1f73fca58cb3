import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { packagesOf, parseDockerfile } from '../../../scripts/image/dockerfile.ts';
import { runProcess } from '../../../src/core/run-process.ts';
import { deploy, root } from '../../support/compose.ts';
import { testSignal } from '../../support/test-context.ts';

const stage = parseDockerfile(await readFile(join(deploy, 'Dockerfile'), 'utf8')).at(-1);
const debian = /-(\w+)-slim$/.exec(stage?.image ?? '')?.[1] ?? '';
const lists = join(root, `.cache/debian-${debian}`);
beforeEach(({ skip }) =>
  skip(!existsSync(lists), `scripts/setup could not fetch the package lists of Debian ${debian}`),
);

/** What apt-get would install in that Debian, from nothing. */
async function simulate(packages: readonly string[]): Promise<string[]> {
  const places = ['State', 'Cache'].flatMap((name) => ['-o', `Dir::${name}=${lists}`]);
  const output = await runProcess(
    'apt-get',
    [
      ...['-s', '--no-install-recommends', ...places, '-o', `Dir::State::status=${lists}/status`],
      ...[
        '-o',
        `Dir::Etc::sourcelist=${lists}/sources.list`,
        '-o',
        'Dir::Etc::sourceparts=-',
        '-o',
        'Debug::NoLocking=1',
      ],
      ...['install', ...packages],
    ],
    { signal: testSignal() },
  );
  return [...output.matchAll(/^Inst (\S+)/gm)].map(([, name = '']) => name);
}

test('the image’s Debian has every package that it asks for, PostgreSQL’s server, clients and checks among them', async () => {
  const asked = stage?.instructions.filter(({ keyword }) => keyword === 'RUN').flatMap(packagesOf) ?? [];

  const installed = await simulate([...asked, 'postgresql']);

  expect(installed).toEqual(expect.arrayContaining([...asked, 'postgresql-17', 'postgresql-client-17']));
});

test('a package that does not exist is noticed', async () => {
  await expect(simulate(['age', 'no-such-package'])).rejects.toThrow(/Unable to locate package no-such-package/);
});
