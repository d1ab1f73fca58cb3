import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { readConfig } from '../../../src/config/load.ts';
import { formatProblem } from '../../../src/config/problem.ts';

const rds = 'shop.c1abc.eu-central-1.rds.amazonaws.com';

function read(settings: string, environment: Record<string, string> = {}) {
  const knowledge = { collectorNames: () => [], scheduleProblem: () => undefined };
  const text = `targets:\n  a: { engine: postgres, ${settings} }`;
  return readConfig(text, { file: '/etc/watchkeeper/w.yaml', environment, knowledge });
}

/** Problems and warnings, without their place in the line. */
function told(settings: string, environment: Record<string, string> = {}): string[] {
  const result = read(settings, environment);
  const problems = result.ok ? [] : result.problems;
  return [...problems, ...result.warnings].map((one) =>
    formatProblem('w', one).replace(/^w:\d+:\d+: targets\.a\./, ''),
  );
}

function targetOf(settings: string) {
  const result = read(settings);
  const [target] = result.ok ? result.config.targets : [];
  if (target?.engine !== 'postgres') throw new Error('not accepted');
  return target;
}

test.each([
  [`url: "postgres://w@${rds}/db?sslmode=verify-full", password: aws-rds-iam`, []],
  [`url: "postgres://w@db.example.com/db?sslmode=verify-full", password: "aws-rds-iam:eu-west-1"`, []],
  [
    `url: "postgres://w@${rds}/db", password: aws-rds-iam`,
    ['password: a token of IAM may be sent over TLS only: add sslmode=verify-full to the URL'],
  ],
  [
    `url: "postgres://w@${rds}/db?sslmode=require", password: aws-rds-iam`,
    ['password: a token of IAM goes to whoever answers; use sslmode=verify-full'],
  ],
  [
    `url: "postgres://w@${rds},db.example.com/db?sslmode=verify-full", password: aws-rds-iam`,
    ['password: the region of db.example.com is not known: write aws-rds-iam:REGION'],
  ],
  [
    `url: "postgres://w@${rds}/db?sslmode=prefer", backupLogin: { user: b, password: aws-rds-iam }`,
    ['backupLogin.password: a token of IAM may be sent over TLS only: add sslmode=verify-full to the URL'],
  ],
  [
    'url: "postgres://w@db/db?sslrootcert=ca.pem"',
    ['url: sslmode=prefer goes on without TLS when the certificates do not fit; use sslmode=verify-full'],
  ],
  [
    'url: "postgres://w@db/db?krbsrvname=x"',
    ['url: the parameter "krbsrvname" is ignored: Watchkeeper does not speak GSSAPI'],
  ],
  [
    'url: "postgres://w@db/db?sslcert=a&sslkey=b&sslpassword=x&sslmode=require"',
    [
      'url: the password of a key stands in the URL in plain text; move it to "sslPassword: file:…" or "sslPassword: ${ENV}"',
    ],
  ],
  [
    'url: "postgres://w@h1,h2/db?load_balance_hosts=random"',
    ['url: load_balance_hosts=random mixes the figures of several servers; make a target of each'],
  ],
  [
    'url: "host=db password=x"',
    ['url: a password stands in the URL in plain text; move it to "password: file:…" or "password: ${ENV}"'],
  ],
  [
    'url: postgres://w@db/db, backupLogin: { user: b, sslCert: b.crt }',
    ['backupLogin: "sslCert" and "sslKey" belong together: give both or neither'],
  ],
])('%s: %s', (settings, messages) => {
  expect(told(settings)).toEqual(messages);
});

test('a password within pairs that comes from the environment is used without a warning', () => {
  expect(told('url: "host=db user=w password=\'${PW}\'"', { PW: 'x' })).toEqual([]);
  expect(told('url: "${DSN}"', { DSN: "host=db user=w password='x y'" })).toEqual([]);
});

test('all files of a connection are found from the folder of the configuration', () => {
  const { access } = targetOf(
    'url: "postgres://w@db/db?sslmode=verify-full&sslrootcert=a&sslcert=b&sslkey=c&sslcrl=/d"',
  );

  expect(access.connection).toMatchObject({
    sslRootCert: '/etc/watchkeeper/a',
    sslCert: '/etc/watchkeeper/b',
    sslKey: '/etc/watchkeeper/c',
    sslCrl: '/d',
  });
});

test('the login for backups may bring its own certificate, and uses the URL’s without one', () => {
  const url = 'url: "postgres://w@db/db?sslmode=verify-full&sslcert=b&sslkey=c", sslPassword: file:k';
  const backup = 'backups: { n: { schedule: "0 2 * * *" } }';

  const same = targetOf(`${url}, backupLogin: { user: b }, ${backup}`).backups[0]?.access;
  const own = targetOf(`${url}, backupLogin: { user: b, sslCert: x, sslKey: y, sslPassword: file:z }, ${backup}`)
    .backups[0]?.access;

  expect(same?.connection).toMatchObject({ user: 'b', sslCert: '/etc/watchkeeper/b', sslKey: '/etc/watchkeeper/c' });
  expect(same?.sslPassword?.origin).toBe('file:/etc/watchkeeper/k');
  expect(own?.connection).toMatchObject({ user: 'b', sslCert: '/etc/watchkeeper/x', sslKey: '/etc/watchkeeper/y' });
  expect(own?.sslPassword?.origin).toBe('file:/etc/watchkeeper/z');
});

test.each([
  ['secrets-manager-read.json', ['secretsmanager:GetSecretValue', 'kms:Decrypt']],
  ['rds-connect.json', ['rds-db:connect']],
])('the policy %s allows what is needed on named resources, and nothing else', async (name, actions) => {
  const path = new URL(`../../../deploy/iam/${name}`, import.meta.url).pathname;
  const policy = JSON.parse(await readFile(path, 'utf8')) as {
    readonly Statement: readonly {
      readonly Effect: string;
      readonly Action: string;
      readonly Resource: string | string[];
    }[];
  };

  expect(policy.Statement.map(({ Action }) => Action)).toEqual(actions);
  for (const { Effect, Resource } of policy.Statement) {
    expect(Effect).toBe('Allow');
    for (const arn of [Resource].flat()) expect(arn).toMatch(/^arn:aws:[a-z-]+:REGION:ACCOUNT:[^*]+$/);
  }
});
