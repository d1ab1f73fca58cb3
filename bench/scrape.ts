import { createServer, type Server } from 'node:net';
import { postgresCollectors } from '../src/collectors/postgres/index.ts';
import { systemClock } from '../src/core/clock.ts';
import { unprivilegedUser } from '../src/core/unprivileged-user.ts';
import { withDatabase } from '../src/targets/libpq/access.ts';
import { type Cluster, startCluster } from '../src/targets/postgres/cluster.ts';
import { chooseInstallation, findInstallations } from '../src/targets/postgres/programs.ts';
import { openSession } from '../src/targets/postgres/session.ts';
import { freePort } from '../test/support/free-port.ts';
import { inFolder, type OwnTarget, onlyFamilies, startOurs, startPeer, timeOf } from './contestants.ts';
import { compareCosts, costsOf } from './scrape-case.ts';
import { median, type Row } from './statistics.ts';

const signal = new AbortController().signal;
/** Processor time is read in steps of 10 ms: so many scrapes make one step less than a thirtieth of what is compared. */
const rounds = 60;
const ownRole = 'bench_ours';
const ownFullRole = 'bench_ours_full';
const peerRole = 'bench_peer';

/** What prometheus-postgres-exporter 0.11 of Debian collects, as our families are called. */
const peerFamilies: readonly string[] = [
  'instance',
  'connections',
  'database',
  'standbys',
  'replication_slots',
  'archiver',
  'checkpoints',
  'locks',
  'settings',
  'database_size',
];

/** What is watched, and how it is made. */
interface Scene {
  readonly what: string;
  readonly rounds: number;
  fill(cluster: Cluster): Promise<void>;
}

const scenes: readonly Scene[] = [
  { what: 'four databases', rounds, fill: (cluster) => makeDatabases(cluster, 4, 20) },
  { what: 'one database with 10,000 tables', rounds, fill: (cluster) => makeTables(cluster, 'postgres', 10_000) },
  { what: '200 databases', rounds, fill: (cluster) => makeDatabases(cluster, 200, 0) },
];

/**
 * `/metrics` against prometheus-postgres-exporter with the same families, in turn in the same run, on three kinds of server:
 * latency, processor time, resident memory, sessions and the server's own time. Beside it ours with all its families, and
 * what a target that accepts and never answers costs the others.
 */
export async function benchScrape(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const scene of scenes) rows.push(...(await benchScene(scene)));
  rows.push(...(await benchHungTarget()));
  return rows;
}

async function benchScene(scene: Scene): Promise<Row[]> {
  await using cluster = await startBenchCluster();
  await scene.fill(cluster);
  return await inFolder(async (folder, stop) => {
    const watch = { collectors: onlyFamilies(postgresCollectors, peerFamilies) };
    const ours = await startOurs(folder, { primary: { ...targetOf(cluster, ownRole), watch } }, ownRole, stop);
    const full = await startOurs(folder, { primary: targetOf(cluster, ownFullRole) }, ownFullRole, stop);
    const peer = await startPeer(targetOf(cluster, peerRole), peerRole, stop);
    const costs = await costsOf(cluster, [ours, peer, full], scene.rounds);
    const [own, other, whole] = [ours, peer, full].map((one) => costs.get(one));
    if (own === undefined || other === undefined || whole === undefined) throw new Error('somebody was not measured');
    return [
      ...compareCosts(scene.what, own, other),
      { what: `${scene.what}: latency, ours with all default families`, value: whole.latencyMs, unit: 'ms' },
      { what: `${scene.what}: server time, ours with all default families`, value: whole.serverMs, unit: 'ms' },
      { what: `${scene.what}: sessions, ours with all default families`, value: whole.sessions, unit: '' },
    ];
  });
}

async function benchHungTarget(): Promise<Row[]> {
  await using cluster = await startBenchCluster();
  await using hung = await startHungServer();
  return await inFolder(async (folder, stop) => {
    const primary = targetOf(cluster, ownRole);
    const hungTarget: OwnTarget = {
      engine: 'postgres',
      url: `postgres://x@127.0.0.1:${hung.port}/x?sslmode=disable`,
    };
    const alone = await startOurs(folder, { primary }, ownRole, stop);
    const beside = await startOurs(folder, { primary, hung: hungTarget }, ownRole, stop);
    const startMs = performance.now();
    const page = fetch(beside.url, { headers: { 'X-Prometheus-Scrape-Timeout-Seconds': '5' } })
      .then((answer) => answer.text())
      .then((text) => ({ text, seconds: (performance.now() - startMs) / 1_000 }));
    const times = { alone: [] as number[], beside: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      times.alone.push(await timeOf(probeOf(alone.url)));
      times.beside.push(await timeOf(probeOf(beside.url)));
    }
    const { text, seconds } = await page;
    const isComplete = text.includes('pg_up{target="primary"} 1') && text.includes('pg_up{target="hung"} 0');
    return [
      {
        what: '/probe beside a hung target: what it costs, median against median',
        value: median(times.beside) - median(times.alone),
        unit: 'ms',
        goal: { atMost: 50 },
      },
      {
        what: '/metrics with a hung target and a scrape timeout of 5 s',
        value: seconds,
        unit: 's',
        goal: { atMost: 5 },
      },
      { what: 'everything else is in that page (1 = yes)', value: Number(isComplete), unit: '', goal: { atLeast: 1 } },
    ];
  });
}

const probeOf = (url: string) => url.replace('/metrics', '/probe?target=primary');

function targetOf(cluster: Cluster, role: string): OwnTarget {
  const { port } = cluster.access.connection;
  return { engine: 'postgres', url: `postgresql://${role}@127.0.0.1:${port}/postgres?sslmode=disable` };
}

async function startBenchCluster(): Promise<Cluster> {
  const installations = await findInstallations([], process.env['PATH'] ?? '', signal);
  const cluster = await startCluster({
    installation: chooseInstallation(installations, { programs: ['initdb', 'postgres'], serverMajor: 13 }),
    user: await unprivilegedUser(),
    clock: systemClock,
    signal,
    name: 'watchkeeper-bench-',
    port: await freePort(),
    settings: {
      fsync: 'off',
      shared_preload_libraries: "'pg_stat_statements'",
      'pg_stat_statements.track': "'all'",
      'pg_stat_statements.track_planning': 'on',
      max_locks_per_transaction: '2048',
    },
  });
  await using session = await openSession(cluster.access, { signal });
  await session.query('CREATE EXTENSION pg_stat_statements', { signal });
  for (const role of [ownRole, ownFullRole, peerRole]) {
    await session.query(`CREATE ROLE ${role} LOGIN IN ROLE pg_monitor`, { signal });
  }
  return cluster;
}

async function makeDatabases(cluster: Cluster, count: number, tables: number): Promise<void> {
  await using session = await openSession(cluster.access, { signal });
  for (let index = 0; index < count; index++) {
    const name = `bench_db${index}`;
    await session.query(`CREATE DATABASE ${name}`, { signal });
    if (tables > 0) await makeTables(cluster, name, tables);
  }
}

async function makeTables(cluster: Cluster, database: string, count: number): Promise<void> {
  await using session = await openSession(withDatabase(cluster.access, database), { signal });
  const sql = `DO $$ BEGIN FOR n IN 1..${count} LOOP
    EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, a text)', n); END LOOP; END $$`;
  await session.query(sql, { signal });
}

async function startHungServer(): Promise<AsyncDisposable & { readonly port: number }> {
  const server: Server = createServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return { port: address.port, [Symbol.asyncDispose]: async () => void server.close() };
}
