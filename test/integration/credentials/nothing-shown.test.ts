import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { type Authority, makeAuthority } from '../../support/certificates.ts';
import { runCommand, writeConfig } from '../../support/command-line.ts';
import { startDaemon } from '../../support/daemon.ts';
import { type Moto, startMoto } from '../../support/moto.ts';
import { motoSecrets } from '../../support/moto-secrets.ts';
import { execute, startTestCluster } from '../../support/postgres.ts';

/** What must be nowhere. */
const secret = 'S3CR3T-hunter2';

let cluster: Cluster;
let authority: Authority;
let moto: Moto;
let folder: string;
let config: readonly string[];
let environment: Record<string, string>;
/** Each fails in its own way. */
let targets: Record<string, string>;

beforeAll(async () => {
  [cluster, authority, moto] = await Promise.all([
    startTestCluster({ password: 'superuser-secret' }),
    makeAuthority('ours'),
    startMoto(),
  ]);
  folder = await mkdtemp(join(tmpdir(), 'watchkeeper-shown-'));
  await execute(cluster, 'postgres', "CREATE ROLE monitor LOGIN PASSWORD 'right'");
  using stored = motoSecrets(moto);
  await stored.create('wrong', JSON.stringify({ password: secret }));
  await stored.create('broken', `{"password": "${secret}"`);
  await stored.create('binary', Buffer.from(secret));
  await stored.create('whole', JSON.stringify({ [secret]: secret }));
  const { port } = cluster.access.connection;
  const client = await authority.issue('monitor', { password: 'other-than-configured' });
  const open = await authority.issue('monitor');
  await chmod(open.key, 0o644);
  const files = {
    password: `${secret}\n`,
    'services.conf': `[wrong]\nhost=127.0.0.1\nport=${port}\nuser=monitor\ndbname=postgres\npassword=${secret}\n`,
    passfile: `*:*:*:*:${secret}\n`,
    'open-passfile': `*:*:*:*:${secret}\n`,
    key: `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----\n`,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text, { mode: 0o600 });
  await chmod(join(folder, 'open-passfile'), 0o644);
  const at = `127.0.0.1:${port}/postgres`;
  const plain = `url: postgres://monitor@${at}?sslmode=disable`;
  const withKey = (key: string) =>
    `url: "postgres://monitor@${at}?sslcert=${client.certificate}&sslkey=${key}&sslmode=require"`;
  targets = {
    file: `${plain}, password: file:password`,
    inUrl: 'url: "${SECRET_URL}"',
    inPairs: 'url: "${SECRET_PAIRS}"',
    service: 'url: service=wrong servicefile=services.conf',
    passfile: `url: "postgres://monitor@${at}?passfile=passfile"`,
    openPassfile: `url: "postgres://monitor@${at}?passfile=open-passfile"`,
    aws: `${plain}, password: "aws-secret:wrong#password"`,
    awsBroken: `${plain}, password: "aws-secret:broken#password"`,
    awsBinary: `${plain}, password: "aws-secret:binary"`,
    awsNoKey: `${plain}, password: "aws-secret:whole"`,
    awsOtherKey: `${plain}, password: "aws-secret:whole#password"`,
    iam: `url: "postgres://monitor@shop.c1abc.eu-central-1.rds.amazonaws.com:${port}/postgres?sslmode=verify-full&hostaddr=127.0.0.1", password: aws-rds-iam`,
    away: `url: "postgres://monitor@127.0.0.1:1/postgres", password: file:password`,
    unknown: `url: "postgres://monitor@nowhere.invalid/postgres", password: file:password`,
    several: `url: "postgres://monitor@127.0.0.1:1,${at}?target_session_attrs=standby", password: file:password`,
    noTls: `url: "postgres://monitor@${at}?sslmode=require", password: file:password`,
    keyPassword: `${withKey(client.key)}, sslPassword: file:password`,
    keyDamaged: `${withKey(`${folder}/key`)}, sslPassword: file:password`,
    keyOpen: `${withKey(open.key)}, sslPassword: file:password`,
    forbidden: `url: "postgres://monitor@${at}?require_auth=md5", password: file:password`,
  };
  const backups = 'backups: { nightly: { schedule: "0 2 * * *", verify: false } }';
  const lines = Object.entries(targets).map(
    ([name, settings]) => `  ${name}: { engine: postgres, ${settings}, ${backups} }`,
  );
  config = await writeConfig(
    folder,
    `listen: 127.0.0.1:0
log: { level: debug }
jobs: { retries: 0 }
secrets: { aws: { region: eu-central-1, endpoint: "${moto.endpoint}" } }
targets:
${lines.join('\n')}
`,
  );
  environment = {
    AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE',
    AWS_SECRET_ACCESS_KEY: secret,
    SECRET_URL: `postgres://monitor:${secret}@${at}`,
    SECRET_PAIRS: `host=127.0.0.1 port=${port} user=monitor dbname=postgres password='${secret}'`,
  };
});

afterAll(async () => {
  await moto?.[Symbol.asyncDispose]();
  await authority?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** The secret, a part of it that is long enough to hurt, and the signature of a token. */
function expectNothingShown(text: string): void {
  expect(text).not.toContain(secret);
  expect(text).not.toContain('hunter2');
  expect(text).not.toMatch(/X-Amz-Signature|SCRAM-SHA-256\$/);
}

test.each([[['check']], [['check', '--json']], [['doctor']]])(
  '%s tells of every failure, and shows no secret',
  async (args) => {
    const { out, err } = await runCommand([...config, ...args], environment);

    expectNothingShown(out + err);
    if (args[0] === 'check') for (const name of Object.keys(targets)) expect(out).toContain(`target ${name}`);
  },
);

test('a backup of each fails without showing it, and leaves nothing of it on the disk', async () => {
  for (const name of Object.keys(targets)) {
    const { code, out, err } = await runCommand([...config, 'backup', name, '--json'], environment);

    expect([name, code]).not.toEqual([name, 0]);
    expectNothingShown(out + err);
  }
  const left = await readdir(tmpdir());
  expect(left.filter((name) => name.startsWith('watchkeeper-login-'))).toEqual([]);
});

test('the daemon’s log, metrics and pages do not show it', async () => {
  await using daemon = await startDaemon(config, environment);
  await daemon.untilLogged('a failed backup', ({ job, level }) => job !== undefined && level !== 'debug');

  const pages = ['/', '/metrics', '/health', '/probe?target=file', '/probe?target=keyPassword'];
  const texts = await Promise.all(pages.map((page) => daemon.get(page)));

  for (const { text } of texts) expectNothingShown(text);
  expect(texts[1]?.text).toContain('pg_up{target="file"} 0');
  expectNothingShown(daemon.command.err() + daemon.command.out());
  expect(daemon.command.err()).toContain('password authentication failed');
});

test('a mistake in the configuration does not show it', async () => {
  const mistakes = [
    `url: "postgres://monitor:${secret}@x@db/db"`,
    `url: "postgres://monitor:a/${secret}@db/db"`,
    `url: "host=db password=a ${secret}"`,
    `url: "host=db password=a ${secret}=b"`,
    `url: "postgres://monitor@db/db?${secret}=1"`,
    `url: "postgres://monitor:${secret}@db/db?sslmode=${secret}"`,
    `url: "postgres://monitor:${secret}@db:${secret}/db"`,
    `url: postgres://monitor@db/db, password: ["${secret}"]`,
    `url: postgres://monitor@db/db, password: "aws-secret:${secret} x"`,
    `url: postgres://monitor@db/db, sslPassword: { a: "${secret}" }`,
  ];
  const other = await mkdtemp(join(tmpdir(), 'watchkeeper-mistakes-'));
  for (const mistake of mistakes) {
    const wrong = await writeConfig(other, `targets:\n  shop: { engine: postgres, ${mistake} }\n`);
    const { code, out, err } = await runCommand([...wrong, 'check']);

    expect([mistake, code]).toEqual([mistake, 1]);
    expectNothingShown(out + err);
  }
  await rm(other, { recursive: true });
});

test('what was written is really the secret', async () => {
  expect(await readFile(join(folder, 'password'), 'utf8')).toBe(`${secret}\n`);
});
