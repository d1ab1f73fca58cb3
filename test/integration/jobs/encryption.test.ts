import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { errorMessage } from '../../../src/core/errors.ts';
import type { BackupMethod } from '../../../src/jobs/backup/method.ts';
import { postgresGlobals } from '../../../src/jobs/backup/postgres-globals.ts';
import { entriesOf } from '../../../src/jobs/catalog.ts';
import { copyBackup } from '../../../src/jobs/copy-backup.ts';
import { JobFailed } from '../../../src/jobs/job.ts';
import type { Manifest } from '../../../src/jobs/manifest.ts';
import { readManifest } from '../../../src/jobs/read-manifest.ts';
import { restoreBackup } from '../../../src/jobs/restore-backup.ts';
import { serverSandbox } from '../../../src/jobs/sandbox/server-postgres.ts';
import { StoreCatalog } from '../../../src/jobs/store-catalog.ts';
import { proveAndReport } from '../../../src/jobs/verify-job.ts';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { newIdentity } from '../../support/age.ts';
import { backUp, dumpMethod, lineageOf, openingTools, throwAwaySandbox, verify } from '../../support/keeping.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { createDatabase, execute, startTestCluster, testInstallations } from '../../support/postgres.ts';
import { testContext } from '../../support/test-context.ts';

let cluster: Cluster;
let shop: PostgresAccess;
let mine: Awaited<ReturnType<typeof newIdentity>>;
let theirs: Awaited<ReturnType<typeof newIdentity>>;
let stranger: Awaited<ReturnType<typeof newIdentity>>;
let method: BackupMethod;

beforeAll(async () => {
  [mine, theirs, stranger] = [await newIdentity(), await newIdentity(), await newIdentity()];
  method = await dumpMethod({ encryption: { recipients: [mine.recipient, theirs.recipient] } });
  cluster = await startTestCluster();
  const sql = `CREATE ROLE salaries_owner; CREATE SCHEMA payroll; CREATE TABLE payroll.salaries (id int PRIMARY KEY, iban text);
    ALTER TABLE payroll.salaries OWNER TO salaries_owner;
    INSERT INTO payroll.salaries SELECT n, 'DE89 3704 0044 0532 0130 ' || n FROM generate_series(1, 2000) n; CREATE TABLE t (a int)`;
  shop = await createDatabase(cluster, 'shop', sql);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

/** A backup as it is read from its store again. */
async function stored(given: { readonly store?: MemoryStore; readonly method?: BackupMethod } = {}) {
  const store = given.store ?? new MemoryStore();
  const taken = await backUp(shop, store, given.method ?? method);
  return { store, taken, manifest: await read(store, taken.id) };
}

async function read(store: MemoryStore, id: string): Promise<Manifest> {
  const contents = await new StoreCatalog('test', store, systemClock).read('shop', testContext().signal);
  const found = contents.entries.find(({ manifest }) => manifest.id === id);
  if (found === undefined) throw new Error('there is no such backup');
  return readManifest(store, found.manifest, testContext().signal);
}

test('each recipient proves it alone, and nobody else', async () => {
  const { store, manifest } = await stored();

  const proofs = [
    await verify(manifest, store, { identities: [mine.source] }),
    await verify(manifest, store, { identities: [stranger.source, theirs.source] }),
    await verify(manifest, store, { identities: [stranger.source] }),
    await verify(manifest, store),
  ];

  expect(proofs.map(({ verdict, obstacle }) => [verdict, obstacle])).toEqual([
    ['proven', undefined],
    ['proven', undefined],
    ['inconclusive', 'identity'],
    ['inconclusive', 'identity'],
  ]);
  expect(proofs[0]?.facts.compared).toBeGreaterThan(10);
  expect(proofs[2]?.reason).toContain(`the configured ones are of ${stranger.recipient}`);
  expect(proofs[3]?.reason).toContain('none is configured (encryption.identities)');
});

test('nothing that is stored tells rows, names of tables or roles, or what could be guessed from', async () => {
  const { store, taken, manifest } = await stored();
  const openSandbox = await throwAwaySandbox();
  const losing = {
    ...method,
    async restore(...[request, context]: Parameters<typeof method.restore>) {
      await method.restore(request, context);
      await execute(request.into, request.into.connection.database, 'DELETE FROM payroll.salaries WHERE id = 1000');
    },
  };
  const assertions = [{ name: 'salaries are paid', sql: 'SELECT max(iban) FROM payroll.salaries', detail: true }];
  const common = { ...openingTools, manifest, store, openSandbox, identities: [mine.source] };
  const proofs = [
    await proveAndReport({ ...common, method: losing, assertions }, testContext()),
    await proveAndReport({ ...common, method, assertions }, testContext()),
    await proveAndReport({ ...common, method, assertions: [] }, testContext()),
  ];

  expect(proofs.map(({ verdict, cause }) => [verdict, cause])).toEqual([
    ['failed', 'different'],
    ['failed', 'asserted'],
    ['proven', undefined],
  ]);
  expect(proofs[0]?.reason).toContain('rows payroll.salaries: expected 2000, found 1999');
  expect(proofs[1]?.reason).toContain('DE89 3704');
  const clear = [...store.objects].map(([key, { bytes }]) => `${key}\n${bytes.toString('latin1')}`).join('\n');
  const fingerprint = taken.facts.items.find(({ name }) => name === 'content payroll.salaries')?.value ?? 'none';
  expect(fingerprint).toMatch(/^-?\d{5,}$/);
  for (const secret of ['DE89', 'salaries', 'payroll', fingerprint, mine.key.reveal()])
    expect(clear).not.toContain(secret);
});

test('the report that is stored says how it went, and the catalog reads it', async () => {
  const { store, manifest } = await stored();
  const openSandbox = await throwAwaySandbox();
  const request = {
    ...openingTools,
    manifest,
    store,
    openSandbox,
    method,
    assertions: [{ name: 'never', sql: 'SELECT false' }],
  };
  await proveAndReport({ ...request, identities: [mine.source] }, testContext());
  await proveAndReport({ ...request, identities: [stranger.source] }, testContext());

  const contents = await new StoreCatalog('test', store, systemClock).read('shop', testContext().signal);
  const [entry] = entriesOf(contents, lineageOf(shop));

  expect(entry?.proofs.map(({ verdict, cause, obstacle, reason }) => [verdict, cause ?? obstacle, reason])).toEqual([
    ['inconclusive', 'identity', expect.stringContaining('the configured ones are of')],
    ['failed', 'asserted', 'assertions not met: 1; the details of this report say more'],
  ]);
});

test('a backup opens with age, zstd and pg_restore alone, by the commands of the document', async () => {
  const { store, taken, manifest } = await stored();
  const folder = await mkdtemp(join(tmpdir(), 'watchkeeper-test-'));
  try {
    for (const name of ['database.dump.zst.age', 'manifest.json']) {
      await writeFile(join(folder, name), store.objects.get(`shop/${manifest.id}/${name}`)!.bytes);
    }
    await writeFile(join(folder, 'key.txt'), `# made by age-keygen\n${theirs.key.reveal()}\n`, { mode: 0o600 });
    const [plain = '', decrypting = '', details = ''] = await commandsOfTheDocument();
    const [checking = '', ...loading] = plain.split(/^(?=# 2)/m);
    expect(checking).toContain('sha256sum database.dump.zst');

    const digest = run(folder, decrypting);
    run(folder, loading.join(''));
    const opened: unknown = JSON.parse(run(folder, details));

    expect(digest).toContain(manifest.parts[0]?.sha256 ?? 'none');
    expect(opened).toMatchObject({ backupId: manifest.id, facts: { items: taken.facts.items } });
    expect(await execute(cluster, 'payments_db', 'SELECT count(*) FROM payroll.salaries')).toEqual([{ count: '2000' }]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** Those of "Restoring without Watchkeeper", in their order. */
async function commandsOfTheDocument(): Promise<string[]> {
  const text = await readFile(new URL('../../../docs/backup-format.md', import.meta.url), 'utf8');
  const section = text.slice(text.indexOf('## Restoring without'), text.indexOf('### When only a part'));
  return [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands]) => commands ?? '');
}

function run(cwd: string, commands: string): string {
  const { connection } = cluster.access;
  const PATH = `${cluster.installation.directory}:${process.env['PATH']}`;
  const env = { PATH, PGHOST: connection.host, PGPORT: String(connection.port), PGUSER: connection.user };
  return execFileSync('sh', ['-e', '-c', commands], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] }).toString();
}

test('a changed bit and a cut of the stored bytes are found before anything is decrypted', async () => {
  const { store, manifest } = await stored();
  const key = `shop/${manifest.id}/database.dump.zst.age`;
  const object = store.objects.get(key)!;
  const { bytes } = object;
  const flipped = Buffer.from(bytes);
  flipped[2_000] = (flipped[2_000] ?? 0) ^ 4;

  const verdicts: unknown[] = [];
  for (const damaged of [flipped, bytes.subarray(0, -1), bytes.subarray(0, 100)]) {
    store.objects.set(key, { ...object, bytes: damaged });
    const { verdict, cause, reason } = await verify(manifest, store, { identities: [mine.source] });
    verdicts.push([verdict, cause, reason]);
  }

  expect(verdicts).toEqual([
    ['failed', 'damaged', expect.stringContaining('are not what was stored')],
    ['failed', 'damaged', expect.stringContaining('1 are missing')],
    ['failed', 'damaged', expect.stringContaining(`ends after 100 of ${bytes.length} bytes`)],
  ]);
});

test('a part that was encrypted to somebody else than the manifest says is no good backup', async () => {
  const foreign = await stored({ method: await dumpMethod({ encryption: { recipients: [stranger.recipient] } }) });
  const encryption = { recipients: [mine.recipient] };

  const proof = await verify({ ...foreign.taken, encryption }, foreign.store, { identities: [mine.source] });
  const swapped = await verify({ ...foreign.manifest, encryption }, foreign.store, { identities: [mine.source] });

  expect([proof, swapped].map(({ verdict, cause }) => [verdict, cause])).toEqual([
    ['failed', 'damaged'],
    ['failed', 'damaged'],
  ]);
  expect(proof.reason).toContain('part database.dump.zst.age is not encrypted as the manifest says');
  expect(swapped.reason).toContain('the details of backup');
});

test('the details of another backup are not taken for its own', async () => {
  const [one, other] = [await stored(), await stored()];
  const { details } = other.manifest;

  const proof = await verify({ ...one.manifest, details }, one.store, { identities: [mine.source] });

  expect(proof).toMatchObject({ verdict: 'failed', cause: 'damaged' });
  expect(proof.reason).toContain(`are those of ${other.manifest.id}`);
});

test('it is restored whole and by table; without an identity nothing is touched', async () => {
  const { store, manifest } = await stored();
  const request = { ...openingTools, manifest, store, method, server: cluster.access, onConflict: 'refuse' } as const;
  const identities = [mine.source];

  const whole = await restoreBackup({ ...request, database: 'again', identities }, testContext());
  const selection = { tables: ['payroll.salaries'], schemas: [] };
  const some = await restoreBackup({ ...request, database: 'some', identities, selection }, testContext());
  const refused: unknown = await restoreBackup(
    { ...request, database: 'none', identities: [stranger.source] },
    testContext(),
  ).catch((error: unknown) => error);

  expect([whole.differing, some.differing]).toEqual([[], []]);
  expect(await execute(cluster, 'some', 'SELECT count(*) FROM payroll.salaries')).toEqual([{ count: '2000' }]);
  expect(refused).toBeInstanceOf(JobFailed);
  expect(refused).toMatchObject({ reason: 'identity' });
  expect(errorMessage(refused)).toContain(`it was encrypted to ${mine.recipient}, ${theirs.recipient}`);
  expect(await execute(cluster, 'postgres', "SELECT FROM pg_database WHERE datname = 'none'")).toEqual([]);
});

test('with a new key old backups stay readable as long as the old one is among the identities', async () => {
  const store = new MemoryStore();
  const old = await stored({ store });
  const renewed = await dumpMethod({ encryption: { recipients: [stranger.recipient] } });
  const young = await stored({ store, method: renewed });
  const both = [stranger.source, mine.source];

  const verdicts = [
    (await verify(old.manifest, store, { identities: both })).verdict,
    (await verify(young.manifest, store, { identities: both })).verdict,
    (await verify(old.manifest, store, { identities: [stranger.source] })).verdict,
  ];

  expect(verdicts).toEqual(['proven', 'proven', 'inconclusive']);
});

test('it is copied to another store byte for byte, without any key', async () => {
  const { store, manifest } = await stored();
  const copy = new MemoryStore();

  await copyBackup({ manifest, source: store, destination: copy }, testContext());
  const proof = await verify(await read(copy, manifest.id), copy, { identities: [theirs.source] });

  const name = `shop/${manifest.id}/database.dump.zst.age`;
  expect(copy.objects.get(name)?.bytes.equals(store.objects.get(name)!.bytes)).toBe(true);
  expect(proof.verdict).toBe('proven');
});

test('without programs for it this process encrypts and decrypts, and proves as well', async () => {
  const none = { zstdProgram: undefined, ageProgram: undefined };
  const { store, manifest } = await stored({
    method: await dumpMethod({ ...none, encryption: { recipients: [mine.recipient] } }),
  });

  const proof = await verify(manifest, store, { ...none, identities: [mine.source] });

  expect(proof.verdict).toBe('proven');
});

test('rows alone bring their definitions along, encrypted as well', async () => {
  const lists = { excludeSchemas: [], excludeTables: [], excludeTableData: [] };
  const rows = await dumpMethod({
    encryption: { recipients: [mine.recipient] },
    select: { content: 'data', schemas: ['payroll'], ...lists },
  });
  const { store, taken, manifest } = await stored({ method: rows });

  const proof = await verify(manifest, store, { identities: [mine.source] });

  expect(manifest.parts.map(({ name }) => name)).toEqual(['database.dump.zst.age', 'schema.dump.zst.age']);
  expect([taken.selection?.schemas, manifest.selection]).toEqual([['payroll'], undefined]);
  expect(proof.verdict).toBe('proven');
});

test('roles and tablespaces are encrypted and proven as well', async () => {
  const options = { installations: await testInstallations(), ...openingTools, compressionLevel: 3 };
  const globals = postgresGlobals({ ...options, encryption: { recipients: [mine.recipient] } });
  const { store, manifest } = await stored({ method: globals });

  const proof = await verify(manifest, store, { method: globals, identities: [mine.source] });

  expect(manifest.parts.map(({ name }) => name)).toEqual([
    'roles.sql.zst.age',
    'tablespaces.sql.zst.age',
    'settings.sql.zst.age',
  ]);
  expect(proof.verdict).toBe('proven');
  expect(JSON.stringify(manifest)).not.toContain('salaries_owner');
});

test('a scratch database on a given server proves it too', async () => {
  const { store, manifest } = await stored();

  const proof = await verify(manifest, store, {
    identities: [mine.source],
    openSandbox: serverSandbox(cluster.access),
  });

  expect(proof.verdict).toBe('proven');
});
