import { Encrypter, identityToRecipient } from 'age-encryption';
import { Secret } from '../../core/secret.ts';

/** What opens a backup, and the recipient it belongs to, which is public. */
export interface Identity {
  readonly key: Secret;
  readonly recipient: string;
}

/** Why a text is no X25519 recipient (`age1…`); undefined when it is one. */
export function recipientProblem(text: string): string | undefined {
  if (/^AGE-SECRET-KEY-/i.test(text)) {
    return 'is a private key, which never belongs here: give the public one, which age-keygen -y prints';
  }
  const problem = 'must be a recipient of age, age1 and 58 characters, as age-keygen prints it';
  if (!/^age1[a-z0-9]{58}$/.test(text)) return problem;
  try {
    new Encrypter().addRecipient(text);
    return undefined;
  } catch {
    return `${problem}; this one has a typing error`;
  }
}

/**
 * The identities in a text as age-keygen writes it: one in each line, comments after `#`. Throws when there is none or
 * something else; the message never holds any of the text.
 */
export async function parseIdentities(text: string): Promise<Identity[]> {
  const lines = text.split('\n').map((line) => line.trim());
  const keys = lines.filter((line) => line !== '' && !line.startsWith('#'));
  if (keys.length === 0) throw new Error('it holds no identity of age');
  return Promise.all(keys.map(parseIdentity));
}

const mistakes: readonly { readonly pattern: RegExp; readonly what: string }[] = [
  { pattern: /^age1/, what: 'a recipient, which is the public half' },
  {
    pattern: /BEGIN AGE ENCRYPTED|^age-encryption\.org/,
    what: 'one that is encrypted with a passphrase, which nobody is there to type: decrypt it with age',
  },
  { pattern: /BEGIN .*PRIVATE KEY/, what: 'a key of SSH or TLS, which is not taken: make one with age-keygen' },
  { pattern: /^AGE-PLUGIN-|^AGE-SECRET-KEY-[^1]/, what: 'a key of a plugin or of another kind, which is not taken' },
];

async function parseIdentity(line: string): Promise<Identity> {
  const isIdentity = /^AGE-SECRET-KEY-1[A-Z0-9]+$/.test(line);
  // What the library says could quote what it was given.
  const recipient = isIdentity ? await identityToRecipient(line).catch(() => undefined) : undefined;
  if (recipient === undefined) {
    const what = mistakes.find(({ pattern }) => pattern.test(line))?.what;
    const hint = what === undefined ? '' : `; it looks like ${what}`;
    throw new Error(`it holds something that is no identity of age (AGE-SECRET-KEY-1…)${hint}`);
  }
  return { key: new Secret(line), recipient };
}
