import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runProcess } from '../../../src/core/run-process.ts';
import { largeWrites } from '../../../src/jobs/backup/large-writes.ts';

const signal = AbortSignal.timeout(60_000);
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'watchkeeper-test-'));
});

afterAll(() => rm(folder, { recursive: true }));

async function script(name: string, line: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${line}\n`);
  await chmod(path, 0o755);
  return path;
}

/** Calls with which `seq` writes 1.3 MB; the kernel adds them up for the shell that started it. */
async function writesOf(env: Readonly<Record<string, string>>): Promise<number> {
  const printed = await runProcess('sh', ['-c', 'seq 1 200000 >/dev/null; cat /proc/$$/io'], { signal, env });
  return Number(/^syscw: (\d+)$/m.exec(printed)?.[1]);
}

test('a program writes in pieces of 64 KiB', async () => {
  const env = await largeWrites('seq');

  expect(existsSync(env['LD_PRELOAD'] ?? '')).toBe(true);
  expect(await writesOf({})).toBeGreaterThan(300);
  expect(await writesOf(env)).toBeLessThan(30);
});

test('without stdbuf a program writes as it always does', async () => {
  expect(await largeWrites('cat', join(folder, 'no-stdbuf'))).toEqual({});
  const confused = await script('confused-stdbuf', 'echo LD_PRELOAD=');
  expect(await largeWrites('head', confused)).toEqual({});
});

test('a library that does not fit is not given to a program', async () => {
  const absent = await script('absent-library', `echo LD_PRELOAD=${folder}/absent.so; echo _STDBUF_O=65536`);
  expect(await largeWrites('tail', absent)).toEqual({});
});

test('a program that does not start with it is left alone', async () => {
  const picky = await script('picky', '[ -z "$LD_PRELOAD" ]');
  expect(await largeWrites(picky)).toEqual({});
});
