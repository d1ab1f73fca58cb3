import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { readConfig } from '../../../src/config/load.ts';
import type { LoadedPostgres } from '../../../src/config/loaded.ts';
import { errorMessage } from '../../../src/core/errors.ts';
import { runProcess } from '../../../src/core/run-process.ts';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { libpqLogin } from '../../../src/targets/postgres/libpq.ts';
import { openSession, quoteLiteral } from '../../../src/targets/postgres/session.ts';
import { type Moto, startMoto } from '../../support/moto.ts';
import { type MotoSecrets, motoSecrets } from '../../support/moto-secrets.ts';
import { execute, startTestCluster } from '../../support/postgres.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { onlyFamily, scrapeOne, singleValue, testScraper, valuesOf, watched } from '../../support/scrape.ts';
import { startSilentServer } from '../../support/silent-server.ts';

const signal = new AbortController().signal;

let cluster: Cluster;
let folder: string;
let moto: Moto;
let stored: MotoSecrets;

beforeAll(async () => {
  [cluster, moto] = await Promise.all([startTestCluster({ password: 'superuser-secret' }), startMoto()]);
  stored = motoSecrets(moto);
  folder = await mkdtemp(join(tmpdir(), 'watchkeeper-passwords-'));
  await execute(cluster, 'postgres', 'CREATE ROLE monitor LOGIN IN ROLE pg_monitor');
});

afterAll(async () => {
  stored?.[Symbol.dispose]();
  await moto?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

beforeEach(() => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'testing');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'testing');
});

afterEach(() => {
  vi.unstubAllEnvs();
});

async function setPassword(password: string, method: 'scram-sha-256' | 'md5' = 'scram-sha-256'): Promise<void> {
  await execute(
    cluster,
    'postgres',
    `SET password_encryption = '${method}'; ALTER ROLE monitor PASSWORD ${quoteLiteral(password)}`,
  );
}

async function allow(method: string): Promise<void> {
  const lines = ['host all postgres 127.0.0.1/32 scram-sha-256', `host all all 127.0.0.1/32 ${method}`];
  await writeFile(join(cluster.dataDirectory, 'pg_hba.conf'), `${lines.join('\n')}\n`);
  const loadTime = async () => (await execute(cluster, 'postgres', 'SELECT pg_conf_load_time() AS at'))[0]?.['at'];
  const before = await loadTime();
  await execute(cluster, 'postgres', 'SELECT pg_reload_conf()');
  while ((await loadTime()) === before) await delay(20);
}

/** The configuration's own reading of a target's settings; `monitor` on the test server unless `url` says otherwise. */
function configured(
  settings: string,
  options: { readonly url?: string; readonly endpoint?: string; readonly environment?: Record<string, string> } = {},
): LoadedPostgres {
  const { url = `postgres://monitor@127.0.0.1:${cluster.access.connection.port}/postgres?sslmode=disable` } = options;
  const { endpoint = moto.endpoint, environment = {} } = options;
  const text = `secrets: { aws: { region: eu-central-1, endpoint: "${endpoint}" } }
targets:
  shop:
    engine: postgres
    url: ${JSON.stringify(url)}
${settings}`;
  const knowledge = { collectorNames: () => [], scheduleProblem: () => undefined };
  const result = readConfig(text, { file: join(folder, 'watchkeeper.yaml'), environment, knowledge });
  if (!result.ok) throw new Error(result.problems.map(({ message }) => message).join('\n'));
  const [target] = result.config.targets;
  if (target?.engine !== 'postgres') throw new Error('the target is missing');
  return target;
}

/** Logs in by our own session and by a program of libpq. */
async function logIn(access: PostgresAccess): Promise<string> {
  const bySession = await sessionUser(access).catch(errorMessage);
  const byLibpq = await libpqUser(access).catch(errorMessage);
  return bySession === byLibpq ? bySession : `session: ${bySession}; libpq: ${byLibpq}`;
}

async function sessionUser(access: PostgresAccess): Promise<string> {
  await using session = await openSession(access, { signal });
  return (await session.query('SELECT current_user AS name', { signal }))[0]?.['name'] ?? '';
}

async function libpqUser(access: PostgresAccess): Promise<string> {
  await using login = await libpqLogin(access);
  const psql = join(cluster.installation.directory, 'psql');
  const args = ['--no-psqlrc', '--no-password', '-At', login.argument, '-c', 'SELECT current_user'];
  return (await runProcess(psql, args, { signal, env: login.env })).trim();
}

describe.each(['scram-sha-256', 'md5'] as const)('passwords with %s', (method) => {
  beforeAll(() => allow(method));

  test.each([
    ['quotes and signs', `a'b"c\\d$e:f@g/h?i#j%k&l=m{n}o;p`],
    ['blanks around and within', '  two  words  '],
    ['letters of other scripts', 'pässwörd-пароль-密码-🔑'],
    ['characters that SCRAM changes', 'ﬁx\u00a0²\u00adx'],
    ['a very long one', 'x'.repeat(600)],
  ])('%s', async (_name, password) => {
    await setPassword(password, method);
    await writeFile(join(folder, 'password'), `${password}\n`);
    const inUrl = `postgres://monitor:${encodeURIComponent(password)}@127.0.0.1:${cluster.access.connection.port}/postgres`;
    const inPairs = `host=127.0.0.1 port=${cluster.access.connection.port} user=monitor dbname=postgres password='${password.replaceAll(/['\\]/g, '\\$&')}'`;

    const ways = [
      configured('    password: file:password'),
      configured('    password: "${PW}"', { environment: { PW: password } }),
      configured('', { url: '${URL}', environment: { URL: inUrl } }),
      configured('', { url: '${URL}', environment: { URL: inPairs } }),
    ];

    for (const { access } of ways) expect(await logIn(access)).toBe('monitor');
  });
});

describe('a password that is rotated while we run', () => {
  beforeAll(() => allow('scram-sha-256'));

  test('in a file', async () => {
    await setPassword('one');
    await writeFile(join(folder, 'password'), 'one\n');
    const { access } = configured('    password: file:password');
    await using open = await openSession(access, { signal });

    await setPassword('two');
    const between = await sessionUser(access).catch(errorMessage);
    await writeFile(join(folder, 'password'), 'two\n');

    expect(between).toContain('password authentication failed');
    expect(await logIn(access)).toBe('monitor');
    // A session that is open stays open.
    expect((await open.query('SELECT 1 AS one', { signal }))[0]).toEqual({ one: '1' });
  });

  test('in AWS: the login that finds it refused reads it again and succeeds', async () => {
    await setPassword('one');
    await stored.create('rotation', JSON.stringify({ password: 'one' }));
    const { access } = configured('    password: aws-secret:rotation#password');
    const before = await logIn(access);

    await setPassword('two');
    await stored.rotate('rotation', JSON.stringify({ password: 'two' }));

    expect([before, await logIn(access)]).toEqual(['monitor', 'monitor']);
  });

  test('in AWS, before the server has it: refused, and used as soon as it is there', async () => {
    await setPassword('one');
    await stored.create('early', JSON.stringify({ password: 'two' }));
    const { access } = configured('    password: aws-secret:early#password');

    const before = await sessionUser(access).catch(errorMessage);
    await setPassword('two');

    expect(before).toContain('password authentication failed for user "monitor"');
    expect(await logIn(access)).toBe('monitor');
  });

  test('in a service file and in a password file', async () => {
    const { port } = cluster.access.connection;
    const write = async (password: string) => {
      await setPassword(password);
      await writeFile(
        join(folder, 'services.conf'),
        `[shop]\nhost=127.0.0.1\nport=${port}\nuser=monitor\npassword=${password}\n`,
      );
      await writeFile(join(folder, 'passwords'), `# all of them\n127.0.0.1:${port}:*:monitor:${password}\n`, {
        mode: 0o600,
      });
    };
    await write('one');
    const service = configured('', { url: 'service=shop servicefile=services.conf dbname=postgres' }).access;
    const file = configured('', { url: `postgres://monitor@127.0.0.1:${port}/postgres?passfile=passwords` }).access;
    const before = [await logIn(service), await logIn(file)];

    await write('two');

    expect([...before, await logIn(service), await logIn(file)]).toEqual(Array(4).fill('monitor'));
  });

  test('the backup’s own login has its own password', async () => {
    await execute(cluster, 'postgres', "CREATE ROLE backup LOGIN PASSWORD 'b1'");
    await stored.create('backup', JSON.stringify({ password: 'b1' }));
    const target = configured(
      `    backupLogin: { user: backup, password: "aws-secret:backup#password" }
    backups: { nightly: { schedule: '0 2 * * *' } }`,
    );
    const access = target.backups[0]?.access ?? target.access;
    const before = await logIn(access);
    await execute(cluster, 'postgres', "ALTER ROLE backup PASSWORD 'b2'");
    await stored.rotate('backup', JSON.stringify({ password: 'b2' }));

    expect([before, await logIn(access)]).toEqual(['backup', 'backup']);
  });
});

describe('a scrape', () => {
  const watch = { ...onlyFamily('instance'), loginInterval: 0 };

  test('goes on over a rotation in AWS, with a new login each time', async () => {
    await setPassword('one');
    await stored.create('scraped', JSON.stringify({ password: 'one' }));
    await using scraper = testScraper([
      watched('shop', configured('    password: aws-secret:scraped#password').access, watch),
    ]);
    const before = singleValue(await scrapeOne(scraper, 'shop', signal), 'pg_up');

    await setPassword('two');
    await stored.rotate('scraped', JSON.stringify({ password: 'two' }));
    const after = singleValue(await scrapeOne(scraper, 'shop', signal), 'pg_up');

    expect([before, after]).toEqual([1, 1]);
  });

  test('tells that a secret cannot be had, and which', async () => {
    const { log, lines } = recordingLog();
    await using scraper = testScraper(
      [watched('shop', configured('    password: aws-secret:missing#password').access, watch)],
      log,
    );

    const samples = await scrapeOne(scraper, 'shop', signal);

    expect(singleValue(samples, 'pg_up')).toBe(0);
    expect(valuesOf(samples, 'watchkeeper_target_login_failures_total')).toMatchObject({ secret: 1 });
    expect(JSON.stringify(lines)).toContain('reading the AWS secret missing: there is no such secret');
  });

  test('is not held up by a service of secrets that never answers', async () => {
    await setPassword('one');
    await writeFile(join(folder, 'password'), 'one\n');
    await using silent = await startSilentServer();
    const endpoint = `http://127.0.0.1:${silent.port}`;
    const healthy = watched('healthy', configured('    password: file:password').access, watch);
    const stuck = watched('stuck', configured('    password: aws-secret:shop#password', { endpoint }).access, watch);
    await using scraper = testScraper([stuck, healthy]);
    const startedAt = performance.now();

    const groups = await scraper.scrape({ targets: ['stuck', 'healthy'], signal, deadlineMs: 9_000 });

    const up = groups.map(({ samples }) => singleValue(samples, 'pg_up'));
    expect(up.sort()).toEqual([0, 1]);
    expect(performance.now() - startedAt).toBeLessThan(4_500);
  });
});
