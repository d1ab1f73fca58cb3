import { metric, sample } from '../../core/metric.ts';
import { recordsOf, sentinelMastersCommand, sentinelPeersCommand } from '../../targets/redis/topology.ts';
import type { RedisFamily } from './source.ts';

const peer = metric({
  name: 'redis_sentinel_peer_info',
  type: 'info',
  help: 'Always 1; the labels tell another Sentinel that this one knows to watch the same master. A change of flags is a new series.',
  labels: ['master_name', 'master_address', 'name', 'ip', 'port', 'runid', 'flags'],
  source: 'SENTINEL SENTINELS',
  unit: 'info',
});

export const sentinelPeers: RedisFamily = {
  name: 'sentinel_peers',
  about: 'The other Sentinels as each of them sees them, with run id and flags; for `mode: sentinel`.',
  kind: 'sentinel',
  metrics: [peer],
  enabledByDefault: false,
  commands: ({ node, masters }) =>
    node.kind === 'sentinel' ? [sentinelMastersCommand, ...masters.map(sentinelPeersCommand)] : [],
  read: (reading) =>
    recordsOf(reading.reply(sentinelMastersCommand)).flatMap((master) => {
      const name = master.get('name') ?? '';
      const address = `${master.get('ip')}:${master.get('port')}`;
      return recordsOf(reading.optionalReply(sentinelPeersCommand(name))).map((other) => {
        const label = (field: string) => other.get(field) ?? '';
        return sample(peer, 1, {
          master_name: name,
          master_address: address,
          name: label('name'),
          ip: label('ip'),
          port: label('port'),
          runid: label('runid'),
          flags: label('flags'),
        });
      });
    }),
};
