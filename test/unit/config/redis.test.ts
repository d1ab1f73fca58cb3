import { expect, test } from 'vitest';
import { readConfig } from '../../../src/config/load.ts';
import type { LoadedTarget } from '../../../src/config/loaded.ts';
import { formatProblem } from '../../../src/config/problem.ts';

function read(settings: string, environment: Readonly<Record<string, string>> = {}) {
  const knowledge = { collectorNames: () => ['memory', 'keyspace'], scheduleProblem: () => undefined };
  const text = `targets:\n  cache:\n    engine: redis\n${settings.replaceAll(/^/gm, '    ')}`;
  const result = readConfig(text, { file: '/etc/watchkeeper/w.yaml', environment, knowledge });
  const tell = (remarks: typeof result.warnings) =>
    remarks.map((one) => formatProblem('w.yaml', one).replace(/^w\.yaml:\d+:\d+: targets\.cache\./, ''));
  return {
    target: result.ok ? result.config.targets[0] : undefined,
    warnings: tell(result.warnings),
    problems: result.ok ? [] : tell(result.problems),
  };
}

function redisOf(target: LoadedTarget | undefined) {
  if (target?.engine !== 'redis') throw new Error('no Redis target');
  return target;
}

test('a URL is enough', async () => {
  const { target, warnings } = read('url: redis://cache.internal');

  expect(warnings).toEqual([]);
  expect(redisOf(target).access).toEqual({
    mode: 'standalone',
    addresses: [{ host: 'cache.internal', port: 6379 }],
    login: { username: undefined, password: undefined },
    sentinelLogin: { username: undefined, password: undefined },
    tls: undefined,
    database: 0,
  });
  expect(redisOf(target).backups).toEqual([]);
});

test('files are looked for beside the configuration, patterns carry their database', async () => {
  const { target, warnings } = read(`url: rediss://watch@cache.internal/2
password: file:secrets/cache
tls: { ca: ca.pem, certificate: own.pem, key: own.key, serverName: cache }
watch: { keys: { counts: ['session:*', 'db3=a=b'] } }`);

  const { access, watch } = redisOf(target);
  expect(warnings).toEqual([]);
  expect(access.login.username).toBe('watch');
  expect(access.login.password?.origin).toBe('file:/etc/watchkeeper/secrets/cache');
  expect(access.tls).toEqual({
    ca: '/etc/watchkeeper/ca.pem',
    certificate: '/etc/watchkeeper/own.pem',
    key: '/etc/watchkeeper/own.key',
    serverName: 'cache',
    verify: true,
  });
  expect(access.database).toBe(2);
  expect(watch.keys.counts).toEqual([{ match: 'session:*' }, { database: 3, match: 'a=b' }]);
});

test.each([
  [
    'no URL of Redis',
    'url: http://cache',
    'url: not a URL of the form redis://host:port, rediss://host:port or unix:///path/of/socket',
  ],
  [
    'several servers',
    'url: redis://a,b',
    'url: names several servers; that is for "mode: cluster" or "mode: sentinel"',
  ],
  [
    'TLS settings without TLS',
    'url: redis://a\ntls: { ca: x }',
    'tls: means nothing without TLS: write rediss:// in the URL',
  ],
  [
    'half a certificate',
    'url: rediss://a\ntls: { certificate: x }',
    'tls: "certificate" and "key" belong together: give both or neither',
  ],
  ['two users', 'url: redis://u@a\nusername: v', 'url: holds a user although "username" gives one; keep one of them'],
  [
    'a Sentinel’s user without Sentinels',
    'url: redis://a\nsentinelUsername: v',
    'sentinelUsername: is for "mode: sentinel"',
  ],
  [
    'too much patience',
    'url: redis://a\nwatch: { nodeTimeout: 5s }',
    'watch.nodeTimeout: must be more than 0 and less than half of "scrape.timeout" (9500 ms)',
  ],
  [
    'too long a look at keys',
    'url: redis://a\nwatch: { keys: { timeLimit: 4s } }',
    'watch.keys.timeLimit: must be more than 0 and no more than "nodeTimeout"',
  ],
  [
    'an unknown family',
    'url: redis://a\nwatch: { collectors: { memry: true } }',
    'watch.collectors.memry: there is no collector "memry"; did you mean "memory"?',
  ],
  ['an unknown command', 'url: redis://a\nwatch: { commands: { KEYS: k } }', undefined],
])('%s is refused', (_case, settings, problem) => {
  const { problems } = read(settings);

  expect(problems).toHaveLength(1);
  if (problem !== undefined) expect(problems).toEqual([problem]);
});

test('two passwords are refused without being shown', () => {
  const { problems } = read('url: redis://u:hunter2@a\npassword: hunter3');

  expect(problems).toEqual(['url: holds a password although "password" gives one; keep one of them']);
});

test('a password in plain text and a certificate that is not looked at are warned of', () => {
  const { warnings } = read('url: rediss://u:hunter2@a\ntls: { verify: false }');

  expect(warnings).toEqual([
    'url: a password stands in the URL in plain text; move it to "password: file:…" or "password: ${ENV}"',
    'tls.verify: the password goes to whoever answers; give "ca" instead',
  ]);
  expect(read('url: "redis://u:${SECRET}@a"', { SECRET: 'hunter2' }).warnings).toEqual([]);
});
