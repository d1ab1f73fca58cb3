import { access, chmod, copyFile, cp, mkdir, realpath, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { runProcess } from '../../src/core/run-process.ts';
import type { Podman } from './podman.ts';

const root = join(import.meta.dirname, '../..');
const authorities = '/etc/ssl/certs/ca-certificates.crt';

/**
 * Makes what `node:VERSION-DEBIAN-slim` is, from Debian's packages and the pinned Node.js, under that name: no registry of
 * images is asked. npm is this machine's.
 */
export async function makeBaseImage(podman: Podman, image: string, folder: string, signal: AbortSignal): Promise<void> {
  const debian = /-(\w+)-slim$/.exec(image)?.[1];
  if (debian === undefined) throw new Error(`${image} is not of the form node:VERSION-DEBIAN-slim`);
  const tree = join(folder, 'base');
  await runProcess('debootstrap', ['--variant=minbase', debian, tree], { signal });
  await addNode(tree);
  // What vouches for this machine's registries of packages, if anything special does.
  await mkdir(join(tree, 'etc/ssl/certs'), { recursive: true });
  const hasAuthorities = await access(authorities).then(
    () => true,
    () => false,
  );
  if (hasAuthorities) await copyFile(authorities, join(tree, 'etc/ssl/certs/this-machine.crt'));
  const archive = join(folder, 'base.tar');
  await runProcess('tar', ['-C', tree, '--exclude=./dev/*', '-cf', archive, '.'], { signal });
  const environment = 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/this-machine.crt';
  await podman.run(['import', '--change', environment, archive, `docker.io/library/${image}`]);
}

async function addNode(tree: string): Promise<void> {
  const local = join(tree, 'usr/local');
  await copyFile(join(root, 'node_modules/node/bin/node'), join(local, 'bin/node'));
  await chmod(join(local, 'bin/node'), 0o755);
  // Set by npm for the scripts that it runs: …/npm/bin/npm-cli.js.
  const npm = process.env['npm_execpath'];
  if (npm === undefined) throw new Error('start it by "npm run deploy:check"');
  await cp(join(await realpath(npm), '../..'), join(local, 'lib/node_modules/npm'), { recursive: true });
  await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(local, 'bin/npm'));
}
