import { expect, test } from 'vitest';
import { describeFailures, KeyNode } from '../../../src/jobs/compare/redis/key-node.ts';
import type { ByteCommand, ByteReply, RedisConnection } from '../../../src/targets/redis/connection.ts';
import { RedisError } from '../../../src/targets/redis/connection.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { testContext } from '../../support/test-context.ts';

type AskBytes = (commands: readonly ByteCommand[], signal: AbortSignal) => Promise<readonly (ByteReply | RedisError)[]>;

const startOfYear = () => new ManualClock('2026-01-01T00:00:00Z');

/** As a connection does, this one is destroyed when it is aborted. */
function node(askBytes: AskBytes, { clock = startOfYear(), name = 'a' } = {}): KeyNode {
  const connection = {
    usable: true,
    askBytes: async (commands: readonly ByteCommand[], signal: AbortSignal) => {
      signal.addEventListener('abort', () => {
        connection.usable = false;
      });
      return await askBytes(commands, signal);
    },
  };
  const context = { ...testContext(), clock, onProgress: () => undefined };
  return new KeyNode(name, connection as unknown as RedisConnection, context);
}

const refusing = (message: string) => node(async (commands) => commands.map(() => new RedisError(message)));
const work = { what: 'counting keys', timeoutMs: 600_000, database: 2 };
const getting = (one: KeyNode) => one.attempt(work, (ask) => ask([['GET', 'k']]));

test('the database is selected in the same round trip', async () => {
  const asked: ByteCommand[] = [];

  const answered = await getting(
    node(async (commands) => {
      asked.push(...commands);
      return commands.map(([name]) => Buffer.from(name));
    }),
  );

  expect(asked).toEqual([
    ['SELECT', '2'],
    ['GET', 'k'],
  ]);
  expect(answered).toEqual({ value: [Buffer.from('GET')] });
});

test.each([
  ['NOPERM no rights', '; the user watchkeeper_compare of deploy/redis/acl.txt has the rights'],
  ['MOVED 12 127.0.0.1:7000', '; slots are moving between the nodes: compare again'],
  ['CLUSTERDOWN The cluster is down', '; the cluster answers again when all slots have a master, or with cluster'],
  ['LOADING Redis is loading', ''],
])('what a node refuses is told with its remedy: %s', async (message, remedy) => {
  expect(await getting(refusing(message))).toEqual({ why: expect.stringContaining(`${message}${remedy}`) });
});

test('an error about one key is an answer', async () => {
  const wrongType = node(async () => [Buffer.from('OK'), new RedisError('WRONGTYPE Operation against a key')]);

  expect(await getting(wrongType)).toMatchObject({ value: [{ code: 'WRONGTYPE' }] });
});

test('a node that does not answer for a minute hangs, whatever the time for all, and is not asked again', async () => {
  const clock = startOfYear();
  let asked = 0;
  const hanging = node(
    (_commands, signal) => {
      asked += 1;
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    },
    { clock },
  );

  const first = getting(hanging);
  await clock.advance(60_000);
  const second = await getting(hanging);

  expect(await first).toEqual({ why: 'counting keys: one answer took longer than 60000 ms' });
  expect(second).toEqual({ why: 'it did not answer in time before, and was not asked again' });
  expect(asked).toBe(1);
});

test('a fault of the program is none of the node', async () => {
  const faulty = node(async () => []);

  await expect(faulty.attempt(work, () => Promise.reject(new TypeError('no')))).rejects.toThrow('no');
});

test('nodes that fail alike are told together, and those that are all there is by no name', () => {
  const [one, two, three] = ['a', 'b', 'c'].map((name) => node(async () => [], { name })) as [
    KeyNode,
    KeyNode,
    KeyNode,
  ];
  const failures = [
    { node: one, why: 'gone' },
    { node: two, why: 'gone' },
  ];

  expect(describeFailures(failures, [one, two, three])).toBe('a, b: gone');
  expect(describeFailures([{ node: one, why: 'gone' }], [one])).toBe('gone');
});
