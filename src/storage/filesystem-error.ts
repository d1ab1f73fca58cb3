import { coerceError, errorCode, errorMessage } from '../core/errors.ts';
import { StoreError, type StoreErrorKind } from './object-store.ts';

const kinds: Readonly<Record<string, StoreErrorKind>> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  EFBIG: 'full',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'denied',
  ENOENT: 'missing',
  EISDIR: 'missing',
  EEXIST: 'exists',
  ENOTDIR: 'misconfigured',
  ENAMETOOLONG: 'misconfigured',
  EMLINK: 'misconfigured',
  ENOTSUP: 'misconfigured',
  EIO: 'unavailable',
  ESTALE: 'unavailable',
  ETIMEDOUT: 'unavailable',
  ENODEV: 'unavailable',
  ENOTCONN: 'unavailable',
  EHOSTDOWN: 'unavailable',
  EMFILE: 'unavailable',
  ENFILE: 'unavailable',
  ENOMEM: 'unavailable',
};

const hints: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the quota is used up',
  EFBIG: 'the file would be larger than the filesystem or a limit allows',
  EACCES: 'the user of this process may not do that',
  EROFS: 'the filesystem is mounted read-only',
  EIO: 'the device reports an error',
};

/** Tells what an error of the file system means. `what` says what was attempted where. */
export function filesystemError(error: unknown, what: string): Error {
  const code = errorCode(error) ?? '';
  const kind = kinds[code];
  if (kind === undefined) return new Error(what, { cause: coerceError(error) });
  const hint = hints[code];
  return new StoreError(kind, `${what}: ${hint === undefined ? errorMessage(error) : `${hint} (${code})`}`, {
    cause: error,
  });
}
