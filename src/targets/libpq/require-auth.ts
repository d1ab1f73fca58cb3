import type { Client } from 'pg';
import type { Connection } from './connection.ts';

/** Ways to log in by their names in `require_auth`; `none`: the server asks for nothing. */
const methods = ['password', 'md5', 'gss', 'sspi', 'scram-sha-256', 'oauth', 'none'] as const;
type Method = (typeof methods)[number];

/** `scram-sha-256,none`, or `!password,!md5` for all others. Throws for anything else. */
export function parseAuthenticationMethods(text: string): (method: Method) => boolean {
  const parts = text.split(',').map((part) => part.trim());
  const negated = parts.filter((part) => part.startsWith('!'));
  if (negated.length > 0 && negated.length < parts.length) {
    throw new Error('"require_auth" must be a list of ways or of ways with "!", not of both');
  }
  const named = parts.map((part) => methods.find((method) => method === part.replace(/^!/, '')));
  if (named.includes(undefined)) throw new Error(`require_auth must be made of ${methods.join(', ')}`);
  return (method) => named.includes(method) !== negated.length > 0;
}

/** The server asked for something that the configuration forbids: it may be somebody else in its place. */
export class AuthenticationForbidden extends Error {
  override readonly name = 'AuthenticationForbidden';
}

interface ProtocolEvents {
  readonly stream: { destroy(): void };
  emit(event: 'error', error: Error): void;
  prependListener(event: string, listener: (message: { readonly mechanisms?: readonly string[] }) => void): void;
}

/**
 * Ends the login before anything is given away when the server asks for it in a way that `require_auth` or
 * `channel_binding=require` forbid.
 */
export function guardAuthentication(client: Client, connection: Connection, encrypted: boolean): void {
  const { requireAuth, channelBinding } = connection;
  if (requireAuth === undefined && channelBinding !== 'require') return;
  const isAllowed = requireAuth === undefined ? () => true : parseAuthenticationMethods(requireAuth);
  const events = (client as unknown as { readonly connection: ProtocolEvents }).connection;
  const refuse = (reason: string) => {
    events.emit('error', new AuthenticationForbidden(reason));
    events.stream.destroy();
  };
  let asked = false;
  const check = (method: Method, isBound: boolean) => {
    asked = true;
    if (!isAllowed(method)) refuse(`the server asks for "${method}", which require_auth forbids`);
    else if (channelBinding === 'require' && !isBound) {
      refuse(`channel_binding=require, but the server ${encrypted ? 'does not offer it' : 'does not speak TLS'}`);
    }
  };
  events.prependListener('authenticationCleartextPassword', () => check('password', false));
  events.prependListener('authenticationMD5Password', () => check('md5', false));
  events.prependListener('authenticationSASL', ({ mechanisms = [] }) =>
    check('scram-sha-256', encrypted && mechanisms.includes('SCRAM-SHA-256-PLUS')),
  );
  events.prependListener('authenticationOk', () => {
    if (!asked) check('none', false);
  });
}
