import { expect, test } from 'vitest';
import { formatAddress, parseRedisUrl } from '../../../src/targets/redis/url.ts';

const nobody = { tls: false, username: undefined, password: undefined, database: 0 };

test.each([
  ['redis://cache', { ...nobody, addresses: [{ host: 'cache', port: 6379 }] }],
  ['valkey://cache:7000/', { ...nobody, addresses: [{ host: 'cache', port: 7000 }] }],
  ['rediss://cache:7000/3', { ...nobody, tls: true, database: 3, addresses: [{ host: 'cache', port: 7000 }] }],
  ['valkeys://[::1]:7000', { ...nobody, tls: true, addresses: [{ host: '::1', port: 7000 }] }],
  [
    'redis://watch:p%40ss@a:26379,b:26380',
    {
      ...nobody,
      username: 'watch',
      password: 'p@ss',
      addresses: [
        { host: 'a', port: 26379 },
        { host: 'b', port: 26380 },
      ],
    },
  ],
  ['redis://:pass@cache', { ...nobody, password: 'pass', addresses: [{ host: 'cache', port: 6379 }] }],
  ['unix:///run/redis/redis.sock', { ...nobody, addresses: [{ host: '/run/redis/redis.sock', port: 0 }] }],
  ['unix:///run/r.sock?db=2', { ...nobody, database: 2, addresses: [{ host: '/run/r.sock', port: 0 }] }],
])('%s is understood', (url, parsed) => {
  expect(parseRedisUrl(url)).toEqual(parsed);
});

test.each([
  'cache:6379',
  'http://hunter2@cache',
  'redis://',
  'redis://hunter2@cache:99999',
  'redis://hunter2@cache:0',
  'redis://cache/hunter2',
  'redis://u:hunter2%zz@cache',
  'redis://cache?hunter2=1',
])('%s is refused without being shown', (url) => {
  expect(() => parseRedisUrl(url)).toThrow();
  expect(() => parseRedisUrl(url)).not.toThrow('hunter2');
});

test('an address is written as the label of a node', () => {
  expect(formatAddress({ host: '10.0.0.1', port: 6379 })).toBe('10.0.0.1:6379');
  expect(formatAddress({ host: '::1', port: 6379 })).toBe('[::1]:6379');
  expect(formatAddress({ host: '/run/redis.sock', port: 0 })).toBe('/run/redis.sock');
});
