import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { errorMessage } from '../../../src/core/errors.ts';
import { findProgram } from '../../../src/core/find-program.ts';
import { closeContent, openContent, type PartTools } from '../../../src/jobs/backup/open-content.ts';
import { identityPrefix } from '../../../src/jobs/encryption/age.ts';
import type { Identity } from '../../../src/jobs/encryption/age-keys.ts';
import { JobFailed } from '../../../src/jobs/job.ts';
import { newIdentity } from '../../support/age.ts';

const part = { name: 'database.dump.zst.age', encryption: 'age' } as const;
const signal = AbortSignal.timeout(120_000);
let zstdProgram: string;
let ageProgram: string;
let mine: Identity;
let theirs: Identity;
let folder: string;

beforeAll(async () => {
  const searchPath = process.env['PATH'] ?? '';
  zstdProgram = (await findProgram('zstd', searchPath)) ?? '';
  ageProgram = (await findProgram('age', searchPath)) ?? '';
  expect([zstdProgram, ageProgram]).not.toContain('');
  [mine, theirs] = [await newIdentity(), await newIdentity()];
  folder = mkdtempSync(join(tmpdir(), 'watchkeeper-test-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Half of it compresses; longer than many chunks of age (64 KiB), and no multiple of one. */
function sample(): Buffer {
  return Buffer.concat([randomBytes(700_000), Buffer.alloc(700_001, 'abc')]);
}

type Programs = Pick<PartTools, 'zstdProgram' | 'ageProgram'>;

async function close(content: Buffer, programs: Programs, identities: readonly Identity[]): Promise<Buffer> {
  const encryption = { recipients: identities.map(({ recipient }) => recipient) };
  const codec = await closeContent({ ...programs, compressionLevel: 3, encryption }, signal);
  const [stored] = await Promise.all([
    buffer(codec.output),
    pipeline(Readable.from([content]), codec.input),
    codec.done,
  ]);
  if (codec.inputBytes !== undefined) expect(codec.inputBytes()).toBe(content.length);
  return stored;
}

async function open(stored: Buffer, programs: Programs, identities: readonly Identity[]): Promise<Buffer> {
  const codec = await openContent(part, { ...programs, identities }, signal);
  const outcomes = await Promise.allSettled([
    buffer(codec.output),
    pipeline(Readable.from([stored]), codec.input),
    codec.done,
  ]);
  const [content, , done] = outcomes;
  if (done.status === 'rejected') throw done.reason;
  if (content.status === 'rejected') throw content.reason;
  return content.value;
}

const combinations = (): readonly (readonly [string, Programs])[] => [
  ['both programs', { zstdProgram, ageProgram }],
  ['age alone', { zstdProgram: undefined, ageProgram }],
  ['zstd alone', { zstdProgram, ageProgram: undefined }],
  ['no program', { zstdProgram: undefined, ageProgram: undefined }],
];

test('what one combination of programs closes every other one opens, with either identity', {
  timeout: 60_000,
}, async () => {
  const content = sample();
  const digest = createHash('sha256').update(content).digest('hex');
  for (const [closing, programs] of combinations()) {
    const stored = await close(content, programs, [mine, theirs]);
    for (const [opening, others] of combinations()) {
      for (const identity of [mine, theirs]) {
        const opened = await open(stored, others, [identity]);
        expect(createHash('sha256').update(opened).digest('hex'), `${closing} to ${opening}`).toBe(digest);
      }
    }
  }
});

test('an empty content is closed and opened as well', async () => {
  for (const [, programs] of combinations()) {
    const stored = await close(Buffer.alloc(0), programs, [mine]);
    expect(stored.subarray(0, 21).toString()).toBe('age-encryption.org/v1');
    expect((await open(stored, programs, [mine])).length).toBe(0);
  }
});

test('the wrong identity, a changed bit and every kind of cut are found, with and without programs', {
  timeout: 60_000,
}, async () => {
  const stored = await close(sample(), { zstdProgram, ageProgram }, [mine]);
  const flipped = Buffer.from(stored);
  flipped[stored.length >> 1] = (flipped[stored.length >> 1] ?? 0) ^ 1;
  const headerBytes = stored.indexOf('\n---') + 48;
  // After a whole chunk of the payload nothing but the mark of the last one tells that more was there.
  const wholeChunk = headerBytes + 16 + 64 * 1_024 + 16;
  for (const [name, programs] of combinations()) {
    for (const [what, bytes, identity] of [
      ['wrong identity', stored, theirs],
      ['changed bit', flipped, mine],
      ['cut at the end', stored.subarray(0, -1), mine],
      ['cut at a chunk', stored.subarray(0, wholeChunk), mine],
      ['cut in the header', stored.subarray(0, 40), mine],
      ['nothing', Buffer.alloc(0), mine],
      ['something behind', Buffer.concat([stored, Buffer.from('x')]), mine],
    ] as const) {
      const error: unknown = await open(bytes, programs, [identity]).catch((thrown: unknown) => thrown);
      expect(error, `${name}: ${what}`).toBeInstanceOf(Error);
    }
    const wrong: unknown = await open(stored, programs, [theirs]).catch((thrown: unknown) => thrown);
    expect(wrong, name).toBeInstanceOf(JobFailed);
    expect(errorMessage(wrong)).toContain('part database.dump.zst.age is not encrypted as the manifest says');
  }
});

test('age and zstd alone open it', async () => {
  const content = sample();
  const stored = await close(content, { zstdProgram, ageProgram }, [mine, theirs]);
  const key = join(folder, 'key.txt');
  writeFileSync(key, `${theirs.key.reveal()}\n`, { mode: 0o600 });

  const compressed = execFileSync(ageProgram, ['--decrypt', '--identity', key], { input: stored, maxBuffer: 2 ** 24 });
  const opened = execFileSync(zstdProgram, ['-dq'], { input: compressed, maxBuffer: 2 ** 24 });

  expect(opened.equals(content)).toBe(true);
});

test('an identity is in a file of our own while age reads it, in no argument, and gone afterwards', async () => {
  const seen = join(folder, 'seen');
  const watching = join(folder, 'watching-age');
  const look = 'for file; do test ! -f "$file" || stat -c "%a %n" "$file"; done';
  const script = ['#!/bin/sh', `{ echo "$@"; ${look}; } >>${seen}`, `exec ${ageProgram} "$@"`, ''];
  writeFileSync(watching, script.join('\n'), { mode: 0o755 });
  const programs = { zstdProgram, ageProgram: watching };

  const stored = await close(sample(), programs, [mine]);
  await open(stored, programs, [mine]);
  await open(stored.subarray(0, 1_000), programs, [mine]).catch(() => undefined);

  const lines = readFileSync(seen, 'utf8').trim().split('\n');
  const files = lines.flatMap((line) => /^600 (.*)$/.exec(line)?.[1] ?? []);
  expect(files).toHaveLength(2);
  expect(files.every((file) => file.includes(identityPrefix))).toBe(true);
  expect(files.filter((file) => existsSync(file))).toEqual([]);
  expect(lines.join()).not.toContain(mine.key.reveal());
});
