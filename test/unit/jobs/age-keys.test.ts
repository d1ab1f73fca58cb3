import { inspect } from 'node:util';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { expect, test } from 'vitest';
import { errorMessage } from '../../../src/core/errors.ts';
import { literalSecret, type SecretSource, SecretUnavailable } from '../../../src/core/secret.ts';
import { parseIdentities, recipientProblem } from '../../../src/jobs/encryption/age-keys.ts';
import { identitiesFor, readIdentities } from '../../../src/jobs/encryption/identities.ts';
import { JobFailed } from '../../../src/jobs/job.ts';
import { newIdentity } from '../../support/age.ts';

test('a recipient is told from a private key, a typing error and something else', async () => {
  const identity = await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  const last = recipient.endsWith('q') ? 'p' : 'q';

  expect(recipientProblem(recipient)).toBeUndefined();
  expect(recipientProblem(identity)).toContain('is a private key, which never belongs here');
  expect(recipientProblem(identity)).not.toContain(identity);
  expect(recipientProblem(`${recipient.slice(0, -1)}${last}`)).toContain('has a typing error');
  for (const other of ['', 'age1short', recipient.toUpperCase(), 'ssh-ed25519 AAAA', `${recipient}q`]) {
    expect(recipientProblem(other)).toBe('must be a recipient of age, age1 and 58 characters, as age-keygen prints it');
  }
});

test('identities are read as age-keygen writes them, several in one text', async () => {
  const [first, second] = [await generateX25519Identity(), await generateX25519Identity()];

  const identities = await parseIdentities(`# created: today\r\n# public key: age1\r\n${first}\r\n\n  ${second}`);

  expect(identities.map(({ key }) => key.reveal())).toEqual([first, second]);
  expect(identities[1]?.recipient).toBe(await identityToRecipient(second));
  expect(inspect(identities, { depth: 9 })).not.toContain('AGE-SECRET-KEY');
});

test('what is no identity is refused without being quoted', async () => {
  const damaged = `${(await generateX25519Identity()).slice(0, -3)}QQQ`;

  for (const wrong of ['', '# nothing\n', 'hunter2', damaged, damaged.toLowerCase()]) {
    const error: unknown = await parseIdentities(wrong).catch((thrown: unknown) => thrown);
    expect(errorMessage(error)).toMatch(/^it holds (no identity|something that is no identity)/);
    if (wrong !== '') expect(inspect(error, { depth: 9 })).not.toContain(wrong.trim());
  }
});

test.each([
  ['age1tc03kz77qm8zc9r9cgnf2hc6prp0hatrctywfy5lats9zhq8pddsqwyfet', 'a recipient, which is the public half'],
  [
    '-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n',
    'one that is encrypted with a passphrase',
  ],
  ['age-encryption.org/v1\n-> scrypt x 18\n', 'one that is encrypted with a passphrase'],
  ['-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n', 'a key of SSH or TLS'],
  ['AGE-PLUGIN-YUBIKEY-1QQQ\n', 'a key of a plugin or of another kind'],
  ['AGE-SECRET-KEY-PQ-1QQQ\n', 'a key of a plugin or of another kind'],
])('what is given by mistake is told by its kind (%#)', async (text, kind) => {
  const problem = `it holds something that is no identity of age (AGE-SECRET-KEY-1…); it looks like ${kind}`;

  await expect(parseIdentities(text)).rejects.toThrow(problem);
});

test('one identity that is there is enough, also when another cannot be read', async () => {
  const { source, recipient } = await newIdentity();
  const lost: SecretSource = {
    origin: 'file:/gone',
    read: () => Promise.reject(new SecretUnavailable('file:/gone cannot be read')),
  };
  const other = await newIdentity();
  const manifest = { id: 'x', encryption: { recipients: [(await newIdentity()).recipient, recipient] } };

  expect(await identitiesFor(manifest, [lost, other.source, source])).toMatchObject([{ recipient }]);
  const { identities, problems } = await readIdentities([lost, literalSecret('hunter2', '$' + '{KEY}'), source]);
  expect(identities).toHaveLength(1);
  expect(problems.map(errorMessage)).toEqual([
    'file:/gone cannot be read',
    'the identity in ${KEY} cannot be used: it holds something that is no identity of age (AGE-SECRET-KEY-1…)',
  ]);
});

test('that none fits is told with what was wanted and what was there', async () => {
  const [wanted, other] = [await newIdentity(), await newIdentity()];
  const manifest = { id: '2026-x', encryption: { recipients: [wanted.recipient] } };

  const none = await failure(manifest, []);
  const wrong = await failure(manifest, [other.source]);

  expect(none).toMatchObject({ reason: 'identity', transient: false });
  expect(none.message).toBe(
    `no identity opens backup 2026-x: none is configured (encryption.identities); it was encrypted to ${wanted.recipient}`,
  );
  expect(wrong.message).toBe(
    `no identity opens backup 2026-x: it was encrypted to ${wanted.recipient}; the configured ones are of ${other.recipient}`,
  );
  expect(await identitiesFor({ id: 'plain' }, [])).toEqual([]);
});

test('a service that does not answer may pass by itself', async () => {
  const { recipient } = await newIdentity();
  const away: SecretSource = {
    origin: 'aws-secret:key',
    read: () => Promise.reject(new SecretUnavailable('no answer', { transient: true })),
  };

  expect(await failure({ id: 'x', encryption: { recipients: [recipient] } }, [away])).toMatchObject({
    reason: 'identity',
    transient: true,
  });
});

async function failure(...given: Parameters<typeof identitiesFor>): Promise<JobFailed> {
  const error: unknown = await identitiesFor(...given).catch((thrown: unknown) => thrown);
  if (error instanceof JobFailed) return error;
  throw new Error('it did not fail', { cause: error });
}
