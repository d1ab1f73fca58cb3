import { expect, test } from 'vitest';
import { keyOfName, nameOfKey } from '../../../src/jobs/compare/redis/key-name.ts';
import { clusterNodes } from '../../../src/jobs/compare/redis/key-space.ts';
import { readKeys } from '../../../src/jobs/compare/redis/read-keys.ts';
import { type ByteCommand, type ByteReply, RedisError } from '../../../src/targets/redis/connection.ts';
import { slotOwners } from '../../../src/targets/redis/slots.ts';

const read = (answer: (command: ByteCommand) => ByteReply | RedisError) =>
  readKeys(async (commands) => commands.map(answer), [Buffer.from('k')]);

test('a value of a module is not read, and its type and life are known', async () => {
  const asked: string[] = [];

  const [state] = await read(([name]) => {
    asked.push(name);
    return name === 'TYPE' ? Buffer.from('ReJSON-RL') : 5_000;
  });

  expect(state).toEqual({
    type: 'ReJSON-RL',
    leftMs: 5_000,
    length: undefined,
    fingerprint: undefined,
    skipped: 'values of type ReJSON-RL cannot be compared',
  });
  expect(asked).toEqual(['TYPE', 'PTTL']);
});

test('a key that became something else while it was read is not compared', async () => {
  const [state] = await read(([name]) => {
    if (name === 'TYPE') return Buffer.from('list');
    return name === 'LRANGE' || name === 'LLEN' ? new RedisError('WRONGTYPE Operation against a key') : -1;
  });

  expect(state).toMatchObject({ leftMs: undefined, length: undefined, skipped: 'it changed while it was read' });
});

test.each([
  ['many elements', 10_001, 100, ['TYPE', 'PTTL', 'HLEN'], /more than 10,000 elements/],
  ['few and large elements', 3, 2 ** 21, ['TYPE', 'PTTL', 'HLEN', 'MEMORY'], /more than 1 MiB/],
])('a value of %s is not read, and its size is that of all its elements', async (_what, length, bytes, asked, why) => {
  const commands: ByteCommand[] = [];

  const [state] = await read((command) => {
    commands.push(command);
    if (command[0] === 'TYPE') return Buffer.from('hash');
    return command[0] === 'HLEN' ? length : bytes;
  });

  expect(state).toMatchObject({ length, fingerprint: undefined, skipped: expect.stringMatching(why) });
  expect(commands.map(([name]) => name)).toEqual(asked);
  expect(commands[3]?.slice(3) ?? ['SAMPLES', '0']).toEqual(['SAMPLES', '0']);
});

test('nodes with slots must be known: else their keys would be missing without a word', () => {
  const line = 'a 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-16383';

  expect(() => clusterNodes('cache', new RedisError('NOPERM no right'), [])).toThrow('NOPERM');
  expect(() => clusterNodes('cache', '', [])).toThrow('CLUSTER NODES of cache tells of no node that has slots');
  expect(() => clusterNodes('cache', line, [])).toThrow('nothing is known of the node a of cache, which has slots');
});

test('scores are the same however many digits a version writes', async () => {
  const scored = (score: string) =>
    read(([name]) => {
      if (name === 'TYPE') return Buffer.from('zset');
      return name === 'ZRANGE' ? [Buffer.from('m'), Buffer.from(score)] : 1;
    });

  const [short] = await scored('0.1');
  const [long] = await scored('0.10000000000000001');
  const [other] = await scored('0.2');

  expect(long?.fingerprint).toBe(short?.fingerprint);
  expect(other?.fingerprint).not.toBe(short?.fingerprint);
});

test('no two keys have one name', () => {
  const keys = [Buffer.from('text é'), Buffer.from([255, 0]), Buffer.from('binary:ff00'), Buffer.from('\ufffd')];

  const names = keys.map(nameOfKey);

  expect(new Set(names).size).toBe(keys.length);
  expect(names[0]).toBe('text é');
  expect(names.map(keyOfName)).toEqual(keys);
});

test('slots belong to the node in whose line they stand, those on their way too', () => {
  const owners = slotOwners(
    [
      'a 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-2 5 [5->-b]',
      'b 10.0.0.2:6379@16379 master - 0 0 2 connected 3-4 [5-<-a]',
      'c 10.0.0.3:6379@16379 slave a 0 0 1 connected',
    ].join('\n'),
  );

  expect(owners.slice(0, 7)).toEqual(['a', 'a', 'a', 'b', 'b', 'a', undefined]);
  expect(owners).toHaveLength(16_384);
});
