import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { formatConnectionUrl } from '../../../src/targets/libpq/connection.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { newIdentity } from '../../support/age.ts';
import { runCommand, writeConfig } from '../../support/command-line.ts';
import { startDaemon } from '../../support/daemon.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';

let cluster: Cluster;
let folder: WorkDirectory;
beforeAll(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-cli-' });
  cluster = await startTestCluster();
  await createDatabase(cluster, 'shop', 'CREATE TABLE orders AS SELECT n AS id FROM generate_series(1, 500) n');
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

test('a key that is lost is noticed at the next proof: by exit code, log and metric', {
  timeout: 300_000,
}, async () => {
  const [mine, stranger] = [await newIdentity(), await newIdentity()];
  const keyFile = join(folder.path, 'key.txt');
  await writeFile(keyFile, `# public key: ${mine.recipient}\n${mine.key.reveal()}\n`, { mode: 0o600 });
  const url = formatConnectionUrl(cluster.access.connection).replace(/[^/]*$/, 'shop');
  const config = await writeConfig(
    folder.path,
    `
listen: 127.0.0.1:0
stores: { local: { type: filesystem, path: store } }
encryption: { recipients: [${mine.recipient}], identities: ['file:key.txt'] }
targets:
  shop:
    engine: postgres
    url: ${url}?sslmode=disable
    backups: { nightly: { schedule: '0 2 * * *' } }
`,
  );

  const taken = await runCommand([...config, 'backup', 'shop']);
  const proven = await runCommand([...config, 'verify', 'shop', '--json']);
  const listed = await runCommand([...config, 'list', '--json']);
  const guided = await runCommand([...config, 'restore']);
  const dryRun = await runCommand([...config, 'restore', 'shop/shop', '--into', 'dry', '--dry-run']);
  const restored = await runCommand([...config, 'restore', 'shop/shop', '--into', 'shop_copy']);
  await writeFile(keyFile, stranger.key.reveal());
  const untried = await runCommand([...config, 'verify', 'shop', '--json']);
  const warned = await runCommand([...config, 'restore']);
  const hindered = await runCommand([...config, 'restore', 'shop/shop', '--into', 'none', '--dry-run']);
  const refused = await runCommand([...config, 'restore', 'shop/shop', '--into', 'none']);
  await using daemon = await startDaemon(config);
  const page = async () => (await daemon.get('/metrics')).text;
  const labels = '{target="shop",schedule="nightly",database="shop",store="local"';

  await expect.poll(page, { timeout: 30_000 }).toContain(`watchkeeper_backup_last_encrypted${labels}} 1`);
  const metrics = await page();
  expect(taken.code, taken.err).toBe(0);
  expect(JSON.parse(proven.out)).toMatchObject([{ status: 'succeeded', verdict: 'proven', differing: 0 }]);
  expect(JSON.parse(listed.out)).toMatchObject([{ proven: true, recipients: [mine.recipient] }]);
  expect(guided.out).toMatch(/ in store local, encrypted, proven /);
  expect(warned.out).toContain(`encrypted, and NO IDENTITY HERE OPENS IT (one of ${mine.recipient} does)`);
  expect(dryRun).toMatchObject({ code: 0 });
  expect(dryRun.out).toContain(`an identity opens it: ${mine.recipient}`);
  expect(restored.code, restored.err).toBe(0);
  expect(await execute(cluster, 'shop_copy', 'SELECT count(*) FROM orders')).toEqual([{ count: '500' }]);
  expect(untried.code).toBe(4);
  expect(JSON.parse(untried.out)).toMatchObject([{ status: 'failed', reason: 'identity' }]);
  expect(hindered.code).toBe(1);
  expect(hindered.out).toContain(
    `it was encrypted to ${mine.recipient}; the configured ones are of ${stranger.recipient}`,
  );
  expect(refused.code).toBe(1);
  expect(refused.err).toContain('no identity opens backup');
  expect(await execute(cluster, 'postgres', "SELECT FROM pg_database WHERE datname = 'none'")).toEqual([]);
  expect(metrics).toContain(`watchkeeper_proof_last_obstacle${labels},obstacle="identity"} 1`);
  expect(metrics).toContain(`watchkeeper_proof_last_verdict${labels},verdict="inconclusive"} 1`);
  expect(metrics).toContain(`watchkeeper_backups_proven${labels}} 1`);
});
