import { readdir, readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll } from 'vitest';

/** What is still on its way out gets this long; a process that was told to stop needs a moment. */
const patienceMs = 3_000;

/** A test file that leaves a folder or a process behind fails: every file runs in a process of its own. */
afterAll(async () => {
  let left = await leftovers();
  for (let waitedMs = 0; left.length > 0 && waitedMs < patienceMs; waitedMs += 100) {
    await delay(100);
    left = await leftovers();
  }
  if (left.length > 0) throw new Error(`this test file left behind: ${left.join(', ')}`);
});

async function leftovers(): Promise<string[]> {
  return [...(await ownFolders()), ...(await ownChildren())];
}

/** Folders in the temporary folder that carry our process id: see makeWorkDirectory. */
async function ownFolders(): Promise<string[]> {
  const names = await readdir(tmpdir());
  const ours = new RegExp(`^watchkeeper-.*-${process.pid}-[^-]+$`);
  const paths = names.filter((name) => ours.test(name)).map((name) => join(tmpdir(), name));
  const isNew = await Promise.all(paths.map(isYoungerThanWe));
  return paths.filter((_, index) => isNew[index]).map((path) => `folder ${path}`);
}

/** Process ids come again: what is older than this process was left by another one. */
async function isYoungerThanWe(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && found.ctimeMs >= performance.timeOrigin;
}

/** Linux tells a process's children; elsewhere this part finds nothing. */
async function ownChildren(): Promise<string[]> {
  const lists = await Promise.all(
    (await readdir('/proc/self/task').catch(() => [])).map((thread) =>
      readFile(`/proc/self/task/${thread}/children`, 'utf8').catch(() => ''),
    ),
  );
  const pids = lists.flatMap((list) => list.split(' ')).filter((pid) => pid.trim() !== '');
  const commands = await Promise.all(pids.map(commandOf));
  return commands.filter((command) => command !== undefined);
}

async function commandOf(pid: string): Promise<string | undefined> {
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  // An empty command line is a process that has ended and only waits to be noticed.
  return command === '' ? undefined : `process ${pid} (${command.replaceAll('\0', ' ').trim()})`;
}
