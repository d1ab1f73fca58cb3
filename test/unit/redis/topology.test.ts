import { expect, test } from 'vitest';
import { type Command, RedisError, type Reply } from '../../../src/targets/redis/connection.ts';
import { clusterDiscovery, SentinelDiscovery } from '../../../src/targets/redis/discovery.ts';
import { parseClusterNodes } from '../../../src/targets/redis/topology.ts';

const asked = { host: 'seed', port: 7000 };

test('CLUSTER NODES gives addresses, roles, groups and who has failed', () => {
  const text = [
    'aa 10.0.0.1:7000@17000 myself,master - 0 0 1 connected 0-5460',
    'bb 10.0.0.2:7000@17000,cache-2.internal master - 0 1 2 connected 5461-10922 [93-<-cc]',
    'cc 10.0.0.3:7000@17000,,shard-id=1 slave,fail? aa 0 1 1 connected',
    'dd ::1:7000@17000 slave,fail bb 1 1 2 disconnected',
    'ee :0@0 slave,noaddr aa 1 1 1 disconnected',
    'ff 10.0.0.6:7000@17000 handshake - 0 0 0 connected',
    '',
  ].join('\n');

  const nodes = parseClusterNodes(text, asked);

  expect(nodes.map(({ name, role, group, failed }) => [name, role, group, failed])).toEqual([
    ['10.0.0.1:7000', 'master', 'aa', false],
    ['cache-2.internal:7000', 'master', 'bb', false],
    ['10.0.0.3:7000', 'replica', 'aa', false],
    ['[::1]:7000', 'replica', 'bb', true],
  ]);
});

test('a node that does not know its own address is called as it was reached', () => {
  expect(parseClusterNodes('aa :7000@17000 myself,master - 0 0 1 connected', asked)[0]?.name).toBe('seed:7000');
});

test('a server that is no cluster is told as such', async () => {
  const refused = new RedisError('ERR This instance has cluster support disabled');

  await expect(clusterDiscovery.nodes([refused], asked, async () => [])).rejects.toThrow('asking for the nodes');
});

/** A Sentinel that watches these masters, each with one replica and one other Sentinel. */
function sentinelWatching(...masters: string[]) {
  const commandsAsked: string[] = [];
  const record = (port: number, name: string, flags = '') => [
    'name',
    name,
    'ip',
    '10.0.0.9',
    'port',
    String(port),
    'flags',
    flags,
  ];
  const answer = ([, what = '', master = '']: Command): Reply => {
    if (what === 'MASTERS') return masters.map((name, index) => record(6379 + index, name, 'master'));
    const index = masters.indexOf(master);
    return what === 'SLAVES' ? [record(6479 + index, '', 's_down,slave')] : [record(26380, '')];
  };
  return {
    commandsAsked,
    answer,
    ask: async (commands: readonly Command[]) => {
      commandsAsked.push(...commands.map((command) => command.join(' ')));
      return commands.map(answer);
    },
  };
}

test('masters that are new are asked about at once, known ones along with everything else', async () => {
  const discovery = new SentinelDiscovery();
  const one = sentinelWatching('shop');
  const first = await discovery.nodes(discovery.commands().map(one.answer), asked, one.ask);
  const two = sentinelWatching('shop', 'stock');

  const second = await discovery.nodes(discovery.commands().map(two.answer), asked, two.ask);

  expect(one.commandsAsked).toEqual(['SENTINEL SLAVES shop', 'SENTINEL SENTINELS shop']);
  expect(first.map(({ name, role, group, failed }) => [name, role, group, failed])).toEqual([
    ['seed:7000', 'sentinel', '', false],
    ['10.0.0.9:26380', 'sentinel', '', false],
    ['10.0.0.9:6379', 'master', 'shop', false],
    ['10.0.0.9:6479', 'replica', 'shop', true],
  ]);
  expect(two.commandsAsked).toEqual(['SENTINEL SLAVES stock', 'SENTINEL SENTINELS stock']);
  expect(second.filter(({ group }) => group === 'stock')).toHaveLength(2);
});
