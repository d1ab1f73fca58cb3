import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { errorMessage } from '../../../src/core/errors.ts';
import { literalSecret } from '../../../src/core/secret.ts';
import { makeWorkDirectory } from '../../../src/core/work-directory.ts';
import { backupJob } from '../../../src/jobs/backup-job.ts';
import { classifyFailure } from '../../../src/jobs/failure.ts';
import { createRunner } from '../../../src/jobs/runner.ts';
import { parseSchedule } from '../../../src/jobs/schedule.ts';
import { StoreCatalog } from '../../../src/jobs/store-catalog.ts';
import { openFilesystemStore } from '../../../src/storage/filesystem.ts';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { findInstallations } from '../../../src/targets/postgres/programs.ts';
import { faultyStore } from '../../support/faulty-store.ts';
import { gatedStore } from '../../support/gated-store.ts';
import { backUp, dumpMethod, lineageOf, verify } from '../../support/keeping.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { mountSmallFilesystem } from '../../support/small-filesystem.ts';
import { testContext } from '../../support/test-context.ts';

/** Large enough, and random enough, that a dump of it cannot disappear into the buffers on its way. */
const largeSql = `CREATE TABLE orders AS SELECT n AS id, md5(n::text) || md5((n * 7)::text) || md5((n * 13)::text) AS t
  FROM generate_series(1, 200000) n; CREATE TABLE small AS SELECT 1 AS a`;

let cluster: Cluster;
let shop: PostgresAccess;
beforeAll(async () => {
  cluster = await startTestCluster({ password: 'right' });
  shop = await createDatabase(cluster, 'shop', largeSql);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function failureOf(work: Promise<unknown>): Promise<{ reason: string; transient: boolean; message: string }> {
  const error = await work.then(
    () => Promise.reject(new Error('it did not fail')),
    (thrown: unknown) => thrown,
  );
  const { reason, transient } = classifyFailure(error);
  return { reason, transient, message: errorMessage(error) };
}

function namesIn(store: MemoryStore): string[] {
  return [...store.objects.keys()].map((key) => key.split('/')[2] ?? key).sort();
}

describe('a source that cannot be read', () => {
  test('a wrong password is told as such and not tried again', async () => {
    const wrong = { ...shop, password: literalSecret('wrong-secret') };

    const failure = await failureOf(backUp(wrong, new MemoryStore()));

    expect(failure).toMatchObject({ reason: 'authentication', transient: false });
    expect(failure.message).toContain('password authentication failed for user "postgres"');
    expect(failure.message).not.toContain('wrong-secret');
  });

  test('an unknown host is named', async () => {
    const lost = { ...shop, connection: { ...shop.connection, host: 'no-such-host.invalid' } };

    const failure = await failureOf(backUp(lost, new MemoryStore()));

    expect(failure).toMatchObject({ reason: 'connection' });
    expect(failure.message).toContain('no-such-host.invalid');
  });

  test('a refused connection is worth another try', async () => {
    const lost = { ...shop, connection: { ...shop.connection, port: 1 } };

    const failure = await failureOf(backUp(lost, new MemoryStore()));

    expect(failure).toMatchObject({ reason: 'connection', transient: true });
    expect(failure.message).toContain('ECONNREFUSED 127.0.0.1:1');
  });

  test('a table that the role may not read is a matter of privilege', async () => {
    await execute(cluster, 'postgres', "CREATE ROLE stranger LOGIN PASSWORD 'x'");
    const stranger = { connection: { ...shop.connection, user: 'stranger' }, password: literalSecret('x') };

    const failure = await failureOf(backUp(stranger, new MemoryStore()));

    expect(failure).toMatchObject({ reason: 'privilege', transient: false });
    expect(failure.message).toContain('permission denied for table');
  });

  test('a database that does not exist is named', async () => {
    const lost = { ...shop, connection: { ...shop.connection, database: 'shopp' } };

    const failure = await failureOf(backUp(lost, new MemoryStore()));

    expect(failure.message).toContain('database "shopp" does not exist');
  });
});

describe('programs', () => {
  test('a missing pg_dump is named with the version that is needed', async () => {
    const method = await dumpMethod({ installations: [] });

    const failure = await failureOf(backUp(shop, new MemoryStore(), method));

    expect(failure).toMatchObject({ reason: 'program', transient: false });
    expect(failure.message).toMatch(
      /pg_dump of PostgreSQL \d+ or newer is needed for this server, no pg_dump was found/,
    );
  });

  test('a pg_dump older than the server is refused, both versions named', async () => {
    await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-programs-' });
    const old = join(folder.path, 'bin');
    mkdirSync(old);
    writeFileSync(join(old, 'pg_dump'), '#!/bin/sh\necho "pg_dump (PostgreSQL) 9.6"\n');
    chmodSync(join(old, 'pg_dump'), 0o755);
    const found = await findInstallations([old], '', AbortSignal.timeout(10_000));
    const method = await dumpMethod({ installations: found.filter(({ directory }) => directory === old) });

    const failure = await failureOf(backUp(shop, new MemoryStore(), method));

    expect(failure.message).toContain(`needed for this server, the newest found is 9.6 in ${old}`);
  });

  test('a compressor that fails fails the backup, and nothing of it is kept', async () => {
    const store = new MemoryStore();

    const failure = await failureOf(backUp(shop, store, await dumpMethod({ zstdProgram: '/bin/false' })));

    expect(failure.message).toContain('/bin/false exited with code 1');
    expect(namesIn(store)).toEqual([]);
  });
});

describe('a store that misbehaves', () => {
  test('a full disk is told apart and leaves nothing of the backup', async ({ skip }) => {
    using small = mountSmallFilesystem(4);
    if (small === undefined) return skip('only root may mount a small filesystem');
    await using store = await openFilesystemStore(small.path, systemClock);

    const failure = await failureOf(backUp(shop, store));

    expect(failure).toMatchObject({ reason: 'store_full', transient: false });
    const left: string[] = [];
    for await (const { key } of store.list('', AbortSignal.timeout(5_000))) left.push(key.split('/')[2] ?? key);
    expect(left).toEqual([]);
  });

  test('one failure at each store call in turn fails cleanly, and the next backup is proven', async () => {
    const counting = faultyStore(new MemoryStore(), -1, 'unavailable');
    await backUp(shop, counting.store);

    for (let at = 0; at < counting.calls.length; at++) {
      const memory = new MemoryStore();
      const { store, calls } = faultyStore(memory, at, 'unavailable');
      const failure = await failureOf(backUp(shop, store));
      expect({ call: calls[at], ...failure }).toMatchObject({ reason: 'store', transient: true });
      expect(namesIn(memory)).toEqual([]);
      expect(
        await new StoreCatalog('test', memory, systemClock).read('shop', AbortSignal.timeout(5_000)),
      ).toMatchObject({
        entries: [],
      });
    }

    const store = new MemoryStore();
    const proof = await verify(await backUp(shop, store), store);
    expect(proof.verdict).toBe('proven');
  });

  test.each([
    ['a truncated object', (bytes: Buffer) => bytes.subarray(0, 5_000_000), 'ends after 5000000 of'],
    ['a flipped bit', flipBit(6_000_000), 'is damaged: bytes 4194304 to 8388607 are not what was stored'],
    ['an object that is longer', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('x')]), 'is longer than'],
    ['an empty object', () => Buffer.alloc(0), 'ends after 0 of'],
  ])('%s is never proven, and the place is named', async (_name, damage, message) => {
    const store = new MemoryStore();
    const manifest = await backUp(shop, store);
    const object = store.objects.get(`shop/${manifest.id}/database.dump.zst`)!;
    object.bytes = damage(object.bytes);

    const proof = await verify(manifest, store);

    expect(proof.verdict).toBe('failed');
    expect(proof.reason).toContain(message);
  });

  test.each([
    ['bit_flip', 'is damaged: bytes 0 to 4194303 are not what was stored'],
    ['short_read', '1 are missing'],
  ] as const)('what comes wrong only once (%s) is read again: proven, and the report tells it', async (fault, what) => {
    const store = new MemoryStore();
    const manifest = await backUp(shop, store);

    const proof = await verify(manifest, faultyStore(store, 0, fault).store);

    expect(proof.verdict).toBe('proven');
    expect(proof.notes).toHaveLength(1);
    expect(proof.notes[0]).toContain('was read a second time');
    expect(proof.notes[0]).toContain(what);
  });

  test('a missing object fails the proof; a store that is away is no verdict', async () => {
    const store = new MemoryStore();
    const manifest = await backUp(shop, store);
    const away = faultyStore(store, 0, 'unavailable').store;

    const failure = await failureOf(verify(manifest, away));
    store.objects.delete(`shop/${manifest.id}/database.dump.zst`);
    const proof = await verify(manifest, store);

    expect(failure).toMatchObject({ reason: 'store', transient: true });
    expect(proof.verdict).toBe('failed');
  });
});

describe('while a dump runs', () => {
  async function inMidDump(during: () => Promise<unknown>): Promise<{ store: MemoryStore; backup: Promise<unknown> }> {
    const store = new MemoryStore();
    const gate = gatedStore(store);
    const backup = backUp(shop, gate.store);
    backup.catch(() => undefined);
    await gate.reached;
    await during();
    gate.open();
    return { store, backup };
  }

  test('somebody who alters or drops a table waits until the dump is done, and the backup is proven', async () => {
    await execute(cluster, 'shop', 'CREATE TABLE doomed AS SELECT generate_series(1, 10) AS a');
    let altering: Promise<unknown> = Promise.resolve();
    const { store, backup } = await inMidDump(async () => {
      altering = Promise.all([
        execute(cluster, 'shop', 'ALTER TABLE small ALTER COLUMN a TYPE text'),
        execute(cluster, 'shop', 'DROP TABLE doomed'),
      ]);
    });

    const manifest = (await backup) as Awaited<ReturnType<typeof backUp>>;
    await altering;

    expect(manifest.facts.items).toContainEqual({ name: 'rows public.doomed', value: '10', compare: 'equal' });
    expect((await verify(manifest, store)).verdict).toBe('proven');
  });

  test('a table that stays locked while the backup begins fails it, with a reason worth another try', async () => {
    const { openSession } = await import('../../../src/targets/postgres/session.ts');
    const signal = AbortSignal.timeout(60_000);
    await using locker = await openSession(shop, { signal });
    await locker.query('BEGIN', { signal });
    await locker.query('LOCK TABLE small IN ACCESS EXCLUSIVE MODE', { signal });

    const failure = await failureOf(backUp(shop, new MemoryStore(), await dumpMethod({ lockTimeoutMs: 200 })));

    expect(failure).toMatchObject({ reason: 'source_changed', transient: true });
  });

  test('a restart of the database fails the dump cleanly, and the runner takes it again', async () => {
    const store = new MemoryStore();
    const gate = gatedStore(store);
    const catalog = new StoreCatalog('test', store, systemClock);
    const job = backupJob({
      lineage: lineageOf(shop),
      access: shop,
      method: await dumpMethod(),
      destinations: [{ name: 'test', store: gate.store, catalog }],
      schedule: parseSchedule('0 2 * * *', 'UTC'),
      deadlineMs: 60_000,
    });
    const { clock, log, signal } = testContext();
    const lock = { signal: new AbortController().signal, async check() {}, async [Symbol.asyncDispose]() {} };
    const runner = createRunner({ clock, log, acquireLock: async () => lock, retries: 3, retryDelayMs: 500 });

    const running = runner.run(job, signal);
    await gate.reached;
    await cluster.stop('immediate');
    await cluster.start(signal);
    gate.open();
    const outcome = await running;

    expect(outcome).toMatchObject({ status: 'succeeded' });
    expect(outcome.tries).toBeGreaterThan(1);
    expect(namesIn(store).filter((name) => name === 'manifest.json')).toHaveLength(1);
    expect(namesIn(store).filter((name) => name === 'database.dump.zst')).toHaveLength(1);
    const [entry] = (await catalog.read('shop', signal)).entries;
    expect((await verify(entry!.manifest, store)).verdict).toBe('proven');
  });

  test('a cancelled backup leaves no part behind and says why it ended', async () => {
    const store = new MemoryStore();
    const gate = gatedStore(store);
    const stop = new AbortController();
    const reason = new Error('stopped by SIGTERM');
    const { takeBackup } = await import('../../../src/jobs/take-backup.ts');
    const request = { lineage: lineageOf(shop), access: shop, method: await dumpMethod(), store: gate.store };
    const backup = takeBackup(request, testContext({ signal: stop.signal }));
    backup.catch(() => undefined);
    await gate.reached;

    stop.abort(reason);

    await expect(backup).rejects.toThrow();
    expect(await backup.catch(errorMessage)).toContain('stopped by SIGTERM');
    expect(namesIn(store)).toEqual([]);
    const sessions = `SELECT FROM pg_stat_activity WHERE datname = 'shop' AND application_name LIKE 'watchkeeper%'`;
    await expect.poll(() => execute(cluster, 'postgres', sessions), { timeout: 10_000 }).toEqual([]);
  });
});

function flipBit(at: number): (bytes: Buffer) => Buffer {
  return (bytes) => {
    const damaged = Buffer.from(bytes);
    damaged[at]! ^= 1;
    return damaged;
  };
}
