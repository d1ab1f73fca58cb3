import { writeExposition } from '../../src/collectors/exposition.ts';
import type { Sample } from '../../src/core/metric.ts';

/** These are the same on every machine; all others stand as `N`. */
const literalValues =
  /^redis_(node_|sentinel_(masters|tilt|master_(status|up|slaves|sentinels|ok_|ckquorum|setting))|keys_|key_(size|value)|streams?_(length|groups|group_(lag|consumers|consumer_messages|messages|entries)|first|last|entries|check)|cluster_(state|slots|size|known)|db_keys|config_|cluster_enabled|keyspace_(hits|misses)|connected_slaves|errors_total|memory_(max|limit_bytes|policy)|slowlog_(length|last_id|entries)|rdb_last_bgsave|rdb_saves|aof_|loading|slave_info|master_link_up|master_sync_in_progress|commands_total\{[^}]*"(set|get|lpush|eval)"|commands_(failed|rejected)_calls_total\{[^}]*"(lpush|get)")/;
/** Not in every version, or not every time. */
const versioned =
  /^(# TYPE )?redis_(cluster_(stats_messages|links_buffer)|clients_memory|stream_radix|stream_max_del|allocator_muzzy|number_of_libraries|pubsub_clients|watching_clients|total_watched_keys|total_blocking|expired_subkeys|client_(query|output)_buffer_limit_dis|evicted_scripts|mem_overhead_db|mem_replicas|replicas_|expire_cycle|availability|acl_access_denied|instantaneous_eventloop|eventloop|net_repl|io_threaded_(total|freed|accepts|polls)|allocator_\w+_lua|slot_migration_fork|backup_in_progress|db_keys_with|db_avg_ttl|io_threads_active|master_sync_(last|left|read|size|progress))/;
const others = /cmd="(?!set"|get"|lpush"|eval")|event_name="(?!command")|le="\d/;

/** The page without help texts; `names` are what addresses of this run are called. */
export function redisGoldenText(samples: readonly Sample[], names: ReadonlyMap<string, string> = new Map()): string {
  const page = [...names]
    .reduce(
      (text, [name, label]) => text.replaceAll(name, label),
      writeExposition([{ target: 'shop', samples }], 'text'),
    )
    .split('\n');
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
  const labels = line
    .replaceAll(/[0-9a-f]{40}/g, 'ID')
    .replaceAll(
      /\b(version|redis_version|redis_build_id|os|tcp_port|run_id|process_id|master_replid|master_port|slave_port)="[^"]+"/g,
      '$1="N"',
    );
  return literalValues.test(line) ? labels : labels.replace(/ \S+$/, ' N');
}
