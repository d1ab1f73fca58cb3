import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { Leases } from '../../../src/jobs/lease.ts';
import { ownIdentity } from '../../../src/jobs/process-identity.ts';
import { openFilesystemStore } from '../../../src/storage/filesystem.ts';

const program = join(import.meta.dirname, '../../support/hold-lease.ts');
const signal = AbortSignal.timeout(60_000);

let folder: WorkDirectory;
let children: ChildProcessWithoutNullStreams[];
beforeEach(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-lease-' });
  children = [];
});
afterEach(async () => {
  for (const child of children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
  await folder[Symbol.asyncDispose]();
});

/** Another process that can hold a lease. `next` is the next thing it says. */
async function startHolder() {
  const child = spawn(process.execPath, [program, folder.path, 'backup/payments', '60000']);
  children.push(child);
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async () => (await lines.next()).value as string;
  expect(await next()).toBe('ready');
  return { child, next, go: () => child.stdin.write('\n') };
}

async function acquireHere() {
  const store = await openFilesystemStore(folder.path, systemClock);
  const leases = new Leases({ store, clock: systemClock, holder: await ownIdentity(), ttlMs: 60_000 });
  return leases.acquire('backup/payments', signal);
}

test('of several processes that start at once one gets the lease, and the next one after it', async () => {
  const holders = await Promise.all([1, 2, 3].map(startHolder));

  for (const { go } of holders) go();
  const answers = await Promise.all(holders.map(({ next }) => next()));
  const holder = holders[answers.indexOf('held')];
  holder?.go();
  const afterwards = await holder?.next();
  await using lease = await acquireHere();

  expect(answers.sort()).toEqual(['held', 'refused', 'refused']);
  expect(afterwards).toBe('released');
  expect(lease).toBeDefined();
});

test('the lease of a process that was killed is free at once on the same machine', async () => {
  const holder = await startHolder();
  holder.go();
  expect(await holder.next()).toBe('held');
  const before = await acquireHere();

  const ended = once(holder.child, 'exit');
  holder.child.kill('SIGKILL');
  await ended;
  await using lease = await acquireHere();

  expect(before).toBeUndefined();
  expect(lease).toBeDefined();
});
