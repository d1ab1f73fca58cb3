import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { writeExposition } from '../../../src/collectors/exposition.ts';
import { redisFamilies } from '../../../src/collectors/redis/index.ts';
import type { Sample } from '../../../src/core/metric.ts';
import { onlyRedisFamilies, redisAccess, startTestRedis, type TestRedis, watchedRedis } from '../../support/redis.ts';
import { scrapeOne, testScraper } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';

let master: TestRedis;
let replica: TestRedis;

/** A master with a limit, keys, slow commands and errors, and a replica. */
beforeAll(async () => {
  master = await startTestRedis({
    settings: [
      'maxmemory 100mb',
      'maxmemory-policy allkeys-lru',
      'databases 2',
      'slowlog-log-slower-than 10000',
      'latency-monitor-threshold 10',
    ],
  });
  replica = await startTestRedis({ settings: [`replicaof 127.0.0.1 ${master.port}`] });
  await master.call('SET', 'colour', 'blue');
  await master.call('SET', 'session', '1', 'EX', '1000');
  await master.call('GET', 'colour');
  await master.call('GET', 'nothing');
  await expect(master.call('LPUSH', 'colour', 'x')).rejects.toThrow('WRONGTYPE');
  await master.call(
    'EVAL',
    "local t = redis.call('TIME')[1] * 1000000 + redis.call('TIME')[2] repeat local n = redis.call('TIME')[1] * 1000000 + redis.call('TIME')[2] until n - t > 20000",
    '0',
  );
  await vi.waitFor(
    async () => {
      expect(await replica.call('GET', 'colour')).toBe('blue');
      expect(await master.call('INFO', 'replication')).toMatch(/state=online,offset=[1-9]/);
    },
    { timeout: 20_000, interval: 100 },
  );
});

afterAll(async () => {
  await replica?.[Symbol.asyncDispose]();
  await master?.[Symbol.asyncDispose]();
});

/** These are the same on every machine; all others stand as `N`. */
const literalValues =
  /^redis_(db_keys|config_|cluster_enabled|keyspace_(hits|misses)|connected_slaves|errors_total|memory_(max|limit_bytes|policy)|slowlog_(length|last_id|entries)|rdb_last_bgsave|rdb_saves|aof_|loading|slave_info|master_link_up|master_sync_in_progress|commands_total\{[^}]*"(set|get|lpush|eval)"|commands_(failed|rejected)_calls_total\{[^}]*"(lpush|get)")/;
/** Not in every version, or not every time. */
const versioned =
  /^(# TYPE )?redis_(allocator_muzzy|number_of_libraries|pubsub_clients|watching_clients|total_watched_keys|total_blocking|expired_subkeys|client_(query|output)_buffer_limit_dis|evicted_scripts|mem_overhead_db|mem_replicas|replicas_|expire_cycle|availability|acl_access_denied|instantaneous_eventloop|eventloop|net_repl|io_threaded_total|db_keys_with|db_avg_ttl|io_threads_active|master_sync_(last|left|read|size|progress))/;
const others = /cmd="(?!set"|get"|lpush"|eval")|event_name="(?!command")|le="\d/;

/** The page without help texts. */
function goldenText(samples: readonly Sample[]): string {
  const page = writeExposition([{ target: 'shop', samples }], 'text').split('\n');
  const lines = page.filter((line) => line !== '' && !line.startsWith('# HELP'));
  const kept = lines.filter((line) => !versioned.test(line) && !others.test(line));
  return `${[...new Set(kept.map(masked))].sort(byName).join('\n')}\n`;
}

/** A metric's type stands before its samples; commands come in no order of their own. */
function byName(a: string, b: string): number {
  const [first = '', second = ''] = [a, b].map((line) => line.replace(/^# TYPE (\S+) .*/, '$1'));
  return first < second ? -1 : Number(first > second);
}

function masked(line: string): string {
  if (line.startsWith('#')) return line;
  const labels = line.replaceAll(
    /\b(version|redis_version|redis_build_id|os|tcp_port|run_id|process_id|master_replid|master_port|slave_port)="[^"]+"/g,
    '$1="N"',
  );
  return literalValues.test(line) ? labels : labels.replace(/ \S+$/, ' N');
}

async function scrapeFamily(server: TestRedis, family: string): Promise<readonly Sample[]> {
  await using scraper = testScraper([watchedRedis('shop', redisAccess([server]), onlyRedisFamilies(family))]);
  const samples = await scrapeOne(scraper, 'shop', testSignal());
  return samples.filter(({ metric }) => !/^watchkeeper_|^redis_up$|^redis_exporter_/.test(metric.name));
}

/** Not of such a server, not with these settings, or different on every machine. */
const elsewhere = [
  'sentinel',
  'commandlog',
  'certificates',
  'scripting_engines',
  'modules',
  'config_values',
  'client_names',
  'key_counts',
  'check_keys',
  'streams',
];
const ofMaster = redisFamilies.map(({ name }) => name).filter((name) => !elsewhere.includes(name));

test.each(ofMaster)('the family %s of a master gives the page that is written down', async (family) => {
  const samples = await scrapeFamily(master, family);

  await expect(goldenText(samples)).toMatchFileSnapshot(join(import.meta.dirname, 'golden', `${family}.txt`));
});

test('the family replication of a replica gives the page that is written down', async () => {
  const samples = await scrapeFamily(replica, 'replication');

  await expect(goldenText(samples)).toMatchFileSnapshot(join(import.meta.dirname, 'golden', 'replication-replica.txt'));
});
