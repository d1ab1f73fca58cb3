import { mkdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeWorkDirectory } from '../../../src/core/work-directory.ts';
import type { BackupMethod } from '../../../src/jobs/backup/method.ts';
import { backupKey, manifestName } from '../../../src/jobs/backup-keys.ts';
import { summaryOf } from '../../../src/jobs/manifest-summary.ts';
import { sha256Of } from '../../../src/jobs/proof-chain.ts';
import { localSandbox } from '../../../src/jobs/sandbox/local-postgres.ts';
import type { OpenSandbox } from '../../../src/jobs/sandbox/sandbox.ts';
import { serverSandbox } from '../../../src/jobs/sandbox/server-postgres.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { backUp, dumpMethod, throwAwaySandbox, verify } from '../../support/keeping.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { createDatabase, execute, startTestCluster, testInstallations } from '../../support/postgres.ts';
import { mountSmallFilesystem } from '../../support/small-filesystem.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startTestCluster();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const largeSql = 'CREATE TABLE large AS SELECT n, md5(n::text) AS t FROM generate_series(1, 300000) n';

test('a limit on space that the proof is likely to pass is told before anything is fetched', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(await createDatabase(cluster, 'estimated', largeSql), store);
  const missing = new MemoryStore();

  const proof = await verify(manifest, missing, { diskLimitBytes: 20_000_000 });

  expect(proof).toMatchObject({ verdict: 'inconclusive', obstacle: 'disk' });
  expect(proof.reason).toMatch(/the proof would take about .*, verify\.disk allows 19\.1 MiB/);
});

/** As the restore of what is larger than it looked: it goes on until somebody ends it. */
async function growing(statement: string): Promise<BackupMethod> {
  const method = await dumpMethod();
  return {
    ...method,
    async restore(request, context) {
      await method.restore(request, context);
      const { database } = request.into.connection;
      await execute(request.into, database, 'CREATE TABLE filler (t text)');
      while (!context.signal.aborted) await execute(request.into, database, statement);
      throw new Error('it was ended', { cause: context.signal.reason });
    },
  };
}
const fill = `INSERT INTO filler SELECT repeat(md5(n::text), 30) FROM generate_series(1, 5000) n`;

test.each(['throw-away', 'scratch'])('a %s server is watched while it fills', async (kind) => {
  const store = new MemoryStore();
  const manifest = await backUp(await createDatabase(cluster, `filled ${kind}`), store);
  const openSandbox = kind === 'scratch' ? serverSandbox(cluster.access) : await throwAwaySandbox();

  const method = await growing(fill);
  const proof = await verify(manifest, store, { method, openSandbox, diskLimitBytes: 60_000_000 });

  expect(proof).toMatchObject({ verdict: 'inconclusive', obstacle: 'disk' });
  expect(proof.reason).toMatch(/^the proof takes .*, verify\.disk allows 57\.2 MiB$/);
});

test('a disk that is nearly full ends the restore, and says nothing about the backup', async ({ skip }) => {
  using small = mountSmallFilesystem(300);
  if (small === undefined) return skip('only root may mount a small filesystem');
  const store = new MemoryStore();
  const manifest = await backUp(await createDatabase(cluster, 'full'), store);
  const openSandbox = localSandbox({
    installations: await testInstallations(),
    user: 'postgres',
    directory: small.path,
  });

  const proof = await verify(manifest, store, { method: await growing(fill), openSandbox });

  expect(proof).toMatchObject({ verdict: 'inconclusive', obstacle: 'disk' });
});

test('a throw-away server within a limit of memory restores; what wants more has an error and a verdict of its own', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(
    await createDatabase(cluster, 'remembered', `${largeSql}; CREATE INDEX ON large (t)`),
    store,
  );
  const installations = await testInstallations();
  const openSandbox = localSandbox({ installations, user: 'postgres', memoryBytes: 128 * 2 ** 20 });
  const greedy = "SELECT length(string_agg(repeat('x', 1000000), '')) > 0 FROM generate_series(1, 300)";

  const within = await verify(manifest, store, { openSandbox });
  const beyond = await verify(manifest, store, { openSandbox, assertions: [{ name: 'greedy', sql: greedy }] });
  const unlimited = await verify(manifest, store, { assertions: [{ name: 'greedy', sql: greedy }] });

  expect(within).toMatchObject({ verdict: 'proven' });
  expect(beyond).toMatchObject({ verdict: 'inconclusive', obstacle: 'memory' });
  expect(unlimited).toMatchObject({ verdict: 'proven' });
});

test('a throw-away server that does not start says nothing about the backup', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(await createDatabase(cluster, 'unstarted'), store);
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-' });
  // Longer than the path of a Unix socket may be.
  const tooLong = `${folder.path}/${'x'.repeat(100)}`;
  mkdirSync(tooLong);
  const openSandbox = localSandbox({ installations: await testInstallations(), user: 'postgres', directory: tooLong });

  const proof = await verify(manifest, store, { openSandbox });

  expect(proof.verdict).toBe('inconclusive');
  expect(proof.reason).toContain('no place to try the restore');
});

/** A store that gives nothing until it is told that nobody wants it any more. */
function endless(inner: MemoryStore) {
  const ended: unknown[] = [];
  const asked = Promise.withResolvers<void>();
  const store = Object.assign(Object.create(inner) as MemoryStore, {
    get: (_key: string, signal: AbortSignal) =>
      new Promise<never>((_resolve, reject) => {
        asked.resolve();
        signal.addEventListener('abort', () => {
          ended.push(signal.reason);
          reject(signal.reason);
        });
      }),
  });
  return { store, ended, asked: asked.promise };
}

test('where no server can be started fetching ends, and says nothing about the backup', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(await createDatabase(cluster, 'unwanted', largeSql), store);
  const { store: slow, ended, asked } = endless(store);
  const openSandbox: OpenSandbox = async () => {
    await asked;
    throw new Error('no room');
  };

  const proof = await verify(manifest, slow, { openSandbox });

  expect(proof).toMatchObject({ verdict: 'inconclusive' });
  expect(proof.reason).toContain('no room');
  expect(ended).toHaveLength(1);
});

test('damage that was found before a server could not be started is told', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(await createDatabase(cluster, 'known damage'), store);
  const openSandbox: OpenSandbox = async (_manifest, { clock, signal }) => {
    await clock.sleep(500, signal);
    throw new Error('no room');
  };

  const proof = await verify(manifest, new MemoryStore(), { openSandbox });

  expect(proof).toMatchObject({ verdict: 'failed', cause: 'damaged' });
});

test('what was found out while the server started is told, and the server is cleared away', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(await createDatabase(cluster, 'found early'), store);
  const open = await throwAwaySandbox();
  const cleared: string[] = [];
  const openSandbox: OpenSandbox = async (...given) => {
    const sandbox = await open(...given);
    const dispose = async () => {
      await sandbox[Symbol.asyncDispose]();
      cleared.push(sandbox.description);
    };
    return { ...sandbox, [Symbol.asyncDispose]: dispose };
  };

  const proof = await verify(manifest, new MemoryStore(), { openSandbox });

  expect(proof).toMatchObject({ verdict: 'failed', cause: 'damaged' });
  expect(proof.sandbox).toMatch(/^throw-away PostgreSQL/);
  expect(cleared).toHaveLength(1);
});

test('a scratch server that goes away says nothing about the backup', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(await createDatabase(cluster, 'away'), store);
  await using scratch = await startTestCluster();
  const method = await dumpMethod();
  const stopping = {
    ...method,
    async restore(...given: Parameters<typeof method.restore>) {
      await scratch.stop('immediate');
      await method.restore(...given);
    },
  };

  const proof = await verify(manifest, store, { method: stopping, openSandbox: serverSandbox(scratch.access) });

  expect(proof.verdict).toBe('inconclusive');
  expect(proof.reason).toContain('ECONNREFUSED');
});

test('somebody who ends the session of the restore spoils the proof, not the backup', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(await createDatabase(cluster, 'ended', largeSql), store);
  const method = await dumpMethod();
  const ending = {
    ...method,
    async restore(...given: Parameters<typeof method.restore>) {
      const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname ~ '^watchkeeper_proof_'`;
      const timer = setInterval(() => void execute(cluster, 'postgres', end), 50);
      await method.restore(...given).finally(() => clearInterval(timer));
    },
  };

  const proof = await verify(manifest, store, { method: ending, openSandbox: serverSandbox(cluster.access) });

  expect(proof.verdict).toBe('inconclusive');
});

test('a sandbox that cannot be cleared away does not spoil the proof', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(await createDatabase(cluster, 'sticky'), store);
  const openLocal = await throwAwaySandbox();
  const openSandbox: OpenSandbox = async (...given) => {
    const sandbox = await openLocal(...given);
    return {
      ...sandbox,
      async [Symbol.asyncDispose]() {
        await sandbox[Symbol.asyncDispose]();
        throw new Error('it sticks');
      },
    };
  };

  const proof = await verify(manifest, store, { openSandbox });

  expect(proof).toMatchObject({ verdict: 'proven' });
});

test('what a role that may only create databases cannot restore makes the proof inconclusive', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(await createDatabase(cluster, 'mighty', 'CREATE EXTENSION pg_stat_statements'), store);
  await execute(cluster.access, 'postgres', 'CREATE ROLE scratch LOGIN CREATEDB');
  const scratch = { connection: { ...cluster.access.connection, user: 'scratch' } };

  const proof = await verify(manifest, store, { openSandbox: serverSandbox(scratch) });

  expect(proof.verdict).toBe('inconclusive');
  expect(proof.reason).toContain('permission denied to create extension "pg_stat_statements"');
});

test('materialized views are computed by owners with the rights they have at the source', async () => {
  const sql = `CREATE ROLE boss SUPERUSER; CREATE ROLE clerk; CREATE ROLE reader; GRANT reader TO clerk; CREATE ROLE auditor;
    GRANT pg_read_all_data TO auditor; CREATE TABLE t AS SELECT 1 AS a; GRANT SELECT ON t TO reader;
    CREATE MATERIALIZED VIEW m1 AS SELECT * FROM t; ALTER MATERIALIZED VIEW m1 OWNER TO boss;
    CREATE MATERIALIZED VIEW m2 AS SELECT * FROM t; ALTER MATERIALIZED VIEW m2 OWNER TO clerk;
    CREATE MATERIALIZED VIEW m3 AS SELECT * FROM t; ALTER MATERIALIZED VIEW m3 OWNER TO auditor`;
  const store = new MemoryStore();
  const manifest = await backUp(await createDatabase(cluster, 'computed', sql), store);

  const proof = await verify(manifest, store);

  expect(proof).toMatchObject({ verdict: 'proven' });
});

test.each([
  [
    'a generated value comes out differently',
    "CREATE TABLE t (a text, b text GENERATED ALWAYS AS (lower(a)) STORED); INSERT INTO t VALUES ('É')",
  ],
  ['a check is not met', "CREATE TABLE t (a text CHECK (lower(a) = 'é')); INSERT INTO t VALUES ('É')"],
])('where the locale of the source is missing and %s, the proof is inconclusive', async (name, sql) => {
  const locale = `TEMPLATE template0 LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'`;
  await execute(cluster, 'postgres', `CREATE DATABASE "${name}" ${locale}`);
  await execute(cluster, name, sql);
  const store = new MemoryStore();
  const access = { ...cluster.access, connection: { ...cluster.access.connection, database: name } };
  const manifest = await backUp(access, store);
  const elsewhere = { ...manifest, source: { ...manifest.source, collate: 'xx_XX.UTF-8', ctype: 'xx_XX.UTF-8' } };

  const here = await verify(manifest, store);
  const there = await verify(elsewhere, store);

  expect(here.verdict).toBe('proven');
  expect(there.verdict).toBe('inconclusive');
  expect(there.reason).toContain('locale xx_XX.UTF-8 of the source is not to be had here');
});

test('a column with a collation that this machine lacks makes the proof inconclusive', async () => {
  const sql = `CREATE COLLATION strange (provider = libc, locale = 'C.UTF-8');
    UPDATE pg_collation SET collcollate = 'xx_XX.UTF-8', collctype = 'xx_XX.UTF-8' WHERE collname = 'strange'`;
  const store = new MemoryStore();
  const manifest = await backUp(await createDatabase(cluster, 'collated', sql), store);

  const proof = await verify(manifest, store);

  expect(proof.verdict).toBe('inconclusive');
  expect(proof.reason).toContain('could not create locale "xx_XX.UTF-8"');
});

test('a scratch server that breaks off in an assertion says nothing about it', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(await createDatabase(cluster, 'asserted'), store);

  const proof = await verify(manifest, store, {
    assertions: [{ name: 'breaking', sql: 'SELECT pg_terminate_backend(pg_backend_pid())' }],
  });

  expect(proof.verdict).toBe('inconclusive');
});

test('a manifest that was damaged after it was remembered makes the backup a broken one', async () => {
  const store = new MemoryStore();
  const manifest = await backUp(
    await createDatabase(cluster, 'damaged_later', 'CREATE TABLE t AS SELECT 1 AS a'),
    store,
  );
  const remembered = summaryOf(manifest);
  const object = store.objects.get(backupKey(manifest.target, manifest.id, manifestName));
  const place = object?.bytes.indexOf('"rows public.t"') ?? -1;
  object?.bytes.write('u', place + '"rows pu'.length);

  const proof = await verify(remembered, store);

  expect(place).toBeGreaterThan(0);
  expect(proof).toMatchObject({ verdict: 'failed', cause: 'damaged', manifestSha256: sha256Of(object!.bytes) });
  expect(proof.reason).toMatch(/the manifest of .* cannot be read: its checksum is wrong/);
});
