import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { errorMessage } from '../../src/core/errors.ts';
import { findProgram } from '../../src/core/find-program.ts';
import { runProcess } from '../../src/core/run-process.ts';
import { makeBaseImage } from './base-image.ts';
import { type Instruction, parseDockerfile } from './dockerfile.ts';
import { Podman } from './podman.ts';

/**
 * `npm run deploy:check`: builds the image from deploy/Dockerfile and runs it confined, as deploy/compose.yaml does, beside
 * a PostgreSQL with the demo's data, until a backup is proven. As root, on Debian; it takes about ten minutes, and
 * nothing of it stays.
 */
const root = join(import.meta.dirname, '../..');
const image = 'localhost/watchkeeper:checked';
const program = '/opt/watchkeeper/bin/watchkeeper';
const settings = '/etc/watchkeeper/watchkeeper.yaml';
const confined = ['--read-only', '--read-only-tmpfs=false', '--cap-drop=all', '--security-opt=no-new-privileges'];

const stop = new AbortController();
process.once('SIGINT', () => stop.abort(new Error('interrupted')));

async function main(): Promise<void> {
  await requirePrograms();
  const stages = parseDockerfile(await readFile(join(root, 'deploy/Dockerfile'), 'utf8'));
  const folder = await mkdtemp(join(tmpdir(), 'watchkeeper-image-'));
  const podman = new Podman(folder, stop.signal);
  try {
    await step('the base image, from Debian’s packages', () =>
      makeBaseImage(podman, stages[0]?.image ?? '', folder, stop.signal),
    );
    await step('the image, from deploy/Dockerfile', () => build(podman));
    await step('"watchkeeper demo --once" in a confined container without network', () => runDemo(podman));
    await step('PostgreSQL with the demo’s data', () => startDatabase(podman, folder));
    await step('the daemon, as Compose starts it, backs up and proves', () => startDaemon(podman, folder));
    await step('it is healthy, leaves no zombies, and ends cleanly', () =>
      inspect(podman, healthCommand(stages.at(-1)?.instructions ?? [])),
    );
  } finally {
    await new Podman(folder, AbortSignal.timeout(60_000)).removeAll();
    await removeFolder(folder);
  }
}

async function requirePrograms(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('it must be run by root: it makes a system in a folder');
  const missing: string[] = [];
  for (const name of ['debootstrap', 'podman', 'buildah', 'unshare']) {
    if ((await findProgram(name, process.env['PATH'] ?? '')) === undefined) missing.push(name);
  }
  if (missing.length > 0)
    throw new Error(`please install: apt-get install --no-install-recommends ${missing.join(' ')}`);
}

/** Podman tidies up by itself after the end of a container, in processes of its own, and would make parts of it anew. */
async function removeFolder(folder: string): Promise<void> {
  for (let attempt = 0; attempt < 60 && (await isNamedByProcess(folder)); attempt++) await delay(1_000);
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

async function isNamedByProcess(folder: string): Promise<boolean> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  const lines = await Promise.all(ids.map((id) => readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')));
  return lines.some((line) => line.includes(folder));
}

async function step(name: string, work: () => Promise<void>): Promise<void> {
  const startedAt = Date.now();
  await work();
  console.log(`✓ ${name} ${((Date.now() - startedAt) / 1000).toFixed(0)} s`);
}

async function build(podman: Podman): Promise<void> {
  const how = ['--pull-never', '--isolation=chroot', '--network=host', '--format=docker'];
  await podman.run(['build', ...how, '--file', join(root, 'deploy/Dockerfile'), '--tag', image, root]);
}

async function runDemo(podman: Podman): Promise<void> {
  await podman.start('demo', ['--network=none', ...confined], image, [
    'demo',
    '--once',
    '--report',
    '/var/cache/watchkeeper/report.json',
  ]);
  const code = (await podman.run(['wait', 'demo'])).trim();
  if (code !== '0') throw new Error(`the demo ended with ${code}: ${await podman.run(['logs', 'demo'])}`);
}

/** In the image as well, since it has a server; other containers share its network, which leads nowhere else. */
async function startDatabase(podman: Podman, folder: string): Promise<void> {
  const secrets = join(folder, 'secrets');
  await runProcess('sh', [join(root, 'deploy/make-secrets'), secrets], { signal: stop.signal });
  const mounts = [...(await secretMounts(folder)), `${root}/deploy/sql:/sql:ro`, `${root}/deploy/demo:/demo:ro`];
  const serve = [
    'bin=$(ls -d /usr/lib/postgresql/*/bin)',
    'data=$TMPDIR/data',
    '$bin/initdb -D $data -U postgres --auth=trust --no-sync >/dev/null',
    'exec $bin/postgres -D $data -k $TMPDIR -c shared_preload_libraries=pg_stat_statements',
  ].join('\n');
  const options = ['--network=none', '--entrypoint=/bin/sh', ...mounts.flatMap((mount) => ['--volume', mount])];
  await podman.start('database', options, image, ['-ec', serve]);
  const psql = (...args: string[]) =>
    podman.exec('database', [
      'psql',
      '-X',
      '-q',
      '-v',
      'ON_ERROR_STOP=1',
      '-h',
      '127.0.0.1',
      '-U',
      'postgres',
      ...args,
    ]);
  await until('PostgreSQL answers', () => psql('-c', 'SELECT 1'));
  await psql('-c', 'CREATE DATABASE shop');
  for (const script of ['/sql/roles.sql', '/demo/shop.sql']) await psql('-d', 'shop', '-f', script);
}

/** Each file by itself, as Compose does it: the folder is closed to other users. */
async function secretMounts(folder: string): Promise<string[]> {
  const secrets = join(folder, 'secrets');
  return (await readdir(secrets)).map((name) => `${join(secrets, name)}:/run/secrets/${name}:ro`);
}

async function startDaemon(podman: Podman, folder: string): Promise<void> {
  const mounts = [
    `${join(root, 'deploy/examples/compose')}:/etc/watchkeeper:ro`,
    ...(await secretMounts(folder)),
    'backups:/var/lib/watchkeeper',
    'restores:/var/cache/watchkeeper',
  ];
  const url = 'postgres://watchkeeper_monitor@127.0.0.1:5432/shop?sslmode=disable';
  const options = [
    '--network=container:database',
    '--env',
    `SHOP_URL=${url}`,
    ...mounts.flatMap((one) => ['--volume', one]),
  ];
  await podman.start('daemon', [...confined, ...options], image);
  await until('a backup is proven', async () => {
    const listed = await podman.exec('daemon', [program, '-c', settings, 'list']);
    if (!/\bproven\b/.test(listed))
      throw new Error(`${listed}\n${await podman.run(['logs', '--tail', '5', 'daemon'])}`);
  });
}

async function inspect(podman: Podman, health: readonly string[]): Promise<void> {
  await podman.exec('daemon', health);
  const states = await podman.exec('daemon', ['sh', '-c', 'cat /proc/[0-9]*/stat']);
  const zombies = states.split('\n').filter((line) => / Z /.test(line));
  if (zombies.length > 0) throw new Error(`zombies: ${zombies.join('; ')}`);
  await podman.run(['stop', '--time', '60', 'daemon']);
  const code = (await podman.run(['inspect', '--format', '{{.State.ExitCode}}', 'daemon'])).trim();
  if (code !== '0') throw new Error(`the daemon ended with ${code}`);
}

/** What `HEALTHCHECK … CMD ["…"]` runs. */
function healthCommand(instructions: readonly Instruction[]): string[] {
  const text = instructions.find(({ keyword }) => keyword === 'HEALTHCHECK')?.text ?? '[]';
  return JSON.parse(text.slice(text.indexOf('['))) as string[];
}

async function until(what: string, attempt: () => Promise<unknown>): Promise<void> {
  const giveUpAt = Date.now() + 180_000;
  for (;;) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (stop.signal.aborted || Date.now() > giveUpAt) throw new Error(`waiting until ${what}`, { cause: error });
      await delay(1_000, undefined, { signal: stop.signal });
    }
  }
}

try {
  await main();
} catch (error) {
  console.error(`✗ ${errorMessage(error)}`);
  process.exitCode = 1;
}
