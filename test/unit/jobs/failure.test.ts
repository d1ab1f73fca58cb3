import { describe, expect, test } from 'vitest';
import { DeadlineExceeded } from '../../../src/core/deadline.ts';
import { ProcessFailed, ProgramMissing } from '../../../src/core/run-process.ts';
import { SecretUnavailable } from '../../../src/core/secret.ts';
import { classifyFailure } from '../../../src/jobs/failure.ts';
import { JobFailed } from '../../../src/jobs/job.ts';
import { StoreError, type StoreErrorKind } from '../../../src/storage/object-store.ts';

function withCode(code: string, message = 'it failed'): Error {
  return Object.assign(new Error(message), { code });
}

function pgDump(stderr: string): ProcessFailed {
  return new ProcessFailed('pg_dump', { code: 1, signal: null, stderr });
}

describe('an error of our own', () => {
  test('that knows its reason keeps it, however deep it lies', () => {
    const inner = new JobFailed('source_changed', 'a table was dropped', { transient: true });

    const failure = classifyFailure(new Error('backing up payments', { cause: inner }));

    expect(failure).toEqual({ reason: 'source_changed', transient: true });
  });

  test.each([true, false])('that a secret cannot be had is a matter of the login (transient: %s)', (transient) => {
    const inner = new SecretUnavailable('reading the AWS secret prod/shop', { transient });

    const failure = classifyFailure(new Error('connecting', { cause: inner }));

    expect(failure).toEqual({ reason: 'authentication', transient });
  });

  test.each<[StoreErrorKind, string, boolean]>([
    ['unavailable', 'store', true],
    ['full', 'store_full', false],
    ['denied', 'store', false],
    ['misconfigured', 'store', false],
    ['missing', 'damaged', false],
    ['damaged', 'damaged', false],
  ])('of a store, kind %s, is %s', (kind, reason, transient) => {
    const failure = classifyFailure(new Error('storing', { cause: new StoreError(kind, 'it failed') }));

    expect(failure).toEqual({ reason, transient });
  });

  test('about a missing program is of no use to try again', () => {
    expect(classifyFailure(new ProgramMissing('program pg_dump is not installed'))).toEqual({
      reason: 'program',
      transient: false,
    });
  });

  test('about time that ran out is a deadline', () => {
    expect(classifyFailure(new DeadlineExceeded('it took longer than 5 ms'))).toEqual({
      reason: 'deadline',
      transient: false,
    });
  });
});

describe('a code', () => {
  test.each([
    ['28P01', 'authentication', false],
    ['28000', 'authentication', false],
    ['42501', 'privilege', false],
    ['08006', 'connection', true],
    ['57P01', 'connection', true],
    ['57P03', 'connection', true],
    ['53300', 'connection', true],
    ['57014', 'deadline', false],
    ['55P03', 'source_changed', true],
    ['42P01', 'source_changed', true],
    ['ECONNREFUSED', 'connection', true],
    ['ECONNRESET', 'connection', true],
    ['ETIMEDOUT', 'connection', true],
    ['EAI_AGAIN', 'connection', true],
    ['ENOTFOUND', 'connection', false],
    ['CERT_HAS_EXPIRED', 'connection', false],
    ['22012', 'error', false],
  ])('%s is %s', (code, reason, transient) => {
    const failure = classifyFailure(new Error('connecting to postgres://db', { cause: withCode(code) }));

    expect(failure).toEqual({ reason, transient });
  });
});

describe('what a program or the driver says', () => {
  test.each([
    [
      'pg_dump: error: connection to server at "db", port 5432 failed: FATAL:  password authentication failed for user "w"',
      'authentication',
      false,
    ],
    [
      'pg_dump: error: connection to server at "db", port 5432 failed: FATAL:  no pg_hba.conf entry for host',
      'authentication',
      false,
    ],
    [
      'pg_dump: error: connection to server at "db", port 5432 failed: FATAL:  role "nobody" does not exist',
      'authentication',
      false,
    ],
    ['pg_dump: error: connection to server at "db", port 5432 failed: Connection refused', 'connection', true],
    ['pg_dump: error: could not translate host name "dbx" to address: Name or service not known', 'connection', false],
    [
      'pg_dump: error: could not translate host name "db" to address: Temporary failure in name resolution',
      'connection',
      true,
    ],
    ['pg_dump: error: query failed: ERROR:  permission denied for table orders', 'privilege', false],
    ['pg_dump: error: aborting because of server version mismatch', 'program', false],
    ['pg_dump: error: query failed: ERROR:  canceling statement due to lock timeout', 'source_changed', true],
    ['pg_dump: error: query failed: ERROR:  canceling statement due to statement timeout', 'source_changed', true],
    ['pg_dump: error: query failed: ERROR:  canceling statement due to conflict with recovery', 'source_changed', true],
    ['pg_dump: error: query failed: ERROR:  relation "public.orders" does not exist', 'source_changed', true],
    ['pg_dump: error: query failed: FATAL:  terminating connection due to administrator command', 'connection', true],
    ['pg_dump: error: query failed: server closed the connection unexpectedly', 'connection', true],
    ['pg_dump: error: something nobody has seen yet', 'error', false],
  ])('%s', (stderr, reason, transient) => {
    expect(classifyFailure(new Error('dumping', { cause: pgDump(stderr) }))).toEqual({ reason, transient });
  });

  test.each(['timeout expired', 'Connection terminated unexpectedly'])('%s', (message) => {
    expect(classifyFailure(new Error(message))).toEqual({ reason: 'connection', transient: true });
  });

  test('something that is no error at all', () => {
    expect(classifyFailure('what?')).toEqual({ reason: 'error', transient: false });
  });
});
