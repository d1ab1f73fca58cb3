import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeWorkDirectory } from '../../src/core/work-directory.ts';
import type { PostgresAccess } from '../../src/targets/libpq/access.ts';
import { writeConfig } from './command-line.ts';
import { startDaemon, type TestDaemon } from './daemon.ts';
import { type LiveAws, liveAwsCredentials, startLiveAws } from './live-aws.ts';
import { startTestPgbouncer, type TestPgbouncer } from './pgbouncer.ts';
import { createDatabase, execute, startTestCluster, startTestStandby } from './postgres.ts';
import { startPrometheus } from './prometheus.ts';
import { startTestRedis, type TestRedis } from './redis.ts';
import { shopTablesSql } from './shop-tables.ts';

/** One of everything that is watched, at work, scraped by a real Prometheus: what the boards are tried with. */
export interface LiveFleet extends AsyncDisposable {
  readonly daemon: TestDaemon;
  /** Of Prometheus. */
  readonly url: string;
  /** For more work than there is by itself. */
  readonly servers: { readonly shop: PostgresAccess; readonly pool: PostgresAccess; readonly cache: TestRedis };
}

/** Between two scrapes. */
export const scrapeSeconds = 2;

/** Servers, traffic, `rules` of alerts (paths), somebody who blocks others, a server that is not there, backups every minute. */
export async function startLiveFleet(rules: readonly string[] = []): Promise<LiveFleet> {
  await using started = new AsyncDisposableStack();
  const folder = started.use(await makeWorkDirectory({ prefix: 'watchkeeper-test-live-' }));
  const primary = started.use(
    await startTestCluster({
      settings: { archive_mode: 'on', archive_command: "'/bin/true'" },
      initdbArguments: ['--data-checksums'],
    }),
  );
  const shop = await createDatabase(primary, 'shop', `CREATE EXTENSION pg_stat_statements; ${shopTablesSql}`);
  const standby = started.use(await startTestStandby(primary));
  const { port } = primary.access.connection;
  const pgbouncer = started.use(
    await startTestPgbouncer({
      databases: { shop: `host=127.0.0.1 port=${port} user=postgres dbname=shop pool_size=4` },
      users: { postgres: 'postgres-secret' },
    }),
  );
  const cache = started.use(await startTestRedis({ settings: ['maxmemory 64mb', 'slowlog-log-slower-than 0'] }));
  const replica = started.use(await startTestRedis({ settings: [`replicaof 127.0.0.1 ${cache.port}`] }));
  const newest = started.use(await startTestCluster({ major: 18 }));
  const valkey = started.use(await startTestRedis({ program: 'valkey' }));
  const aws = started.use(await startLiveAws());
  await createDatabase(primary, 'doubtful', 'CREATE TABLE answers (id int)');
  const trafficStop = new AbortController();
  const traffic = [
    repeat(trafficStop.signal, () => askThrough(pgbouncer)),
    repeat(trafficStop.signal, () => askCache(cache)),
    repeat(trafficStop.signal, () => execute(shop, 'shop', lockAndSleepSql)),
    repeat(trafficStop.signal, () => execute(shop, 'shop', waitForLockSql)),
  ];
  started.defer(async () => {
    trafficStop.abort();
    await Promise.all(traffic);
  });
  const yaml = configuration(
    {
      primary: port,
      standby: standby.access.connection.port,
      pgbouncer: pgbouncer.port,
      cache: cache.port,
      replica: replica.port,
      newest: newest.access.connection.port,
      valkey: valkey.port,
    },
    aws,
  );
  await writeFile(join(folder.path, 'pool-password'), 'stats-secret', { mode: 0o600 });
  const daemon = started.use(await startDaemon(await writeConfig(folder.path, yaml), liveAwsCredentials));
  const prometheus = started.use(await startScraper(folder.path, daemon.url, rules));
  const all = started.move();
  const servers = { shop, pool: poolAccess(pgbouncer), cache };
  return { daemon, url: prometheus.url, servers, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

type Ports = Readonly<Record<'primary' | 'standby' | 'newest' | 'pgbouncer' | 'cache' | 'replica' | 'valkey', number>>;

function configuration(ports: Ports, aws: LiveAws): string {
  const postgres = (port: number) =>
    `{ engine: postgres, url: 'postgres://postgres@127.0.0.1:${port}/shop?sslmode=disable'`;
  const verified = (assertions: string) =>
    `{ schedule: '* * * * *', keep: { last: 3 }, verify: { schedule: '* * * * *', assertions: [${assertions}] } }`;
  const backups = `{ often: ${verified('')}, doubtful: ${verified('{ name: it cannot be true, sql: SELECT false }').replace('{', '{ databases: [doubtful],')} }`;
  return `
listen: 127.0.0.1:0
stores: { local: { type: filesystem, path: ./store } }
jobs: { retryDelay: 3s }
targets:
  shop: ${postgres(ports.primary)}, backups: ${backups} }
  shop-standby: ${postgres(ports.standby)} }
  shop-newest: ${postgres(ports.newest).replace('/shop?', '/postgres?')} }
  gone: ${postgres(1)}, backups: { often: ${verified('')} } }
  pool: { engine: pgbouncer, url: 'postgres://stats@127.0.0.1:${ports.pgbouncer}/pgbouncer?sslmode=disable', password: 'file:./pool-password' }
  cache: { engine: redis, url: 'redis://127.0.0.1:${ports.cache}' }
  cache-valkey: { engine: redis, url: 'redis://127.0.0.1:${ports.valkey}' }
  cache-replica: { engine: redis, url: 'redis://127.0.0.1:${ports.replica}' }
  ledger: { engine: dynamodb, region: eu-central-1, endpoint: '${aws.endpoint}', cloudwatchEndpoint: '${aws.cloudwatchEndpoint}' }
  queues: { engine: sqs, region: eu-central-1, endpoint: '${aws.motoEndpoint}', cloudwatchEndpoint: '${aws.cloudwatchEndpoint}' }
  caches: { engine: elasticache, region: eu-central-1, endpoint: '${aws.motoEndpoint}', cloudwatchEndpoint: '${aws.cloudwatchEndpoint}' }
  functions: { engine: lambda, region: eu-central-1, endpoint: '${aws.motoEndpoint}', cloudwatchEndpoint: '${aws.cloudwatchEndpoint}' }
  relational: { engine: rds, region: eu-central-1, endpoint: '${aws.motoEndpoint}', cloudwatchEndpoint: '${aws.cloudwatchEndpoint}' }
`;
}

async function startScraper(folder: string, daemonUrl: string, rules: readonly string[]) {
  const data = join(folder, 'prometheus');
  await mkdir(data);
  const file = join(folder, 'prometheus.json');
  const job = { job_name: 'watchkeeper', static_configs: [{ targets: [new URL(daemonUrl).host] }] };
  const global = { scrape_interval: `${scrapeSeconds}s`, evaluation_interval: `${scrapeSeconds}s` };
  await writeFile(file, JSON.stringify({ global, rule_files: rules, scrape_configs: [job] }));
  return startPrometheus(file, data);
}

/** Until it is aborted; what fails while everything is being stopped does not matter. */
async function repeat(signal: AbortSignal, work: () => Promise<unknown>): Promise<void> {
  while (!signal.aborted) {
    await work().catch(() => undefined);
    await delay(500, undefined, { signal }).catch(() => undefined);
  }
}

const lockAndSleepSql = 'BEGIN; LOCK TABLE plain; SELECT pg_sleep(4); COMMIT';
const waitForLockSql =
  'SELECT count(*) FROM plain; SELECT count(*) FROM orders; UPDATE orders SET state = state WHERE id < 9';

const poolAccess = (pgbouncer: TestPgbouncer) => pgbouncer.access('postgres', 'postgres-secret', { database: 'shop' });

async function askThrough(pgbouncer: TestPgbouncer): Promise<void> {
  await execute(poolAccess(pgbouncer), 'shop', 'SELECT count(*) FROM customers');
}

async function askCache(cache: TestRedis): Promise<void> {
  await cache.call('SET', 'session:1', 'x', 'EX', '100');
  await cache.call('GET', 'session:1');
  await cache.call('GET', 'nothing');
}
