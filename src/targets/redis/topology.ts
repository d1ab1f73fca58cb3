import type { Command, Reply } from './connection.ts';
import { formatAddress, type RedisAddress } from './url.ts';

/** A server that belongs to a target. */
export interface RedisNode {
  readonly address: RedisAddress;
  /** The address as text: the value of the `node` label. */
  readonly name: string;
  readonly kind: 'data' | 'sentinel';
  /** As those who know it see it; a node that is asked knows better. */
  readonly role: 'master' | 'replica' | 'sentinel' | 'unknown';
  /** The master's name in Sentinel, the id of the master in a cluster; empty for a single server. */
  readonly group: string;
  /** The others say that it is down. */
  readonly failed: boolean;
}

export function nodeAt(address: RedisAddress, known: Partial<RedisNode> = {}): RedisNode {
  return { address, name: formatAddress(address), kind: 'data', role: 'unknown', group: '', failed: false, ...known };
}

export const clusterNodesCommand: Command = ['CLUSTER', 'NODES'];

/**
 * The nodes that CLUSTER NODES tells: `id ip:port@cport[,hostname] flags master …` a line. Nodes without an address and
 * those that were only just met are left out. `asked` stands for an own address that the node does not know.
 */
export function parseClusterNodes(text: string, asked: RedisAddress): RedisNode[] {
  return text.split('\n').flatMap((line) => {
    const [id = '', where = '', flagText = '', masterId = '-'] = line.trim().split(' ');
    const flags = flagText.split(',');
    if (id === '' || flags.includes('noaddr') || flags.includes('handshake')) return [];
    const address = clusterAddress(where, flags.includes('myself') ? asked : undefined);
    if (address === undefined) return [];
    const role = flags.includes('master') ? 'master' : 'replica';
    return [nodeAt(address, { role, group: masterId === '-' ? id : masterId, failed: flags.includes('fail') })];
  });
}

function clusterAddress(where: string, own: RedisAddress | undefined): RedisAddress | undefined {
  const [hostPort = '', hostname = ''] = where.replace(/@\d+/, '').split(',');
  const colon = hostPort.lastIndexOf(':');
  // IPv6 comes without brackets.
  const ip = hostPort.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  const port = Number(hostPort.slice(colon + 1));
  // A node with a name is meant to be called by it, and its certificate is for the name.
  const host = hostname === '' || hostname === '?' ? ip : hostname;
  if (host === '') return own;
  return Number.isInteger(port) && port > 0 ? { host, port } : undefined;
}

/** A reply that is a list of names and values in turn, as SENTINEL MASTERS has them. */
export function fieldsOf(reply: Reply | undefined): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  if (!Array.isArray(reply)) return fields;
  for (let index = 0; index + 1 < reply.length; index += 2) fields.set(String(reply[index]), String(reply[index + 1]));
  return fields;
}

/** A list of such lists. */
export function recordsOf(reply: Reply | undefined): ReadonlyMap<string, string>[] {
  return Array.isArray(reply) ? reply.map(fieldsOf) : [];
}

export const sentinelMastersCommand: Command = ['SENTINEL', 'MASTERS'];
/** `SLAVES` is understood by every version, `REPLICAS` from 5 on. */
export const sentinelReplicasCommand = (master: string): Command => ['SENTINEL', 'SLAVES', master];
export const sentinelPeersCommand = (master: string): Command => ['SENTINEL', 'SENTINELS', master];

/** What a Sentinel tells of one server. Undefined without a usable address. */
export function sentinelNode(
  fields: ReadonlyMap<string, string>,
  known: Pick<RedisNode, 'kind' | 'role' | 'group'>,
): RedisNode | undefined {
  const host = fields.get('ip') ?? '';
  const port = Number(fields.get('port'));
  if (host === '' || host === '?' || !Number.isInteger(port) || port < 1) return undefined;
  const flags = (fields.get('flags') ?? '').split(',');
  return nodeAt({ host, port }, { ...known, failed: flags.includes('s_down') || flags.includes('o_down') });
}
