import { expect, test } from 'vitest';
import { unexplained } from '../../../scripts/compatibility/compare.ts';
import { peers } from '../../../scripts/compatibility/peers.ts';

test.each(peers)('every metric of $name is kept, or it is said why not', (peer) => {
  expect(unexplained(peer)).toEqual([]);
});

test('a metric that is missing or of another type without a reason is told, and so is a reason without a metric', () => {
  const metrics = [
    { name: 'redis_up', type: 'counter', labels: [], collector: '', isDefault: true },
    { name: 'redis_memory_used_bytes', type: 'gauge', labels: ['shard'], collector: '', isDefault: true },
    { name: 'redis_quux', type: 'gauge', labels: [], collector: '', isDefault: true },
    { name: 'redis_plugh_size', type: 'gauge', labels: [], collector: '', isDefault: true },
  ];
  const judgements = {
    'redis_plugh_*': { leftOut: 'a word' },
    'redis_xyzzy_*': { leftOut: 'another' },
  };

  const found = unexplained({ name: 'peer', version: '1', engine: 'redis', metrics, judgements });

  expect(found).toEqual([
    'redis_up: counter {} there, gauge {} here, and nobody says why',
    'redis_memory_used_bytes: gauge {shard} there, gauge {} here, and nobody says why',
    'redis_quux: missing, and nobody says why',
    'redis_xyzzy_*: judged, but peer has no such metric',
  ]);
});
