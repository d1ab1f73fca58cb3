import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { AwsSecrets } from '../../../src/config/aws-secrets.ts';
import { type LoadResult, readConfig } from '../../../src/config/load.ts';
import { isPostgres } from '../../../src/config/loaded.ts';
import { formatProblem } from '../../../src/config/problem.ts';
import { secretSource } from '../../../src/config/secret-source.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { errorMessage } from '../../../src/core/errors.ts';

const login = { host: 'db', port: 5432, user: 'w', database: 'db' };

const folders: string[] = [];

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'watchkeeper-secrets-'));
  folders.push(path);
  return path;
}

function read(text: string, environment: Record<string, string> = {}): LoadResult {
  const knowledge = { collectorNames: () => [], scheduleProblem: () => undefined };
  return readConfig(text, { file: '/etc/watchkeeper.yaml', environment, knowledge });
}

function messagesOf(result: LoadResult): string[] {
  const problems = result.ok ? [] : result.problems;
  return [...problems, ...result.warnings].map((problem) => formatProblem('w.yaml', problem));
}

function around(folder: string) {
  const secrets = new AwsSecrets({ maxAgeMs: 1_000, clock: systemClock });
  return { folder, origin: undefined, secrets };
}

function target(settings: string): string {
  return `targets:\n  a:\n    engine: postgres\n${settings}`;
}

function accessOf(result: LoadResult) {
  return result.ok ? result.config.targets.find(isPostgres)?.access : undefined;
}

test('a reference is filled in from the environment, with a default where one is given', () => {
  const text = target('    url: postgres://${USER_NAME:-watchkeeper}@${HOST}:${PORT:-6000}/db');

  const access = accessOf(read(text, { HOST: 'db.internal', PORT: '' }));

  expect(access?.connection).toMatchObject({ host: 'db.internal', user: 'watchkeeper', port: 6000 });
});

test('a missing and an empty variable are told with name and line, once each', () => {
  const text = target('    url: postgres://w@${HOST}/db\n    password: ${PAYMENTS_PASSWORD}');

  expect(messagesOf(read(text, { PAYMENTS_PASSWORD: '' }))).toEqual([
    'w.yaml:4:5: targets.a.url: environment variable HOST is not set',
    'w.yaml:5:5: targets.a.password: environment variable PAYMENTS_PASSWORD is empty; write ${PAYMENTS_PASSWORD:-} where nothing is meant',
  ]);
});

test('a brace without a name is refused, and two dollars stand for one', async () => {
  const wrong = target('    url: postgres://w@db/db\n    password: ab${1}cd');
  const right = target('    url: postgres://w@db/db\n    password: ab$${1}cd$x');

  expect(messagesOf(read(wrong))).toContain(
    'w.yaml:5:5: targets.a.password: has "${" without a name; write ${NAME}, ${NAME:-default}, or $${ for itself',
  );
  expect((await accessOf(read(right))?.password?.read(login))?.reveal()).toBe('ab${1}cd$x');
});

test('a setting that is only a reference with an empty default counts as left out', () => {
  const text =
    'stores: { a: { type: s3, bucket: b, endpoint: "${S3_ENDPOINT:-}", forcePathStyle: "${PATH_STYLE:-}" } }';

  const result = read(text);

  expect(result.ok && result.config.stores[0]?.settings).toEqual({
    type: 's3',
    bucket: 'b',
    prefix: '',
    region: 'us-east-1',
    forcePathStyle: false,
    maxParts: 10_000,
    conditionalWrites: 'auto',
  });
});

test('a filled-in text is read as the number or truth value that is wanted', () => {
  const text = 'stores: { a: { type: s3, bucket: b, forcePathStyle: "${S}" } }\njobs: { concurrency: "${C}" }';

  const result = read(text, { S: 'true', C: '7' });

  expect(result.ok && result.config.stores[0]?.settings).toMatchObject({ forcePathStyle: true });
  expect(result.ok && result.config.jobs.concurrency).toBe(7);
  expect(messagesOf(read(text, { S: 'yes', C: 'many' }))).toContain('w.yaml:2:9: jobs.concurrency: must be a number');
});

test('a secret from the environment shows its variable only', async () => {
  const access = accessOf(read(target('    url: postgres://w@db/db\n    password: ${PW}'), { PW: 'hunter2' }));

  expect(access?.password?.origin).toBe('${PW}');
  expect((await access?.password?.read(login))?.reveal()).toBe('hunter2');
});

test('a password in the file is accepted with a warning that names its line', () => {
  const plain = read(target('    url: postgres://w@db/db\n    password: hunter2'));
  const inUrl = read(target('    url: postgres://w:hunter2@db/db'));

  expect(messagesOf(plain)).toEqual([
    'w.yaml:5:5: targets.a.password: a secret stands here in plain text; use "file:/path" or "${ENV}"',
  ]);
  expect(messagesOf(inUrl)).toEqual([
    'w.yaml:4:5: targets.a.url: a password stands in the URL in plain text; move it to "password: file:…" or "password: ${ENV}"',
  ]);
});

test('a URL whose password comes from the environment is used without a warning', async () => {
  const whole = read(target('    url: ${DATABASE_URL}'), { DATABASE_URL: 'postgres://w:hunter2@db/db' });
  const part = read(target('    url: postgres://w:${PW}@db/db'), { PW: 'hunter2' });

  expect(messagesOf(whole)).toEqual([]);
  expect(messagesOf(part)).toEqual([]);
  expect(accessOf(whole)?.password?.origin).toBe('${DATABASE_URL}');
  expect((await accessOf(part)?.password?.read(login))?.reveal()).toBe('hunter2');
});

test('a password given twice is refused', () => {
  const result = read(target('    url: postgres://w:${PW}@db/db\n    password: file:/run/pw'), { PW: 'hunter2' });

  expect(messagesOf(result)).toEqual([
    'w.yaml:4:5: targets.a.url: holds a password although "password" gives one; keep one of them',
  ]);
});

test('references to AWS are understood, and refused where they are not well formed or not of use', () => {
  const good = read(target('    url: postgres://w@db/db\n    password: aws-secret:prod/db#password'));
  const arn = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf';
  const byArn = read(target(`    url: postgres://w@db/db\n    password: aws-secret:${arn}#password`));
  const bad = read(target('    url: postgres://w@db/db\n    password: "aws-secret:prod db"'));
  const iamForStore = read('stores: { s: { type: s3, bucket: b, accessKeyId: x, secretAccessKey: aws-rds-iam } }');

  expect(messagesOf(good)).toEqual([]);
  expect(accessOf(good)?.password?.origin).toBe('aws-secret:prod/db#password');
  expect(messagesOf(byArn)).toEqual([]);
  expect(messagesOf(bad)).toEqual([
    'w.yaml:5:5: targets.a.password: must be of the form aws-secret:NAME#KEY, with the name or the ARN of the secret',
  ]);
  expect(messagesOf(iamForStore)).toContain(
    'w.yaml:1:53: stores.s.secretAccessKey: "aws-rds-iam" is for logins to PostgreSQL only',
  );
});

test('a secret file is read anew at each use, without its last newline', async () => {
  const path = await folder();
  const source = secretSource('file:pw', around(path));

  await writeFile(join(path, 'pw'), 'first\n');
  const first = await source.read();
  await writeFile(join(path, 'pw'), ' second \r\n');
  const second = await source.read();

  expect(source.origin).toBe(`file:${path}/pw`);
  expect([first.reveal(), second.reveal()]).toEqual(['first', ' second ']);
});

test('a missing and an empty secret file are told by name', async () => {
  const path = await folder();
  await writeFile(join(path, 'empty'), '\n');

  const missing = await secretSource('file:gone', around(path))
    .read()
    .catch((error) => errorMessage(error));
  const empty = await secretSource('file:empty', around(path))
    .read()
    .catch((error) => errorMessage(error));

  expect(missing).toBe(`reading the secret in ${path}/gone: ENOENT: no such file or directory, open '${path}/gone'`);
  expect(empty).toBe(`reading the secret in ${path}/empty: the file is empty`);
});

test.each([
  ['a wrong type', 'targets: { a: { engine: postgres, url: [postgres://w:hunter2@db/db] } }'],
  ['a wrong URL', 'targets: { a: { engine: postgres, url: "postgres//w:hunter2@db/db" } }'],
  ['a wrong parameter', 'targets: { a: { engine: postgres, url: "postgres://w:hunter2@db/db?sslmode=hunter2" } }'],
  ['a wrong port', 'targets: { a: { engine: postgres, url: "postgres://w:hunter2@db:99999/db" } }'],
  ['a wrong choice', 'stores: { a: { type: hunter2 } }'],
  ['a wrong number', 'jobs: { concurrency: hunter2 }'],
  ['a wrong duration', 'scrape: { timeout: hunter2 }'],
  ['a wrong pattern', 'stores: { a: { type: s3, bucket: b, prefix: "hunter2 !" } }'],
  ['a YAML error', 'targets:\n  a:\n    password: "hunter2" hunter2'],
  ['an unclosed quote', 'targets:\n  a:\n    password: "hunter2'],
  ['an escape sequence', 'targets:\n  a:\n    password: "\\hunter2"'],
  ['a mapping in a value', 'targets:\n  a:\n    password: hunter2: hunter2'],
  ['a block scalar', 'targets:\n  a:\n    password: | hunter2\n      hunter2'],
  ['a comma too many', 'targets: { a: { password: "hunter2" "hunter2" } }'],
  ['an anchor', 'targets: { a: &hunter2 &hunter2 x }'],
])('%s never shows the value', (_case, text) => {
  const messages = messagesOf(read(text));

  expect(messages.length).toBeGreaterThan(0);
  expect(messages.join('\n')).not.toContain('hunter2');
});

test('nothing of a loaded configuration shows a secret when it is logged', () => {
  const text = `stores: { s: { type: s3, bucket: b, accessKeyId: x, secretAccessKey: hunter2 } }
sandboxes: { scratch: { type: server, url: "postgres://w:hunter2@db/db" } }
targets: { a: { engine: postgres, url: "postgres://w@db/db", password: hunter2, backupLogin: { user: b, password: hunter2 }, backups: { n: { schedule: "0 2 * * *", verify: { sandbox: scratch } } } } }`;

  const result = read(text);

  expect(result.ok).toBe(true);
  expect(JSON.stringify(result)).not.toContain('hunter2');
  expect(inspect(result, { depth: 20 })).not.toContain('hunter2');
});
