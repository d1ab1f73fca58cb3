import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { DumpOffsets } from '../../../src/jobs/backup/dump-offsets.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { libpqEnvironment } from '../../../src/targets/postgres/libpq.ts';
import type { ProgramInstallation } from '../../../src/targets/postgres/programs.ts';
import { everythingRolesSql, everythingSql } from '../../support/everything-database.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { clientMajors, wholeInstallation } from '../../support/postgres-majors.ts';

let cluster: Cluster;
let folder: WorkDirectory;

beforeAll(async () => {
  cluster = await startTestCluster({ settings: { wal_level: 'logical' } });
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-offsets-' });
  await execute(cluster, 'postgres', everythingRolesSql);
  await createDatabase(cluster, 'everything', everythingSql(cluster.installation.major * 10_000));
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** The machine's own by default. */
function pgDump(args: readonly string[], { directory } = cluster.installation) {
  const env = { PATH: process.env['PATH'], ...libpqEnvironment(cluster.access, undefined) };
  const all = ['-Fc', '--dbname=everything', ...args];
  return spawn(join(directory, 'pg_dump'), all, { env, stdio: ['ignore', 'pipe', 'inherit'] });
}

/** What pg_dump writes where it cannot go back. */
async function piped(args: readonly string[], installation?: ProgramInstallation): Promise<Buffer> {
  return buffer(pgDump(args, installation).stdout);
}

/** What it writes where it can. */
async function toFile(args: readonly string[], installation?: ProgramInstallation): Promise<Buffer> {
  const path = join(folder.path, 'reference.dump');
  await once(pgDump([...args, '-f', path], installation), 'exit');
  return readFile(path);
}

/** The dump with what was found filled in, having come in chunks of this size. */
async function filledIn(
  dump: Buffer,
  chunkBytes: number,
): Promise<{ readonly bytes: Buffer; readonly tables: number }> {
  const path = join(folder.path, 'filled-in.dump');
  await writeFile(path, dump);
  const offsets = new DumpOffsets();
  for (let at = 0; at < dump.length; at += chunkBytes) offsets.add(dump.subarray(at, at + chunkBytes));
  const tables = await offsets.writeInto(path);
  return { bytes: await readFile(path), tables };
}

/** Where the header says when the dump was made: seven numbers of five bytes, from seconds to daylight saving time. */
function withoutTime(dump: Buffer): Buffer {
  const [timeAt, timeBytes] = [11 + ((dump[6] ?? 0) >= 15 ? 1 : 5), 35];
  return Buffer.concat([dump.subarray(0, timeAt), dump.subarray(timeAt + timeBytes)]);
}

describe.each(['0', '6'])('a dump with compression level %s that came through a pipe', (level) => {
  test.each([1, 7, 65_536])(
    'becomes what pg_dump writes into a file, read in chunks of %i bytes',
    async (chunkBytes) => {
      const [dump, reference] = [await piped(['-Z', level]), await toFile(['-Z', level])];

      const { bytes, tables } = await filledIn(dump, chunkBytes);

      expect(withoutTime(dump).equals(withoutTime(reference))).toBe(false);
      expect(withoutTime(bytes).equals(withoutTime(reference))).toBe(true);
      expect(tables).toBeGreaterThan(15);
    },
  );
});

/** 1.14 and so on; these are all that can read a server of version 15. */
const formatMinors: ReadonlyMap<number, number> = new Map([
  [15, 14],
  [16, 15],
  [17, 16],
  [18, 16],
]);

test.each(clientMajors.filter((major) => formatMinors.has(major)))('the same holds for pg_dump %i', async (major) => {
  const installation = await wholeInstallation(major);
  const [dump, reference] = [await piped(['-Z0'], installation), await toFile(['-Z0'], installation)];

  const { bytes } = await filledIn(dump, 65_536);

  expect(dump[6]).toBe(formatMinors.get(major));
  expect(withoutTime(dump).equals(withoutTime(reference))).toBe(false);
  expect(withoutTime(bytes).equals(withoutTime(reference))).toBe(true);
});

test('a dump that was written into a file keeps what it has', async () => {
  const dump = await toFile(['-Z0']);

  expect(await filledIn(dump, 65_536)).toEqual({ bytes: dump, tables: 0 });
});

test.each<[string, (dump: Buffer) => Buffer]>([
  ['ends early', (dump) => dump.subarray(0, dump.length - 3)],
  ['ends within its table of contents', (dump) => dump.subarray(0, 2_000)],
  ['goes on after its end', (dump) => Buffer.concat([dump, Buffer.from('x')])],
  ['is of a newer format', (dump) => replaced(dump, 6, 17)],
  ['is of another kind', (dump) => replaced(dump, 10, 3)],
  ['is no dump', () => Buffer.from('CREATE ROLE keeper;\n')],
  ['is empty', () => Buffer.alloc(0)],
])('what %s is left as it is', async (_, change) => {
  const dump = change(await piped(['-Z0']));

  expect(await filledIn(dump, 65_536)).toEqual({ bytes: dump, tables: 0 });
});

function replaced(dump: Buffer, at: number, value: number): Buffer {
  const changed = Buffer.from(dump);
  changed[at] = value;
  return changed;
}
