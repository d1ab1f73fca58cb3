import { expect, test } from 'vitest';
import { type LoadResult, readConfig } from '../../../src/config/load.ts';
import { formatProblem } from '../../../src/config/problem.ts';
import { newIdentity } from '../../support/age.ts';

function read(encryption: string, backup = '', environment: Record<string, string> = {}): LoadResult {
  const knowledge = { collectorNames: () => [], scheduleProblem: () => undefined };
  const text = `encryption: ${encryption}
stores: { here: { type: filesystem, path: /backups } }
targets: { shop: { engine: postgres, url: postgres://w@db/shop, backups: { nightly: { schedule: 0 2 * * *${backup} } } } }`;
  return readConfig(text, { file: '/etc/watchkeeper.yaml', environment, knowledge });
}

function messagesOf(result: LoadResult): string[] {
  const problems = result.ok ? [] : result.problems;
  return [...problems, ...result.warnings].map((problem) => formatProblem('w.yaml', problem));
}

function recipientsOf(result: LoadResult): readonly string[] | undefined {
  if (!result.ok) throw new Error(messagesOf(result).join('\n'));
  return result.config.targets[0]?.backups[0]?.recipients;
}

test('recipients hold for every schedule, unless one has its own or none', async () => {
  const [all, own] = [(await newIdentity()).recipient, (await newIdentity()).recipient];
  const encryption = `{ recipients: [${all}], identities: ['file:key'] }`;

  expect(recipientsOf(read(encryption))).toEqual([all]);
  expect(recipientsOf(read(encryption, `, encryption: { recipients: [${own}, ${all}] }`))).toEqual([own, all]);
  expect(recipientsOf(read(encryption, ', encryption: false'))).toBeUndefined();
  expect(recipientsOf(read('{}'))).toBeUndefined();
  expect(recipientsOf(read('{}', `, encryption: { recipients: [${own}] }`))).toEqual([own]);
});

test('what is no recipient is refused with its place, and a private key is not quoted', async () => {
  const { key, recipient } = await newIdentity();

  const wrong = messagesOf(
    read(`{ recipients: [${key.reveal()}, age1short, ${recipient.slice(0, -4)}qqqq], identities: ['file:k'] }`),
  );

  expect(wrong).toEqual([
    expect.stringContaining('encryption.recipients[0]: is a private key, which never belongs here'),
    expect.stringContaining('encryption.recipients[1]: must be a recipient of age'),
    expect.stringMatching(/encryption\.recipients\[2\]: must be a recipient .*; this one has a typing error$/),
  ]);
  expect(wrong.join()).not.toContain(key.reveal());
  expect(messagesOf(read('{ recipients: [] }'))).toHaveLength(1);
});

test('an identity in plain text, a recipient in its place and a broken reference are told', async () => {
  const { key, recipient } = await newIdentity();

  const plain = messagesOf(read(`{ identities: ['${key.reveal()}'] }`));
  const mistaken = messagesOf(read(`{ identities: ['${recipient}'] }`));
  const broken = messagesOf(read(`{ identities: ['aws-secret:'] }`));
  const fine = read("{ identities: ['${KEY}', 'file:key', 'aws-secret:backups#key'] }", '', { KEY: key.reveal() });

  expect(plain).toEqual([expect.stringContaining('encryption.identities[0]: a secret stands here in plain text')]);
  expect(plain.join()).not.toContain(key.reveal());
  expect(mistaken).toEqual([
    expect.stringContaining(
      'encryption.identities[0]: is a recipient, which is public: give the identity that belongs to it',
    ),
  ]);
  expect(broken).toEqual([expect.stringContaining('must be of the form aws-secret:NAME#KEY')]);
  expect(messagesOf(fine)).toEqual([]);
  expect(fine.ok && fine.config.identities.map(({ origin }) => origin)).toEqual([
    '${KEY}',
    'file:/etc/key',
    'aws-secret:backups#key',
  ]);
});

test('backups that nobody here can open are told where they shall be proven', async () => {
  const { recipient } = await newIdentity();
  const warning = expect.stringContaining('cannot be proven without "encryption.identities"');

  expect(messagesOf(read(`{ recipients: [${recipient}] }`))).toEqual([warning]);
  expect(messagesOf(read('{}', `, encryption: { recipients: [${recipient}] }`))).toEqual([warning]);
  expect(messagesOf(read(`{ recipients: [${recipient}] }`, ', verify: false'))).not.toContainEqual(warning);
  expect(messagesOf(read(`{ recipients: [${recipient}] }`, ', encryption: false'))).toEqual([]);
});
