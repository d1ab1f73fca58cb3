import { DeadlineExceeded } from '../core/deadline.ts';
import { errorCode, errorMessage, findCause } from '../core/errors.ts';
import { ProgramMissing } from '../core/run-process.ts';
import { SecretUnavailable } from '../core/secret.ts';
import { StoreError, type StoreErrorKind } from '../storage/object-store.ts';
import { type FailureReason, JobFailed } from './job.ts';

export interface Failure {
  readonly reason: FailureReason;
  /** Whether another try may help. */
  readonly transient: boolean;
}

/**
 * Tells why a run failed from whatever it threw: by our own errors first, then by SQLSTATE or errno, then by what
 * PostgreSQL's programs say on standard error, which is all they give. What nobody knows is `error`.
 */
export function classifyFailure(error: unknown): Failure {
  return (
    classifyOwn(error) ?? classifyCode(errorCode(error)) ?? classifyText(errorMessage(error)) ?? permanent('error')
  );
}

function classifyOwn(error: unknown): Failure | undefined {
  const job = findCause(error, JobFailed);
  if (job !== undefined) return { reason: job.reason, transient: job.transient };
  const store = findCause(error, StoreError);
  if (store !== undefined) return storeFailures[store.kind];
  const secret = findCause(error, SecretUnavailable);
  if (secret !== undefined) return { reason: 'authentication', transient: secret.transient };
  if (findCause(error, ProgramMissing) !== undefined) return permanent('program');
  if (findCause(error, DeadlineExceeded) !== undefined) return permanent('deadline');
  return undefined;
}

const storeFailures: Readonly<Record<StoreErrorKind, Failure>> = {
  unavailable: transient('store'),
  full: permanent('store_full'),
  denied: permanent('store'),
  misconfigured: permanent('store'),
  missing: permanent('damaged'),
  exists: permanent('store'),
  damaged: permanent('damaged'),
  locked: permanent('store'),
  spool: permanent('spool'),
};

/** First match wins. PostgreSQL's SQLSTATE (docs: Appendix A), Node.js's errno and TLS codes. */
const codes: readonly (readonly [RegExp, Failure])[] = [
  [/^28...$/, permanent('authentication')],
  [/^42501$/, permanent('privilege')],
  [/^(08...|57P..|53300)$/, transient('connection')],
  [/^57014$/, permanent('deadline')],
  // lock_not_available, deadlock, serialization failure, a table or schema that is gone.
  [/^(55P03|40P01|40001|42P01|3F000)$/, transient('source_changed')],
  [
    /^E(CONNREFUSED|CONNRESET|CONNABORTED|PIPE|TIMEDOUT|HOSTUNREACH|HOSTDOWN|NETUNREACH|NETDOWN|AI_AGAIN)$/,
    transient('connection'),
  ],
  // A name that does not exist is a mistake in the configuration; a name server that is away says EAI_AGAIN.
  [/^ENOTFOUND$/, permanent('connection')],
  [/CERT|^ERR_TLS|^ERR_SSL/, permanent('connection')],
];

function classifyCode(code: string | undefined): Failure | undefined {
  return code === undefined ? undefined : codes.find(([pattern]) => pattern.test(code))?.[1];
}

/** Words of PostgreSQL's programs and of node-postgres. First match wins: a refused login is also a failed connection. */
const texts: readonly (readonly [RegExp, Failure])[] = [
  [
    /authentication failed|no password supplied|no pg_hba\.conf entry|FATAL: +role ".*" does not exist/,
    permanent('authentication'),
  ],
  [/permission denied|must be (owner|superuser|member)/, permanent('privilege')],
  [/server version mismatch|invalid connection option/, permanent('program')],
  [/Name or service not known|certificate verify failed|server does not support SSL/, permanent('connection')],
  [
    // pg_dump waits for its locks by a statement timeout, and has none otherwise.
    /lock timeout|canceling statement due to (statement timeout|conflict with recovery)|deadlock detected|could not obtain lock|could not open relation|cache lookup failed/,
    transient('source_changed'),
  ],
  [/(relation|schema|table) ".*" does not exist|column .* does not exist/, transient('source_changed')],
  [
    /connection to server .* failed|could not (connect|receive data|send data|translate host name)|server closed the connection|connection terminated|terminating connection|timeout expired|the database system is |too many clients|remaining connection slots/i,
    transient('connection'),
  ],
];

function classifyText(text: string): Failure | undefined {
  return texts.find(([pattern]) => pattern.test(text))?.[1];
}

function transient(reason: FailureReason): Failure {
  return { reason, transient: true };
}

function permanent(reason: FailureReason): Failure {
  return { reason, transient: false };
}
