import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { CheckFinding } from '../../../src/commands/check/finding.ts';
import type { CheckContext } from '../../../src/commands/check.ts';
import { examine } from '../../../src/commands/doctor.ts';
import { readConfig } from '../../../src/config/load.ts';
import type { LoadedConfig } from '../../../src/config/loaded.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLog } from '../../../src/core/log.ts';
import { postgresDump } from '../../../src/jobs/backup/postgres-dump.ts';
import type { JobContext } from '../../../src/jobs/job.ts';
import type { Manifest } from '../../../src/jobs/manifest.ts';
import { localSandbox } from '../../../src/jobs/sandbox/local-postgres.ts';
import { scheduleProblem } from '../../../src/jobs/schedule.ts';
import { takeBackup } from '../../../src/jobs/take-backup.ts';
import { proveAndReport } from '../../../src/jobs/verify-job.ts';
import { openStore } from '../../../src/storage/index.ts';
import { probeStore } from '../../../src/storage/probe.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import type { ProgramInstallation } from '../../../src/targets/postgres/programs.ts';
import { newIdentity } from '../../support/age.ts';
import { openingTools } from '../../support/keeping.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { execute, startTestCluster, testInstallations } from '../../support/postgres.ts';

const signal = new AbortController().signal;
const job: JobContext = { signal, clock: systemClock, log: silentLog, onProgress: () => undefined };
let installations: readonly ProgramInstallation[];
let cluster: Cluster;
let folder: string;

beforeAll(async () => {
  installations = await testInstallations();
  cluster = await startTestCluster({ listen: 'socket' });
  await execute(cluster, 'postgres', 'CREATE TABLE payments AS SELECT i AS id FROM generate_series(1, 10) i');
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'watchkeeper-doctor-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function configure(host: string, encryption = '{}', more = ''): LoadedConfig {
  const text = `
encryption: ${encryption}
stores: { kept: { type: filesystem, path: kept } }
targets:
  payments:
    engine: postgres
    url: postgres://postgres@${encodeURIComponent(host)}/postgres
    watch: { collectors: { slow_queries: false } }
    backups: { yearly: { schedule: 0 0 1 1 *${more} } }`;
  const knowledge = { collectorNames: () => ['slow_queries'], scheduleProblem };
  const result = readConfig(text, { file: join(folder, 'watchkeeper.yaml'), environment: {}, knowledge });
  if (!result.ok) throw new Error(result.problems.map(({ message }) => message).join('\n'));
  return result.config;
}

async function openKept() {
  return openStore(
    { type: 'filesystem', path: join(folder, 'kept') },
    { secretAccessKey: undefined, clock: systemClock },
  );
}

function method(recipients?: string[]) {
  const settings = { facts: 'rows', lockTimeoutMs: 5_000, compressionLevel: 1 } as const;
  const encryption = recipients && { recipients };
  return postgresDump({ installations, ...openingTools, zstdProgram: undefined, encryption, ...settings });
}

async function backUp(recipients?: string[]): Promise<Manifest> {
  await using store = await openKept();
  const lineage = { store: 'kept', target: 'payments', schedule: 'yearly', database: 'postgres' };
  return await takeBackup({ lineage, access: cluster.access, method: method(recipients), store }, job);
}

/** The doctor's look two hours after the backup. */
async function examineAt(config: LoadedConfig, now = new Date()): Promise<readonly CheckFinding[]> {
  const clock = new ManualClock(now.toISOString());
  const context: CheckContext = {
    signal,
    clock,
    log: silentLog,
    searchPath: process.env['PATH'] ?? '',
    openStore: ({ settings, secretAccessKey }) => openStore(settings, { secretAccessKey, clock }),
    probeStore,
  };
  return examine(config, context);
}

function after(manifest: Manifest, ms: number): Date {
  return new Date(Date.parse(manifest.snapshotAt) + ms);
}

function aboutBackups(findings: readonly CheckFinding[]): string[] {
  return findings
    .filter(({ subject }) => subject === 'backups of target payments')
    .map(({ status, message, remedy }) => `${status}: ${message}${remedy === undefined ? '' : ` → ${remedy}`}`);
}

test('a database without a backup is an error', async () => {
  const findings = await examineAt(configure(cluster.access.connection.host));

  expect(aboutBackups(findings)).toEqual([
    'error: payments/yearly/postgres: there is no backup → watchkeeper backup payments yearly',
  ]);
});

test('a backup that was never proven is an error, with the command that proves it', async () => {
  const manifest = await backUp();

  const findings = await examineAt(configure(cluster.access.connection.host), after(manifest, 7_200_000));

  expect(aboutBackups(findings)).toEqual([
    `error: payments/yearly/postgres: the newest backup, 2h old, is not proven; no backup is → watchkeeper verify ${manifest.id}`,
  ]);
});

test('a proven backup is told with its age, also when its source is gone', async () => {
  const manifest = await backUp();
  await using store = await openKept();
  const openSandbox = localSandbox({ installations, user: 'postgres' });
  await proveAndReport(
    { manifest, store, method: method(), openSandbox, assertions: [], ...openingTools, zstdProgram: undefined },
    job,
  );

  const findings = await examineAt(configure('/nowhere'), after(manifest, 7_200_000));

  expect(aboutBackups(findings)).toEqual(['ok: payments/yearly/postgres: the newest backup, 2h old, is proven']);
  expect(findings.filter(({ status }) => status === 'error').map(({ subject }) => subject)).toEqual([
    'target payments',
  ]);
  expect(findings.find(({ subject }) => subject === 'programs')?.message).toMatch(
    /^pg_dump, pg_restore .* fit PostgreSQL 15/,
  );
});

test('a missed slot is told', async () => {
  const manifest = await backUp();
  const newYear = Date.UTC(new Date(manifest.startedAt).getUTCFullYear() + 1, 0, 1);

  const findings = await examineAt(configure(cluster.access.connection.host), new Date(newYear + 1_000));

  expect(aboutBackups(findings)[0]).toBe(
    `warning: payments/yearly/postgres: the backup due at ${new Date(newYear).toISOString()} is not there → is the daemon running? By hand: watchkeeper backup payments yearly`,
  );
});

test('a schedule whose patterns fit no database is an error', async () => {
  const config = configure(cluster.access.connection.host, '{}', ', databases: { include: ["payments_*"] }');

  const findings = await examineAt(config);

  expect(aboutBackups(findings)).toEqual([
    'error: payments/yearly: no database fits its patterns, so nothing is backed up → look at `databases` of the schedule, and which databases the server has',
  ]);
});

test('a backup that is dated in the future is told, and is not taken for the newest', async () => {
  const manifest = await backUp();

  const findings = await examineAt(configure(cluster.access.connection.host), after(manifest, -86_400_000));

  expect(aboutBackups(findings)).toEqual([
    `warning: payments/yearly/postgres: a backup is dated in the future, such as ${manifest.id}; nobody knows how old what it holds is → is the clock of this machine right?`,
    'error: payments/yearly/postgres: there is no backup → watchkeeper backup payments yearly',
  ]);
});

function aboutEncryption(findings: readonly CheckFinding[]): string[] {
  return findings
    .filter(({ subject }) => subject === 'encryption')
    .map(({ status, message }) => `${status}: ${message}`);
}

test('whether an identity opens what is made and what is kept is told, also after keys were changed', async () => {
  const [old, young, lost] = [await newIdentity(), await newIdentity(), await newIdentity()];
  await writeFile(join(folder, 'old'), `# created: once\n${old.key.reveal()}\n`);
  await writeFile(join(folder, 'young'), young.key.reveal());
  const { host } = cluster.access.connection;
  const look = async (recipients: string, identities: string) => {
    const encryption = `{ recipients: [${recipients}], identities: [${identities}] }`;
    const findings = await examineAt(configure(host, encryption));
    const about = aboutBackups(findings).filter((line) => line.includes('identity'));
    return [...aboutEncryption(findings).filter((line) => !line.startsWith('ok: age')), ...about];
  };
  await backUp([old.recipient]);

  const before = await look(old.recipient, 'file:old');
  const changedTooEarly = await look(young.recipient, 'file:young');
  await backUp([young.recipient]);
  const oldOneForgotten = await look(young.recipient, 'file:young');
  const both = await look(young.recipient, 'file:young, file:old');
  const wrong = await look(`${lost.recipient}, ${young.recipient}`, 'file:old, file:gone');

  const opens = ({ recipient }: typeof old) =>
    `ok: backups of payments/yearly can be opened with the identity of ${recipient}`;
  const remedy =
    '→ add the identity that opens them to encryption.identities, and keep it until retention has deleted them';
  const closed = `payments/yearly/postgres: no identity opens 1 backup, encrypted to`;
  expect(before).toEqual([opens(old)]);
  expect(changedTooEarly).toEqual([
    opens(young),
    `error: ${closed} ${old.recipient}; the newest is among them ${remedy}`,
  ]);
  expect(oldOneForgotten).toEqual([opens(young), `warning: ${closed} ${old.recipient} ${remedy}`]);
  expect(both).toEqual([opens(young)]);
  expect(wrong).toEqual([
    expect.stringMatching(/^error: reading the secret in .*gone: ENOENT/),
    `error: no identity opens the backups of payments/yearly, which are encrypted to ${lost.recipient}, ${young.recipient}: they can be neither proven nor restored from here`,
    `error: ${closed} ${young.recipient}; the newest is among them ${remedy}`,
  ]);
});

test('why the proof of an encrypted backup failed is told in full by whoever has the identity', async () => {
  const { key, recipient, source } = await newIdentity();
  await writeFile(join(folder, 'key'), key.reveal());
  const manifest = await backUp([recipient]);
  await using store = await openKept();
  const openSandbox = localSandbox({ installations, user: 'postgres' });
  const assertions = [{ name: 'secrets are kept', sql: 'SELECT max(id) = 11 FROM payments' }];
  const tools = { ...openingTools, zstdProgram: undefined, identities: [source] };
  await proveAndReport({ manifest, store, method: method(), openSandbox, assertions, ...tools }, job);
  const look = async (identities: string) => {
    const encryption = `{ recipients: [${recipient}]${identities} }`;
    const findings = await examineAt(configure(cluster.access.connection.host, encryption));
    return aboutBackups(findings).join();
  };

  const full = await look(", identities: ['file:key']");
  const plain = await look('');

  expect(full).toContain('its proof failed: assertions not met: secrets are kept (the result is not true)');
  expect(plain).toContain('its proof failed: assertions not met: 1; the details of this report say more');
  expect(plain).not.toContain('secrets are kept');
});

test('who only makes encrypted backups is reminded that nothing opens them here, and no more', async () => {
  const { recipient } = await newIdentity();
  const config = configure(cluster.access.connection.host, `{ recipients: [${recipient}] }`);
  const [target] = config.targets;
  const unproven = target && { ...target, backups: target.backups.map((backup) => ({ ...backup, proof: undefined })) };

  const proving = aboutEncryption(await examineAt(config));
  const making = aboutEncryption(await examineAt({ ...config, targets: [unproven as typeof target & object] }));

  const message = `no identity opens the backups of payments/yearly, which are encrypted to ${recipient}: they can be neither proven nor restored from here`;
  expect(proving).toContain(`error: ${message}`);
  expect(making).toContain(`warning: ${message}`);
});
