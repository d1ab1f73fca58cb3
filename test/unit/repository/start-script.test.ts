import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../../..');

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'watchkeeper-test-start-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test('bin/watchkeeper starts from any folder, also through symbolic links, with the pinned runtime', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'bin'));
  await symlink(join(root, 'bin/watchkeeper'), join(folder, 'bin/first'));
  await symlink('bin/first', join(folder, 'second'));

  const { stdout } = await run(join(folder, 'second'), ['--version'], { cwd: folder, env: { PATH: '/usr/bin:/bin' } });

  expect(stdout).toMatch(/^\d+\.\d+\.\d+\S*\n$/);
});

test('bin/watchkeeper passes the exit code of the command on', async () => {
  const failed = run(join(root, 'bin/watchkeeper'), ['no-such-command']);

  await expect(failed).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('no-such-command') });
});

test('the set-up script refuses a mode it does not know', async () => {
  const failed = run('sh', [join(root, 'scripts/setup'), 'everything']);

  await expect(failed).rejects.toMatchObject({
    code: 1,
    stderr: 'setup: usage: scripts/setup npm|run|test|pictures|bench\n',
  });
});
