import { formatBytes } from '../../core/bytes.ts';
import type { Info } from '../../targets/redis/info.ts';
import type { Findings } from '../check/finding.ts';

/** Below, the program itself weighs more than the data. */
const smallestFragmentedBytes = 100 * 2 ** 20;

/** What a server's own figures say about its health now. */
export function judgeHealth(info: Info, findings: Findings): void {
  judgeMemory(info, findings);
  judgePersistence(info, findings);
  judgeConnections(info, findings);
  judgeReplication(info, findings);
  const [hits, misses] = [info.number('keyspace_hits') ?? 0, info.number('keyspace_misses') ?? 0];
  if (hits + misses > 0) {
    findings.ok(`${percent(hits / (hits + misses))} of the lookups since the start found their key`);
  }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function judgeMemory(info: Info, findings: Findings): void {
  const used = info.number('used_memory') ?? 0;
  const limit = info.number('maxmemory') ?? 0;
  const policy = info.text('maxmemory_policy') ?? 'noeviction';
  if (limit === 0) {
    findings.warning(
      `memory has no limit (${formatBytes(used)} are used): the server grows until the system ends it`,
      'set maxmemory, and maxmemory-policy to what may be evicted',
    );
  } else {
    const share = (used - (info.number('mem_not_counted_for_evict') ?? 0)) / limit;
    const message = `${percent(share)} of ${formatBytes(limit)} are used; policy ${policy}`;
    if (share > 0.9 && policy === 'noeviction')
      findings.warning(`${message}: writes fail at the limit`, 'raise maxmemory, or let keys expire or be evicted');
    else findings.ok(message);
  }
  const ratio = (info.number('used_memory_rss') ?? 0) / Math.max(used, 1);
  if (used < smallestFragmentedBytes) return;
  if (ratio > 1.5)
    findings.warning(
      `memory is fragmented: ${ratio.toFixed(2)} bytes of the process for each used one`,
      'activedefrag yes, or a restart',
    );
  if (ratio < 0.9)
    findings.warning('a part of the memory was swapped out', 'lower maxmemory, or give the machine more memory');
}

function judgePersistence(info: Info, findings: Findings): void {
  const statuses = [
    ['rdb_last_bgsave_status', 'the last snapshot failed'],
    ['aof_last_write_status', 'the last write to the append-only file failed'],
    ['aof_last_bgrewrite_status', 'the last rewrite of the append-only file failed'],
  ] as const;
  for (const [field, message] of statuses) {
    const status = info.text(field);
    if (status !== undefined && status !== 'ok')
      findings.error(message, 'look for the reason in the server’s log: space, rights, memory for the fork');
  }
  const changes = info.number('rdb_changes_since_last_save') ?? 0;
  if (info.number('aof_enabled') !== 0 || changes === 0) return;
  const savedAt = info.number('rdb_last_save_time');
  const when = savedAt === undefined ? '' : ` (${new Date(savedAt * 1_000).toISOString()})`;
  findings.warning(
    `${changes} changes since the last snapshot${when} would be lost in a crash`,
    'if that matters: appendonly yes, or save more often',
  );
}

function judgeConnections(info: Info, findings: Findings): void {
  const [clients, limit] = [info.number('connected_clients') ?? 0, info.number('maxclients') ?? 0];
  if (limit > 0 && clients / limit > 0.8) {
    findings.warning(
      `${clients} of ${limit} connections are in use`,
      'raise maxclients, or find who holds them: the family client_names',
    );
  }
  const rejected = info.number('rejected_connections') ?? 0;
  if (rejected > 0) findings.warning(`${rejected} connections were refused since the start because of maxclients`);
}

function judgeReplication(info: Info, findings: Findings): void {
  if (info.text('role') !== 'slave') return;
  if (info.text('master_link_status') === 'up') findings.ok('the link to the master is up');
  else
    findings.error('the link to the master is down', 'check network, masterauth and masteruser, and the server’s log');
}
