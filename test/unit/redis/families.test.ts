import { expect, test } from 'vitest';
import { checkSamples } from '../../../src/collectors/check-samples.ts';
import { redisFamilies } from '../../../src/collectors/redis/index.ts';
import { redisWatchSettings } from '../../../src/collectors/redis/settings.ts';
import { infoCommand, NodeReading } from '../../../src/collectors/redis/source.ts';
import type { Sample } from '../../../src/core/metric.ts';
import { type Command, type RedisConnection, RedisError, type Reply } from '../../../src/targets/redis/connection.ts';
import { nodeAt } from '../../../src/targets/redis/topology.ts';
import { valuesOf } from '../../support/scrape.ts';
import { testContext } from '../../support/test-context.ts';

/** What a family makes of these answers; INFO is lines. */
async function read(family: string, info: string, answers: readonly (readonly [Command, Reply | RedisError])[] = []) {
  const found = redisFamilies.find(({ name }) => name === family);
  if (found === undefined) throw new Error(`no family ${family}`);
  const all = [[infoCommand, info] as const, ...answers].map(
    ([command, answer]) => [command.join(' '), answer] as const,
  );
  const reading = new NodeReading(
    { node: nodeAt({ host: 'a', port: 1 }), connection: {} as RedisConnection, answers: new Map(all) },
    { settings: redisWatchSettings.parse({}), memory: { runId: '' }, database: 0 },
  );
  const samples = await found.read(reading, testContext());
  checkSamples(found, samples);
  return samples;
}

const firstValue = (samples: readonly Sample[], name: string) => Object.values(valuesOf(samples, name))[0];

test('a limit of 0 is no limit, and fragmentation of an empty server is none', async () => {
  const empty = 'used_memory:1000000\nused_memory_rss:9000000\nmaxmemory:0\nmem_fragmentation_ratio:9.00';

  const samples = await read('memory', empty);

  expect(firstValue(samples, 'redis_memory_max_bytes')).toBe(0);
  expect(firstValue(samples, 'redis_mem_fragmentation_ratio')).toBe(9);
  const absent = ['redis_memory_limit_bytes', 'redis_memory_limit_used_ratio', 'redis_memory_fragmentation_ratio'];
  expect(absent.map((name) => firstValue(samples, name))).toEqual([undefined, undefined, undefined]);
});

test('the share of the limit is what eviction counts, and overhead leaves out what an empty server takes', async () => {
  const lines = [
    'used_memory:200000000',
    'used_memory_rss:300000000',
    'used_memory_overhead:60000000',
    'used_memory_startup:10000000',
    'mem_not_counted_for_evict:40000000',
    'maxmemory:320000000',
    'maxmemory_policy:noeviction',
  ];

  const samples = await read('memory', lines.join('\n'));

  expect(firstValue(samples, 'redis_memory_limit_used_ratio')).toBe(0.5);
  expect(firstValue(samples, 'redis_memory_fragmentation_ratio')).toBe(1.5);
  expect(firstValue(samples, 'redis_memory_overhead_ratio')).toBeCloseTo(50 / 190, 10);
  expect(valuesOf(samples, 'redis_memory_policy_info')).toEqual({ noeviction: 1 });
});

test('modules tell themselves, also those that several others use, and the figures that they have', async () => {
  const lines = [
    '# Modules',
    'module:name=json,ver=10002,api=1,filters=0,usedby=[search|bf],using=[],options=[handle-io-errors]',
    '# json_core_metrics',
    'json_total_memory_bytes:4096',
    'json_num_documents:7',
    '# search_indexing',
    'search_used_memory_human:1.5MB',
    'search_used_memory_bytes:1572864',
    'search_total_indexing_time:0.096000000834465027',
  ];

  const samples = await read('modules', '', [[['INFO', 'MODULES'], lines.join('\r\n')]]);

  const told = samples.map(({ metric, labelValues, value }) => [metric.name, ...labelValues, value].join(' '));
  expect(told.sort()).toEqual([
    'redis_json_num_documents 7',
    'redis_json_total_memory_bytes 4096',
    'redis_module_info json 10002 1 0 search|bf  1',
    'redis_search_indexing_time_ms_total 0.09600000083446503',
    'redis_search_used_memory_bytes 1572864',
  ]);
});

test('the keyspace is read by name: a field that is new or elsewhere changes no other', async () => {
  const redis = await read('keyspace', 'db0:keys=5,expires=2,avg_ttl=1500,subexpiry=3');
  const valkey = await read('keyspace', 'db0:keys=5,expires=2,keys_with_volatile_items=4,avg_ttl=1500');
  const keydb = await read('keyspace', 'db0:keys=5,expires=2,avg_ttl=1500,cached_keys=1');

  expect(firstValue(redis, 'redis_db_keys_cached')).toBeUndefined();
  expect(firstValue(redis, 'redis_db_keys_with_expiring_items')).toBe(3);
  expect(firstValue(valkey, 'redis_db_avg_ttl_seconds')).toBe(1.5);
  expect(firstValue(valkey, 'redis_db_keys_with_expiring_items')).toBe(4);
  expect(firstValue(keydb, 'redis_db_keys_cached')).toBe(1);
});

test('histograms have the sums of commands with any character in their name', async () => {
  const info =
    'cmdstat_georadius_ro:calls=3,usec=300,usec_per_call=100\ncmdstat_ft.search:calls=1,usec=70,usec_per_call=70';
  const histogram: Reply = [
    'georadius_ro',
    ['calls', 3, 'histogram_usec', [64, 1, 128, 3]],
    'ft.search',
    ['calls', 1, 'histogram_usec', [128, 1]],
  ];

  const samples = await read('latency_histogram', info, [[['LATENCY', 'HISTOGRAM'], histogram]]);

  const told = samples.map(({ labelValues, suffix, extraLabel, value }) =>
    [labelValues[0], suffix, extraLabel?.[1], value].filter((part) => part !== undefined).join(' '),
  );
  expect(told).toEqual([
    'georadius_ro _bucket 64 1',
    'georadius_ro _bucket 128 3',
    'georadius_ro _bucket +Inf 3',
    'georadius_ro _sum 300',
    'georadius_ro _count 3',
    'ft.search _bucket 128 1',
    'ft.search _bucket +Inf 1',
    'ft.search _sum 70',
    'ft.search _count 1',
  ]);
});

test('a replica that synchronises tells its progress, and a link that never was up its -1', async () => {
  const lines = [
    'role:slave',
    'master_host:10.0.0.1',
    'master_port:6379',
    'master_link_status:down',
    'master_last_io_seconds_ago:-1',
    'master_sync_in_progress:1',
    'master_sync_total_bytes:1000',
    'master_sync_read_bytes:250',
    'master_sync_left_bytes:750',
    'master_sync_perc:25.00',
    'master_link_down_since_seconds:-1',
    'slave_read_only:1',
  ];

  const samples = await read('replication', lines.join('\n'));

  expect(firstValue(samples, 'redis_master_link_up')).toBe(0);
  expect(firstValue(samples, 'redis_master_sync_progress_ratio')).toBe(0.25);
  expect(firstValue(samples, 'redis_master_sync_left_bytes')).toBe(750);
  expect(firstValue(samples, 'redis_master_link_down_since_seconds')).toBe(-1);
});

test('the lag of a replica is told in bytes, but not before it has confirmed anything', async () => {
  const lines = [
    'role:master',
    'master_repl_offset:1000',
    'slave0:ip=10.0.0.2,port=6379,state=online,offset=900,lag=0,type=replica',
    'slave1:ip=10.0.0.3,port=6379,state=wait_bgsave,offset=0,lag=0',
  ];

  const samples = await read('replication', lines.join('\n'));

  expect(valuesOf(samples, 'redis_connected_slave_lag_bytes')).toEqual({ '10.0.0.2 6379 online': 100 });
  expect(Object.keys(valuesOf(samples, 'redis_connected_slave_offset_bytes'))).toHaveLength(2);
});

test('the progress of loading is a share', async () => {
  const samples = await read('persistence', 'loading:1\nloading_start_time:1795249272\nloading_loaded_perc:12.50');

  expect(firstValue(samples, 'redis_loading_dump_file')).toBe(1);
  expect(firstValue(samples, 'redis_loading_start_timestamp_seconds')).toBe(1_795_249_272);
  expect(firstValue(samples, 'redis_loading_progress_ratio')).toBe(0.125);
});

test('Valkey tells its logs, its certificates and its engines', async () => {
  const logs = ['slow', 'large-request', 'large-reply'].map(
    (log, index) => [['COMMANDLOG', 'LEN', log], index] as const satisfies readonly [Command, Reply],
  );
  const tls = 'tls_server_cert_serial:0A1B\ntls_server_cert_expires_in_seconds:3600\ntls_ca_cert_serial:none';
  const engines =
    'engines_count:1\nengines_total_used_memory:70\nengine_0:name=LUA,module=lua,abi_version=4,used_memory=69,memory_overhead=5';

  expect(firstValue(await read('commandlog', '', logs), 'redis_commandlog_large_reply_length')).toBe(2);
  expect(valuesOf(await read('certificates', tls), 'redis_tls_certificate_info')).toEqual({ 'server 0A1B': 1 });
  expect(firstValue(await read('certificates', tls), 'redis_tls_server_cert_expires_in_seconds')).toBe(3_600);
  expect(valuesOf(await read('scripting_engines', engines), 'redis_scripting_engine_memory_used_bytes')).toEqual({
    'LUA lua 4': 69,
  });
});

test.each(['commandlog', 'certificates', 'scripting_engines', 'latency_percentiles', 'commands', 'errors'])(
  'the family %s does not apply to a server that tells nothing of it',
  async (family) => {
    await expect(read(family, 'redis_version:5.0.0')).rejects.toMatchObject({ name: 'NotApplicable' });
  },
);

test('a command that the server does not have makes its family not applicable, one that is denied says what to grant', async () => {
  const get: Command = ['SLOWLOG', 'GET', '1'];
  const length = [['SLOWLOG', 'LEN'], 0] as const satisfies readonly [Command, Reply];
  const unknown = new RedisError("ERR unknown command 'SLOWLOG', with args beginning with: 'GET'");
  const denied = new RedisError("NOPERM User watch has no permissions to run the 'slowlog|get' command");

  await expect(read('slowlog', '', [length, [get, unknown]])).rejects.toMatchObject({ name: 'NotApplicable' });
  await expect(read('slowlog', '', [length, [get, denied]])).rejects.toThrow('ACL SETUSER … +slowlog|get');
});

test('an error of the server never carries what it was sent', () => {
  const error = new RedisError("ERR unknown command 'AUTH', with args beginning with: 'watch' 'hunter2' ");

  expect(error.message).toBe("ERR unknown command 'AUTH'");
  expect(error.isUnknownCommand).toBe(true);
});
