import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { checkContext } from '../../../src/commands/checks.ts';
import { examine } from '../../../src/commands/doctor.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLog } from '../../../src/core/log.ts';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { backupKey, manifestName } from '../../../src/jobs/backup-keys.ts';
import { chainKey, reportKey, sha256Of, writeReport } from '../../../src/jobs/proof-chain.ts';
import { readManifestBytes } from '../../../src/jobs/read-manifest.ts';
import { sealedJson } from '../../../src/jobs/sealed-json.ts';
import { startServer } from '../../../src/server.ts';
import { openFilesystemStore } from '../../../src/storage/filesystem.ts';
import { runCommand } from '../../support/command-line.ts';
import { startDaemon } from '../../support/daemon.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { sampleManifest, sampleProof } from '../../support/sample-backup.ts';
import { testContext, testSignal } from '../../support/test-context.ts';

let folder: WorkDirectory;
beforeAll(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-watched-reports-' });
});
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

const targets = ['whole', 'altered', 'removed', 'reordered', 'away'];
const lineageOf = (target: string) => ({ store: target, target, schedule: 'yearly', database: 'shop' });
const begunMs = Date.now();
const backupsOf = (target: string) =>
  [3, 2, 1].map((hoursAgo) => ({
    at: new Date(Math.floor(begunMs / 1_000 - hoursAgo * 3_600) * 1_000).toISOString().replace('.000', ''),
    lineage: lineageOf(target),
  }));

/** Three backups of each target in a folder of its own, each with its report. The servers themselves are gone. */
async function storeReports(own: string): Promise<string> {
  for (const target of targets) {
    await using store = await openFilesystemStore(join(own, target), systemClock);
    for (const backup of backupsOf(target)) {
      const manifest = sampleManifest(backup);
      await store.put(backupKey(target, manifest.id, manifestName), sealedJson(manifest), testSignal());
      const manifestSha256 = sha256Of(await readManifestBytes(store, manifest, testSignal()));
      await writeReport(store, { ...sampleProof(backup), manifestSha256 }, testContext());
    }
  }
  const file = join(own, 'watchkeeper.yaml');
  const ofTarget = (target: string) => `
  ${target}:
    engine: postgres
    url: postgres://postgres@127.0.0.1:1/shop?sslmode=disable
    backups: { yearly: { schedule: 0 0 1 1 *, stores: [${target}], verify: false } }`;
  await writeFile(
    file,
    `
listen: 127.0.0.1:0
stores: { ${targets.map((target) => `${target}: { type: filesystem, path: ./${target} }`).join(', ')} }
targets:${targets.map(ofTarget).join('')}
`,
  );
  return file;
}

/** What somebody with write access to the folders does. */
async function tamper(own: string): Promise<void> {
  const inChain = (target: string, number: number) => join(own, target, chainKey(target, number));
  const [first] = backupsOf('altered');
  if (first === undefined) throw new Error('no backup');
  const forged = { ...sampleProof(first), notes: ['all is well'], chain: { number: 1, previous: null } };
  for (const file of [inChain('altered', 1), join(own, 'altered', reportKey(sampleProof(first)))]) {
    await rm(file);
    await writeFile(file, sealedJson(forged));
  }
  await rm(inChain('removed', 2));
  await rename(inChain('reordered', 2), join(own, 'kept'));
  await rename(inChain('reordered', 3), inChain('reordered', 2));
  await rename(join(own, 'kept'), inChain('reordered', 3));
  await rename(join(own, 'away'), join(own, 'unmounted'));
}

const linesOf = (page: string, name: string) =>
  page
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`))
    .map((line) => line.replace(/^[^{]*\{(.*)\} (.*)$/, '$1 $2'))
    .sort();
const unbroken = (page: string) =>
  Object.fromEntries(
    linesOf(page, 'watchkeeper_reports_unbroken').map((line) => line.replace(/,store="\w+"/, '').split(' ')),
  );

test('reports that are altered, removed or put into another order while the daemon runs are told, a store that goes away is not', async () => {
  const own = join(folder.path, 'running');
  await mkdir(own);
  const file = await storeReports(own);
  const loaded = await loadConfig(file, process.env);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const clock = new ManualClock(new Date().toISOString());
  await using server = await startServer({
    config: loaded.config,
    environment: process.env,
    clock,
    log: silentLog,
    signal: testSignal(),
    examine: (config, signal, reports) =>
      examine(config, checkContext({ environment: process.env, signal, clock, log: silentLog }), reports),
  });
  const page = async () => (await fetch(`${server.url}/metrics`)).text();
  const whole = Object.fromEntries(targets.map((target) => [`target="${target}"`, '1']));
  await vi.waitFor(async () => expect(unbroken(await page())).toEqual(whole), 20_000);

  await tamper(own);
  const broken = { 'target="altered"': '0', 'target="removed"': '0', 'target="reordered"': '0' };
  await vi.waitFor(
    async () => {
      await clock.advance(60_000);
      expect(unbroken(await page())).toEqual({ ...whole, ...broken });
    },
    { timeout: 60_000, interval: 50 },
  );
  await vi.waitFor(
    async () => {
      await clock.advance(10 * 60_000);
      const found = linesOf(await page(), 'watchkeeper_doctor_findings').filter((line) => line.includes('reports of'));
      expect(found.filter((line) => line.includes('"error"'))).toEqual([
        'subject="reports of target altered",status="error" 1',
        'subject="reports of target away",status="error" 0',
        'subject="reports of target removed",status="error" 1',
        'subject="reports of target reordered",status="error" 1',
        'subject="reports of target whole",status="error" 0',
      ]);
    },
    { timeout: 60_000, interval: 100 },
  );
}, 180_000);

test('a daemon that starts after it tells it, too, as the doctor does by hand', async () => {
  const own = join(folder.path, 'started');
  await mkdir(own);
  const file = await storeReports(own);
  await tamper(own);

  await using daemon = await startDaemon(['--config', file]);
  const logged = await daemon.untilLogged(
    'a broken chain',
    ({ msg, target }) => target === 'removed' && msg === 'reports of proofs were changed, removed or slipped in',
  );
  await vi.waitFor(
    async () =>
      expect(unbroken((await daemon.get('/metrics')).text)).toMatchObject({
        'target="altered"': '0',
        'target="removed"': '0',
        'target="reordered"': '0',
        'target="whole"': '1',
      }),
    { timeout: 60_000, interval: 250 },
  );
  const doctor = await runCommand(['--config', file, 'doctor']);

  expect(logged).toMatchObject({ level: 'error', store: 'removed', first: 'report 2 is missing from the chain' });
  expect(doctor.code).toBe(1);
  expect(doctor.out).toContain('in store removed, report 2 is missing from the chain');
  expect(doctor.out).toContain('watchkeeper reports removed --store removed');
  expect(doctor.out).toContain('none of the 3 reports in store whole was changed or is missing');
}, 180_000);
