import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findProgram } from '../../../src/core/find-program.ts';
import { startProcess } from '../../../src/core/run-process.ts';
import { compressZstd } from '../../../src/jobs/backup/zstd.ts';

const signal = AbortSignal.timeout(60_000);
let folder: string;
let zstd: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'watchkeeper-test-'));
  zstd = (await findProgram('zstd', process.env['PATH'] ?? '')) ?? '';
  expect(zstd).not.toBe('');
});

afterAll(() => rmSync(folder, { recursive: true }));

function script(name: string, lines: readonly string[]): string {
  const path = join(folder, name);
  writeFileSync(path, ['#!/bin/sh', ...lines, ''].join('\n'));
  chmodSync(path, 0o755);
  return path;
}

test('the program says exactly how much it read', async () => {
  const codec = await compressZstd(zstd, 3, signal);
  const given = randomBytes(3_333_333);

  codec.input.end(given);
  const [stored] = await Promise.all([buffer(codec.output), codec.done]);

  expect(codec.inputBytes?.()).toBe(given.length);
  expect(zstdDecompressSync(stored).equals(given)).toBe(true);
});

test('another program writes into it without us in between', async () => {
  const codec = await compressZstd(zstd, 3, signal);
  const path = join(folder, 'given');
  const given = randomBytes(5 * 2 ** 20);
  writeFileSync(path, given);

  const feeding = startProcess('cat', [path], { signal, into: codec.input });
  const [stored] = await Promise.all([buffer(codec.output), feeding.exited, codec.done]);

  expect(codec.inputBytes?.()).toBe(given.length);
  expect(zstdDecompressSync(stored).equals(given)).toBe(true);
});

test('a zstd that does not say how much it read is used all the same, and does not claim to', async () => {
  const silent = script('silent-zstd', [`exec ${zstd} -q "$@" 2>/dev/null`]);

  const codec = await compressZstd(silent, 3, signal);
  codec.input.end('abc');
  const [stored] = await Promise.all([buffer(codec.output), codec.done]);

  expect(codec.inputBytes).toBeUndefined();
  expect(zstdDecompressSync(stored).toString()).toBe('abc');
});

test('a failure tells what went wrong and nothing else', async () => {
  const failing = script('failing-zstd', [
    `if [ "$(head -c 4)" = four ]; then printf four | ${zstd} "$@"; exit; fi`,
    'echo "*** Zstandard CLI (64-bit) v1.5.4 ***" >&2',
    'echo "zstd: error 70 : Write error : cannot write block : No space left on device" >&2',
    'exit 70',
  ]);

  const codec = await compressZstd(failing, 3, signal);
  codec.output.resume();
  codec.input.end('something else');

  await expect(codec.done).rejects.toThrow(
    `${failing} exited with code 70: zstd: error 70 : Write error : cannot write block : No space left on device`,
  );
  expect(codec.inputBytes).toBeDefined();
});
