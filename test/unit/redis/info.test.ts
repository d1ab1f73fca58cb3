import { expect, test } from 'vitest';
import { Info, parseFields, parseNumber, ServerFacts } from '../../../src/targets/redis/info.ts';

test('fields are split at the first colon, sections are left out, and the first of two counts', () => {
  const info = Info.parse(
    '# Server\r\nlistener0:name=tcp,bind=*,bind=-::*,port=6379\r\nhz:10\r\n\r\n# Again\r\nhz:11\r\n',
  );

  expect(info.text('listener0')).toBe('name=tcp,bind=*,bind=-::*,port=6379');
  expect(info.number('hz')).toBe(10);
  expect(info.text('# Server')).toBeUndefined();
});

test.each([
  ['12', 12],
  ['-1', -1],
  ['0.50', 0.5],
  ['97.21%', 97.21],
  ['1.5e-05', 0.000_015],
  ['924.73K', undefined],
  ['ok', undefined],
  ['', undefined],
  ['0x10', undefined],
])('the number %j is %j', (text, value) => {
  expect(parseNumber(text)).toBe(value);
});

test('values are found by name, in whatever order and number they come', () => {
  expect([...parseFields('keys=5,expires=2,avg_ttl=900,subexpiry=1')]).toEqual([
    ['keys', '5'],
    ['expires', '2'],
    ['avg_ttl', '900'],
    ['subexpiry', '1'],
  ]);
});

test('Valkey tells its own version beside the one it is compatible with', () => {
  const valkey = Info.parse('redis_version:7.2.4\nserver_name:valkey\nvalkey_version:9.1.2\ncluster_enabled:1');
  const facts = new ServerFacts(valkey);

  expect([valkey.product, valkey.version]).toEqual(['Valkey', '9.1.2']);
  expect([facts.isBefore(8, 1), facts.isBefore(9, 1), facts.isBefore(9, 2)]).toEqual([false, false, true]);
  expect(facts.isClusterNode).toBe(true);
});

test('of a server that tells nothing nothing is ruled out', () => {
  const facts = new ServerFacts(Info.parse(''));

  expect([facts.isBefore(7), facts.isClusterNode, facts.product]).toEqual([false, false, 'Redis']);
});
