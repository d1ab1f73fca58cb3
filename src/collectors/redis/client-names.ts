import { metric, type Sample, sample } from '../../core/metric.ts';
import { type ClientFields, listClients, mostListed } from './client-list.ts';
import type { RedisFamily } from './source.ts';

const labels = ['client_name', 'user', 'library'] as const;
type ClientLabels = Readonly<Record<(typeof labels)[number], string>>;

function declare(name: string, unit: string, help: string) {
  return metric({ name: `redis_clients_${name}`, type: 'gauge', help, labels, source: 'CLIENT LIST', unit });
}

const connections = declare(
  'connections',
  'connections',
  'Connections by the name that clients gave themselves, user and library. Groups beyond the largest 50 stand together as "others".',
);
const memory = declare('memory_bytes', 'bytes', 'Bytes that these connections take; from Redis 6.2 on.');
const output = declare('output_buffer_bytes', 'bytes', 'Bytes of replies that these clients have not fetched.');
const oldest = declare('oldest_age_seconds', 'seconds', 'Seconds since the oldest of these connections was opened.');
const idle = declare(
  'longest_idle_seconds',
  'seconds',
  'Seconds since the one that has been silent for longest sent anything.',
);

const groupsShown = 50;

export const clientNames: RedisFamily = {
  name: 'client_names',
  about: `Who is connected, by name, user and library; not asked of a server with more than ${mostListed} connections.`,
  metrics: [connections, memory, output, oldest, idle],
  enabledByDefault: false,
  minIntervalMs: 30_000,
  async read(reading, { signal }) {
    return groupsOf(await listClients(reading, signal)).flatMap(groupSamples);
  },
};

interface Group {
  readonly labels: ClientLabels;
  connections: number;
  memory: number | undefined;
  output: number;
  oldest: number;
  idle: number;
}

function groupsOf(clients: readonly ClientFields[]): Group[] {
  const groups = new Map<string, Group>();
  for (const fields of clients) {
    const own = {
      client_name: fields.get('name') ?? '',
      user: fields.get('user') ?? '',
      library: fields.get('lib-name') ?? '',
    };
    const memoryText = fields.get('tot-mem');
    addTo(groups, {
      labels: own,
      connections: 1,
      memory: memoryText === undefined ? undefined : Number(memoryText),
      output: Number(fields.get('omem') ?? 0),
      oldest: Number(fields.get('age') ?? 0),
      idle: Number(fields.get('idle') ?? 0),
    });
  }
  const byAmount = [...groups.values()].sort((a, b) => b.connections - a.connections);
  const shown = new Map(byAmount.slice(0, groupsShown).map((group) => [keyOf(group.labels), group]));
  for (const group of byAmount.slice(groupsShown)) addTo(shown, { ...group, labels: others });
  return [...shown.values()];
}

const others: ClientLabels = { client_name: 'others', user: '', library: '' };

function keyOf(of: ClientLabels): string {
  return JSON.stringify(of);
}

function addTo(groups: Map<string, Group>, more: Group): void {
  const group = groups.get(keyOf(more.labels));
  if (group === undefined) {
    groups.set(keyOf(more.labels), more);
    return;
  }
  group.connections += more.connections;
  if (more.memory !== undefined) group.memory = (group.memory ?? 0) + more.memory;
  group.output += more.output;
  group.oldest = Math.max(group.oldest, more.oldest);
  group.idle = Math.max(group.idle, more.idle);
}

function groupSamples(group: Group): Sample[] {
  return [
    sample(connections, group.connections, group.labels),
    ...(group.memory === undefined ? [] : [sample(memory, group.memory, group.labels)]),
    sample(output, group.output, group.labels),
    sample(oldest, group.oldest, group.labels),
    sample(idle, group.idle, group.labels),
  ];
}
