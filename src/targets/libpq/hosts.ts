import { errorCode } from '../../core/errors.ts';
import { type Connection, type Endpoint, endpointsOf, type TargetSessionAttribute } from './connection.ts';
import { classifyLoginFailure } from './login-failure.ts';

/** What a server says of itself right after login, before anything was set. */
export interface ServerState {
  readonly inRecovery: boolean;
  /** Of a new transaction: on a standby, and where server, database or role say so. */
  readonly readOnly: boolean;
}

/**
 * The servers to try and what they must be, in order. `prefer-standby` asks everybody for a standby first, and then
 * takes anybody.
 */
export function loginPlan(
  connection: Connection,
): readonly { readonly endpoint: Endpoint; readonly wanted: TargetSessionAttribute }[] {
  const { loadBalance, targetSession = 'any' } = connection;
  const endpoints = loadBalance === true ? shuffled(endpointsOf(connection)) : endpointsOf(connection);
  const rounds: readonly TargetSessionAttribute[] =
    targetSession === 'prefer-standby' ? ['standby', 'any'] : [targetSession];
  return rounds.flatMap((wanted) => endpoints.map((endpoint) => ({ endpoint, wanted })));
}

/** Why a server is not the wanted one; undefined when it is. */
export function mismatch(wanted: TargetSessionAttribute, { inRecovery, readOnly }: ServerState): string | undefined {
  switch (wanted) {
    case 'read-write':
      if (!readOnly) return undefined;
      return inRecovery
        ? 'it is a standby, read-write is wanted'
        : 'its sessions are read-only (default_transaction_read_only), read-write is wanted; use target_session_attrs=primary';
    case 'read-only':
      return readOnly ? undefined : 'its sessions can write, read-only is wanted';
    case 'primary':
      return inRecovery ? 'it is a standby, the primary is wanted' : undefined;
    case 'standby':
    case 'prefer-standby':
      return inRecovery ? undefined : 'it is a primary, a standby is wanted';
    case 'any':
      return undefined;
  }
}

/** None of the servers is as `target_session_attrs` wants it. */
export class ServerMismatch extends Error {
  override readonly name = 'ServerMismatch';
}

const worthOtherHost: ReadonlySet<string> = new Set(['refused', 'unknown_host', 'timeout']);

/** As libpq: another server is tried when this one cannot be reached, not when it was reached and refuses us. */
export function isWorthOtherHost(error: unknown): boolean {
  return error instanceof ServerMismatch || worthOtherHost.has(classifyLoginFailure(error));
}

/** The server has no line in pg_hba.conf for us, encrypted or not as we came; another way it may have one. */
export function isRefusedAsItCame(error: unknown): boolean {
  return errorCode(error) === '28000';
}

function shuffled<T>(items: readonly T[]): T[] {
  const keyed = items.map((item) => ({ item, key: Math.random() }));
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}
