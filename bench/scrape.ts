import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../src/core/clock.ts';
import { startProcess } from '../src/core/run-process.ts';
import { unprivilegedUser } from '../src/core/unprivileged-user.ts';
import { withDatabase } from '../src/targets/libpq/access.ts';
import { type Cluster, startCluster } from '../src/targets/postgres/cluster.ts';
import { chooseInstallation, findInstallations } from '../src/targets/postgres/programs.ts';
import { openSession } from '../src/targets/postgres/session.ts';
import { freePort } from '../test/support/free-port.ts';
import { median, type Row } from './statistics.ts';

const signal = new AbortController().signal;
const databases = ['auth_db', 'payments_db', 'admin_db', 'profile_db'];
const rounds = 60;

/**
 * `/metrics` of a server with four databases against prometheus-postgres-exporter with its default families and
 * pg_stat_statements, in turn in the same run; and what a target that accepts and never answers costs the others.
 */
export async function benchScrape(): Promise<Row[]> {
  await using cluster = await startFourDatabases();
  await using hung = await startHungServer();
  const folder = await mkdtemp(join(tmpdir(), 'watchkeeper-bench-'));
  const ports = { ours: await freePort(), withHung: await freePort(), peer: await freePort() };
  const stop = new AbortController();
  try {
    await startOurs(folder, ports.ours, cluster, undefined, stop.signal);
    await startOurs(folder, ports.withHung, cluster, hung.port, stop.signal);
    startPeer(ports.peer, cluster, stop.signal);
    const urls = {
      ours: `http://127.0.0.1:${ports.ours}/metrics`,
      peer: `http://127.0.0.1:${ports.peer}/metrics`,
      probe: `http://127.0.0.1:${ports.ours}/probe?target=primary`,
      probeBesideHung: `http://127.0.0.1:${ports.withHung}/probe?target=primary`,
    };
    for (const url of Object.values(urls)) await untilAnswers(url);
    const times = {
      ours: [] as number[],
      peer: [] as number[],
      probe: [] as number[],
      probeBesideHung: [] as number[],
    };
    const hungPage = fetch(`http://127.0.0.1:${ports.withHung}/metrics`, {
      headers: { 'X-Prometheus-Scrape-Timeout-Seconds': '5' },
    });
    const hungStartMs = performance.now();
    const hungTime = hungPage.then(async (answer) => ({
      text: await answer.text(),
      ms: performance.now() - hungStartMs,
    }));
    for (let round = 0; round < rounds; round++) {
      for (const name of ['ours', 'peer', 'probe', 'probeBesideHung'] as const)
        times[name].push(await timeOf(urls[name]));
    }
    const page = await hungTime;
    const complete = page.text.includes('pg_up{target="primary"} 1') && page.text.includes('pg_up{target="hung"} 0');
    const [ours, peer] = [median(times.ours), median(times.peer)];
    return [
      { what: '/metrics of four databases: prometheus-postgres-exporter, median', value: peer, unit: 'ms' },
      { what: '/metrics of four databases: ours, median', value: ours, unit: 'ms' },
      { what: '/metrics of four databases: ours against the peer', value: ours / peer, unit: 'x', goal: { atMost: 1 } },
      {
        what: '/probe beside a hung target: what it costs, median against median',
        value: median(times.probeBesideHung) - median(times.probe),
        unit: 'ms',
        goal: { atMost: 50 },
      },
      {
        what: '/metrics with a hung target and a scrape timeout of 5 s',
        value: page.ms / 1_000,
        unit: 's',
        goal: { atMost: 5 },
      },
      { what: 'everything else is in that page (1 = yes)', value: complete ? 1 : 0, unit: '', goal: { atLeast: 1 } },
    ];
  } finally {
    stop.abort(new Error('the benchmark ended'));
    await delay(500);
    await rm(folder, { recursive: true, force: true });
  }
}

async function startFourDatabases(): Promise<Cluster> {
  const installations = await findInstallations([], process.env['PATH'] ?? '', signal);
  const cluster = await startCluster({
    installation: chooseInstallation(installations, { programs: ['initdb', 'postgres'], serverMajor: 13 }),
    user: await unprivilegedUser(),
    clock: systemClock,
    signal,
    name: 'watchkeeper-bench-',
    port: await freePort(),
    settings: { fsync: 'off', shared_preload_libraries: "'pg_stat_statements'" },
  });
  await using session = await openSession(cluster.access, { signal });
  await session.query('CREATE EXTENSION pg_stat_statements', { signal });
  for (const name of databases) {
    await session.query(`CREATE DATABASE ${name}`, { signal });
    await using inside = await openSession(withDatabase(cluster.access, name), { signal });
    for (let table = 0; table < 20; table++) {
      await inside.query(`CREATE TABLE t${table} AS SELECT generate_series(1, 100) AS a`, { signal });
    }
  }
  return cluster;
}

async function startHungServer(): Promise<AsyncDisposable & { readonly port: number }> {
  const server: Server = createServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return { port: address.port, [Symbol.asyncDispose]: async () => void server.close() };
}

async function startOurs(
  folder: string,
  port: number,
  cluster: Cluster,
  hungPort: number | undefined,
  stop: AbortSignal,
): Promise<void> {
  const file = join(folder, `watchkeeper-${port}.yaml`);
  const { port: databasePort } = cluster.access.connection;
  const hung =
    hungPort === undefined
      ? ''
      : `  hung: { engine: postgres, url: 'postgres://x@127.0.0.1:${hungPort}/x?sslmode=disable' }\n`;
  await writeFile(
    file,
    `listen: 127.0.0.1:${port}\nlog: { level: error }\ntargets:\n  primary: { engine: postgres, url: 'postgres://postgres@127.0.0.1:${databasePort}/postgres?sslmode=disable' }\n${hung}`,
  );
  const main = join(import.meta.dirname, '../src/main.ts');
  startProcess(process.execPath, [main, '-c', file, 'run'], { signal: stop }).stdout.resume();
}

function startPeer(port: number, cluster: Cluster, stop: AbortSignal): void {
  const url = `postgresql://postgres@127.0.0.1:${cluster.access.connection.port}/postgres?sslmode=disable`;
  startProcess('prometheus-postgres-exporter', [`--web.listen-address=127.0.0.1:${port}`], {
    signal: stop,
    env: { DATA_SOURCE_NAME: url },
  }).stdout.resume();
}

async function untilAnswers(url: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const text = await fetch(url).then(
      (answer) => answer.text(),
      () => '',
    );
    if (text.includes('pg_up')) return;
    if (attempt > 100) throw new Error(`${url} does not answer`);
    await delay(100);
  }
}

async function timeOf(url: string): Promise<number> {
  const startMs = performance.now();
  await (await fetch(url)).arrayBuffer();
  return performance.now() - startMs;
}
