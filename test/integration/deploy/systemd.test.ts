import { chmod, cp, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { parse } from 'yaml';
import { findProgram } from '../../../src/core/find-program.ts';
import { runProcess, startProcess } from '../../../src/core/run-process.ts';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { deploy, root } from '../../support/compose.ts';
import { testSignal } from '../../support/test-context.ts';

const systemd = join(deploy, 'systemd');
const program = await findProgram('systemd-analyze', process.env['PATH'] ?? '');
beforeEach(({ skip }) => skip(program === undefined, 'this distribution has no systemd'));

const analyze = (...args: string[]) => runProcess('systemd-analyze', args, { signal: testSignal() });
const unit = await readFile(join(systemd, 'watchkeeper.service'), 'utf8');

/** The values of a setting of the unit, in their order. */
const settings = (name: string) =>
  [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value);

/** The unit with this checkout in the place of /opt/watchkeeper. */
async function unitOfCheckout(folder: WorkDirectory, change = (text: string) => text): Promise<string> {
  const file = join(folder.path, 'watchkeeper.service');
  await writeFile(file, change(unit).replaceAll('/opt/watchkeeper', root));
  return file;
}

test('systemd-analyze verifies the unit, and notices a misspelt setting', async () => {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-unit-' });
  const verify = async (file: string) => {
    const lines: string[] = [];
    const running = startProcess('systemd-analyze', ['verify', '--man=no', file], {
      signal: testSignal(),
      onStderrLine: (line) => lines.push(line),
    });
    running.stdout.resume();
    await running.exited.catch((error: unknown) => lines.push(String(error)));
    return lines.filter((line) => line.includes('watchkeeper.service'));
  };

  expect(await verify(await unitOfCheckout(folder))).toEqual([]);
  const wrong = await unitOfCheckout(folder, (text) => text.replace('ProtectSystem=', 'ProtectSytem='));
  expect(await verify(wrong)).toEqual([expect.stringContaining('ProtectSytem')]);
});

test('what systemd counts as exposed is little: below 1.5 of 10', async () => {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-unit-' });
  const security = async (file: string) => {
    const report = await analyze('security', '--offline=true', '--no-pager', '--threshold=100', file);
    return Number(/exposure level for \S+: ([\d.]+)/.exec(report)?.[1]);
  };

  const shipped = await security(await unitOfCheckout(folder));
  const open = await security(
    await unitOfCheckout(folder, (text) => text.replace(/^(Protect|Private|System).*$/gm, '')),
  );

  expect(shipped).toBeLessThan(1.5);
  expect(open).toBeGreaterThan(3);
});

test('the unit and its example agree: credentials, folders that may be written to, and the program', async () => {
  const text = await readFile(join(systemd, 'watchkeeper.yaml'), 'utf8');
  const config = parse(text) as { stores: Record<string, { path: string }> };
  const credentials = settings('LoadCredential').map((value) => value.split(':')[0]);
  const named = [...text.matchAll(/file:\/run\/credentials\/watchkeeper\.service\/(\w+)/g)].map(([, name]) => name);

  expect(new Set(named)).toEqual(new Set(credentials));
  expect(settings('ProtectSystem')).toEqual(['strict']);
  const writable = [`/var/lib/${settings('StateDirectory')[0]}/`, `/var/cache/${settings('CacheDirectory')[0]}`];
  expect(config.stores['local']?.path.startsWith(writable[0] ?? '')).toBe(true);
  expect(settings('Environment')[0]).toContain(`TMPDIR=${writable[1]}`);
  const [program = '', ...args] = settings('ExecStart')[0]?.split(' ') ?? [];
  expect(args).toEqual(['-c', '/etc/watchkeeper/watchkeeper.yaml', 'run']);
  await expect(stat(program.replace('/opt/watchkeeper', root))).resolves.toBeDefined();
  // A throw-away server is bound to the daemon's life by setpriv, which sets capabilities even where there are none.
  expect(settings('SystemCallFilter')).toEqual(['@system-service', '~@privileged @resources', 'capset']);
  // The daemon tells systemd nothing, so that systemd must not wait for it.
  expect(settings('WatchdogSec')).toEqual([]);
  expect(settings('Type')).toEqual(['exec']);
});

test('sysusers and tmpfiles make the user and the folders for settings', async ({ skip }) => {
  skip(process.getuid?.() !== 0, 'only root makes users and folders of others');
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-unit-' });
  await chmod(folder.path, 0o755);
  await mkdir(join(folder.path, 'etc'));
  const run = async (tool: string, ...args: string[]) => {
    const place = join(folder.path, `usr/lib/${tool}.d`);
    await mkdir(place, { recursive: true });
    await cp(join(systemd, `${tool}.conf`), join(place, 'watchkeeper.conf'));
    await runProcess(`systemd-${tool}`, [`--root=${folder.path}`, ...args, 'watchkeeper.conf'], {
      signal: testSignal(),
    });
  };

  await run('sysusers');
  await run('tmpfiles', '--create');

  const passwd = await readFile(join(folder.path, 'etc/passwd'), 'utf8');
  const [, uid, gid] =
    /^watchkeeper:[^:]*:(\d+):(\d+):Watchkeeper:\/var\/lib\/watchkeeper:\/usr\/sbin\/nologin$/m.exec(passwd) ?? [];
  expect(uid).toBeDefined();
  const made = await stat(join(folder.path, 'etc/watchkeeper'));
  expect([made.mode & 0o777, made.uid, made.gid]).toEqual([0o750, 0, Number(gid)]);
  expect((await stat(join(folder.path, 'etc/watchkeeper/secrets'))).mode & 0o777).toBe(0o700);
});
