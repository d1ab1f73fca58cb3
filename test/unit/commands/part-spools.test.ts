import { statfs } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { findingsAbout } from '../../../src/commands/check/finding.ts';
import { checkPartSpools } from '../../../src/commands/check/part-spools.ts';
import { readConfig } from '../../../src/config/load.ts';
import { formatBytes } from '../../../src/core/bytes.ts';
import { makeWorkDirectory } from '../../../src/core/work-directory.ts';

const knowledge = { collectorNames: () => [], scheduleProblem: () => undefined };

/** What is found about the spool of an S3 store that keeps a database of `sizeBytes`. */
async function find(spoolDirectory: string | undefined, sizeBytes: number, maxParts = 10_000): Promise<string[]> {
  const spool = spoolDirectory === undefined ? '' : `, spoolDirectory: "${spoolDirectory}"`;
  const text = `
stores:
  offsite: { type: s3, bucket: b, maxParts: ${maxParts}${spool} }
  local: { type: filesystem, path: /var/backups }
targets:
  payments:
    engine: postgres
    url: postgres://w@db/payments_db
    backups: { nightly: { schedule: "0 2 * * *", stores: [offsite] }, hourly: { schedule: "0 * * * *", stores: [local] } }
`;
  const loaded = readConfig(text, { file: '/etc/w.yaml', environment: {}, knowledge });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const findings = findingsAbout('spool');
  const [about, size] = [{ major: 17, extensions: [], sandbox: undefined }, { sizeBytes }];
  const sources = [
    { target: 'payments', database: 'payments_db', ...about, ...size },
    { target: 'another', database: 'payments_db', ...about, sizeBytes: 2 ** 43 },
  ];
  await checkPartSpools(loaded.config, sources, findings);
  return findings.all.map(({ status, message }) => `${status}: ${message}`);
}

test('of databases whose parts are all small nothing is said', async () => {
  expect(await find(undefined, 6 * 2 ** 30)).toEqual([]);
});

test('a folder with room for two of the largest parts will do', async () => {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-spool-' });

  const found = await find(folder.path, 100 * 2 ** 30);

  expect(found[0]).toMatch(/^ok: .* are free in .*, where large parts lie until the store "offsite" has them$/);
});

test('a folder with too little room, or in memory, is a warning', async () => {
  const { bavail, bsize } = await statfs('/dev/shm');

  const found = await find('/dev/shm', 2 ** 43, 1_000);

  const freeBytes = bavail * bsize;
  const isShort = freeBytes < 10 * 2 ** 30;
  const upload = 'warning: an upload of payments/payments_db may take up to 10.0 GiB in /dev/shm';
  expect(found[0]?.startsWith(isShort ? upload : 'ok: ')).toBe(true);
  expect(found[0]).toContain(`${formatBytes(freeBytes).split('.')[0]}`);
  expect(found[1]).toBe('warning: /dev/shm, where large parts lie until the store "offsite" has them, is in memory');
});

test('a folder that is not there is an error, whatever the size of the database', async () => {
  const found = await find('/nonexistent/spool', 1);

  expect(found[0]).toMatch(/^error: the spool directory \/nonexistent\/spool cannot be used: ENOENT/);
});
