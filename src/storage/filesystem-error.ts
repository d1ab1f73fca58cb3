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

/** Of a write, which misses no object: Node tells so of a folder that cannot be made on a filesystem without write access. */
const folderMissing: Readonly<Record<string, string>> = {
  ENOENT: 'the folder is not there and cannot be made; is its filesystem mounted, and not read-only?',
};

/** Tells what an error of the file system means. `what` says what was attempted where. */
export function filesystemError(error: unknown, what: string, { isWrite = false } = {}): Error {
  const code = errorCode(error) ?? '';
  const missing = isWrite ? folderMissing[code] : undefined;
  const kind = missing === undefined ? kinds[code] : 'misconfigured';
  if (kind === undefined) return new Error(what, { cause: coerceError(error) });
  const hint = missing ?? hints[code];
  return new StoreError(kind, `${what}: ${hint === undefined ? errorMessage(error) : `${hint} (${code})`}`, {
    cause: error,
  });
}
