import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { alertGroups } from '../../../scripts/alerts/index.ts';
import { runProcess } from '../../../src/core/run-process.ts';
import { makeWorkDirectory } from '../../../src/core/work-directory.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { argumentOf, type Compose, mountsOf, readCompose, serviceOf } from '../../support/compose.ts';
import { startDaemon, type TestDaemon } from '../../support/daemon.ts';
import { createDatabase, startTestCluster } from '../../support/postgres.ts';
import { startAlertmanager, startPrometheus } from '../../support/prometheus.ts';
import { testSignal } from '../../support/test-context.ts';

const passwords = { watchkeeper_monitor: 'watch-pw', watchkeeper_backup: 'keep-pw' };

/** The file tree that a container of `service` sees, in `folder`: what is mounted as links, volumes as folders. */
async function layOut(compose: Compose, service: string, folder: string): Promise<void> {
  for (const { source, isVolume, target } of mountsOf(serviceOf(compose, service))) {
    const path = join(folder, target);
    await mkdir(isVolume ? path : dirname(path), { recursive: true });
    if (!isVolume) await symlink(source, path);
  }
}

/** A copy of a file in the tree, whose links show shipped files, with other words in place of some. */
async function adapt(path: string, replacements: Readonly<Record<string, string>>): Promise<string> {
  let text = await readFile(path, 'utf8');
  for (const [from, to] of Object.entries(replacements)) {
    if (!text.includes(from)) throw new Error(`${path} does not say ${from}`);
    text = text.replaceAll(from, to);
  }
  const adapted = join(dirname(path), `adapted-${path.split('/').at(-1)}`);
  await writeFile(adapted, text);
  return adapted;
}

/** What the image's entry script does with the files of `/docker-entrypoint-initdb.d`: psql, in the order of names. */
async function initialise(compose: Compose, server: Cluster, folder: string): Promise<void> {
  const service = serviceOf(compose, 'demo-postgres');
  const database = service.environment?.['POSTGRES_DB'] ?? '';
  await createDatabase(server, database);
  const scripts = mountsOf(service).filter(({ target }) => target.startsWith('/docker-entrypoint-initdb.d/'));
  const { host, port } = server.access.connection;
  for (const { source } of scripts.sort((a, b) => (a.target < b.target ? -1 : 1))) {
    const text = await readFile(source, 'utf8');
    const script = join(folder, 'script.sql');
    await writeFile(script, text.replaceAll('/run/secrets/', `${folder}/`));
    const target = ['-h', String(host), '-p', String(port), '-U', 'postgres', '-d', database];
    await runProcess(
      join(server.installation.directory, 'psql'),
      ['-X', '-q', '-v', 'ON_ERROR_STOP=1', ...target, '-f', script],
      { signal: testSignal(), env: { PGPASSWORD: 'superuser' } },
    );
  }
}

/** The daemon as Compose starts it, but for its address and the places of its files. */
async function startComposeDaemon(compose: Compose, server: Cluster, folder: string): Promise<TestDaemon> {
  await layOut(compose, 'watchkeeper', folder);
  const config = join(folder, 'etc/watchkeeper/watchkeeper.yaml');
  const secrets = join(folder, 'run/secrets');
  await mkdir(secrets, { recursive: true });
  for (const [name, password] of Object.entries(passwords)) await writeFile(join(secrets, name), `${password}\n`);
  await initialise(compose, server, secrets);
  const own = join(folder, 'watchkeeper.yaml');
  const text = await readFile(config, 'utf8');
  await writeFile(
    own,
    text
      .replaceAll('file:/run/secrets/', `file:${secrets}/`)
      .replace('0.0.0.0:9847', '127.0.0.1:0')
      .replace('path: /var/lib/watchkeeper/', `path: ${folder}/var/lib/watchkeeper/`),
  );
  const { host, port } = server.access.connection;
  // Not the volume's path below the folder: the path of a Unix socket has 107 bytes at most.
  const temporary = join(folder, '../tmp');
  await mkdir(temporary);
  return await startDaemon(['-c', own], {
    SHOP_URL: `postgres://watchkeeper_monitor@${host}:${port}/shop?sslmode=disable`,
    TMPDIR: temporary,
  });
}

interface Answer<T> {
  readonly data: T;
}
const ask = async <T>(url: string) => ((await (await fetch(url)).json()) as Answer<T>).data;

interface ActiveTarget {
  readonly health: string;
  readonly lastError: string;
  readonly labels: Readonly<Record<string, string>>;
}
interface RuleGroup {
  readonly rules: readonly { readonly name: string; readonly health: string; readonly lastError?: string }[];
}

test('what Compose starts works together: the shop is kept and proven, Prometheus sees it with every rule, Alertmanager is reached', async () => {
  await using scope = new AsyncDisposableStack();
  const folder = scope.use(await makeWorkDirectory({ prefix: 'watchkeeper-test-' }));
  // Run by root, the proof's server has another user, who must get there.
  await chmod(folder.path, 0o711);
  const under = (service: string) => join(folder.path, service);
  const compose = await readCompose();
  const server = scope.use(await startTestCluster({ password: 'superuser' }));
  const daemon = scope.use(await startComposeDaemon(compose, server, under('watchkeeper')));

  await daemon.untilLogged('the proof', ({ job, verdict }) => job === 'verify' && verdict === 'proven');
  await layOut(compose, 'alertmanager', under('alertmanager'));
  const alertmanagerFile = argumentOf(serviceOf(compose, 'alertmanager'), 'config.file');
  const alertmanager = scope.use(
    await startAlertmanager(join(under('alertmanager'), alertmanagerFile), join(under('alertmanager'), 'data')),
  );
  await layOut(compose, 'prometheus', under('prometheus'));
  const file = join(under('prometheus'), argumentOf(serviceOf(compose, 'prometheus'), 'config.file'));
  const adapted = await adapt(file, {
    'watchkeeper:9847': new URL(daemon.url).host,
    'alertmanager:9093': new URL(alertmanager.url).host,
    'scrape_interval: 30s': 'scrape_interval: 1s',
    'scrape_timeout: 10s': 'scrape_timeout: 1s',
  });
  const prometheus = scope.use(
    await startPrometheus(
      adapted,
      join(under('prometheus'), argumentOf(serviceOf(compose, 'prometheus'), 'storage.tsdb.path')),
    ),
  );

  const { groups } = await ask<{ groups: RuleGroup[] }>(`${prometheus.url}/api/v1/rules`);
  const rules = groups.flatMap(({ rules: some }) => some);
  expect(rules.map(({ name }) => name).sort()).toEqual(
    alertGroups.flatMap(({ alerts }) => alerts.map(({ name }) => name)).sort(),
  );
  await vi.waitFor(
    async () => {
      const { activeTargets } = await ask<{ activeTargets: ActiveTarget[] }>(`${prometheus.url}/api/v1/targets`);
      expect(activeTargets.map(({ labels, health, lastError }) => [labels['job'], health, lastError])).toEqual([
        ['watchkeeper', 'up', ''],
      ]);
    },
    { timeout: 30_000, interval: 200 },
  );
  const { activeAlertmanagers } = await ask<{ activeAlertmanagers: { url: string }[] }>(
    `${prometheus.url}/api/v1/alertmanagers`,
  );
  expect(activeAlertmanagers).toEqual([{ url: `${alertmanager.url}/api/v2/alerts` }]);
  const query = `${prometheus.url}/api/v1/query?query=${encodeURIComponent('watchkeeper_proof_last_success_timestamp_seconds{target="shop"}')}`;
  await vi.waitFor(async () => expect((await ask<{ result: unknown[] }>(query)).result).toHaveLength(1), {
    timeout: 30_000,
    interval: 200,
  });
  const page = await daemon.get('/metrics');
  expect(page.text).toMatch(/^pg_up\{target="shop".*\} 1$/m);
  expect(page.text).not.toMatch(/^watchkeeper_collector_success\{.*\} 0$/m);
  for (const secret of Object.values(passwords)) expect(page.text + daemon.command.err()).not.toContain(secret);
});
