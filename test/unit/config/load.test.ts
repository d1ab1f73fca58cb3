import { expect, test } from 'vitest';
import type { Knowledge } from '../../../src/config/checks/check.ts';
import { readConfig } from '../../../src/config/load.ts';
import { isPostgres } from '../../../src/config/loaded.ts';
import { formatProblem } from '../../../src/config/problem.ts';

const knowledge: Knowledge = {
  collectorNames: () => ['connections', 'slow_queries', 'replication'],
  scheduleProblem: (cron) => (cron.split(' ').length === 5 ? undefined : 'must have five fields, e.g. "0 2 * * *"'),
};

const login = { host: 'db', port: 5432, user: 'w', database: 'db' };

function read(text: string, environment: Record<string, string> = {}) {
  return readConfig(text, { file: '/etc/watchkeeper/watchkeeper.yaml', environment, knowledge });
}

function problemsOf(text: string, environment: Record<string, string> = {}): string[] {
  const result = read(text, environment);
  return result.ok ? [] : result.problems.map((problem) => formatProblem('w.yaml', problem));
}

function warningsOf(text: string, environment: Record<string, string> = {}): string[] {
  return read(text, environment).warnings.map((problem) => formatProblem('w.yaml', problem));
}

/** A target with one schedule of backups, whose settings the test gives. */
function withBackup(...lines: string[]): string {
  return [
    'stores:',
    '  local: { type: filesystem, path: /var/backups }',
    'targets:',
    '  payments:',
    '    engine: postgres',
    '    url: postgres://w@db/payments_db',
    '    backups:',
    '      nightly:',
    ...lines.map((line) => `        ${line}`),
  ].join('\n');
}

test('a target with only engine and url is a complete configuration', () => {
  const result = read('targets: { payments: { engine: postgres, url: "postgres://w@db:5433/payments_db" } }');

  expect(result.ok && result.config.targets).toMatchObject([
    {
      name: 'payments',
      engine: 'postgres',
      access: { connection: { host: 'db', port: 5433, user: 'w', database: 'payments_db', sslMode: 'prefer' } },
      watch: { connections: 2, statementTimeout: 4_000 },
      backups: [],
    },
  ]);
  expect(result.warnings).toEqual([]);
});

test('an empty file is valid, and said to watch nothing', () => {
  expect(problemsOf('')).toEqual([]);
  expect(warningsOf('')).toEqual(['w.yaml:1:1: targets: there is no target: nothing is watched or backed up']);
});

test('all problems are told at once, each with path, line and column, in the order of the file', () => {
  const text = `
lisen: 127.0.0.1:9847
log: { level: wran }
scrape:
  timeout: soon
stores:
  offsite: { type: s3 }
targets:
  payments:
    engine: postgres
    url: mysql://db/payments
    watch:
      collectors: { slow_querys: true }
    backups:
      nightly:
        schedule: 0 2 * *
        timezone: Europe/Berln
        stores: [ofsite]
        databases: [a, b, a]
        keep: {}
`;

  expect(problemsOf(text)).toEqual([
    'w.yaml:2:1: lisen: unknown setting "lisen"; did you mean "listen"?',
    'w.yaml:3:8: log.level: must be one of debug, info, warn, error, silent; did you mean "warn"?',
    'w.yaml:5:3: scrape.timeout: must be a duration such as 30s, 5m, 12h or 30d',
    'w.yaml:7:3: stores.offsite.bucket: is required: text',
    'w.yaml:11:5: targets.payments.url: not a URL of the form postgres://user@host:port/database, nor "host=… dbname=…"',
    'w.yaml:13:21: targets.payments.watch.collectors.slow_querys: there is no collector "slow_querys"; did you mean "slow_queries"?',
    'w.yaml:16:9: targets.payments.backups.nightly.schedule: must have five fields, e.g. "0 2 * * *"',
    'w.yaml:17:9: targets.payments.backups.nightly.timezone: there is no time zone "Europe/Berln"; did you mean "Europe/Berlin"?',
    'w.yaml:18:18: targets.payments.backups.nightly.stores[0]: there is no store "ofsite"; did you mean "offsite"?',
    'w.yaml:19:27: targets.payments.backups.nightly.databases[2]: "a" is listed twice',
    'w.yaml:20:9: targets.payments.backups.nightly.keep: must name at least one rule; leave "keep" out to keep everything',
  ]);
});

test.each([
  [
    'a missing engine',
    'targets: { a: { url: x } }',
    'targets.a.engine: is required: one of postgres, pgbouncer, redis, dynamodb, rds, elasticache, sqs, lambda',
  ],
  [
    'an unknown engine',
    'targets: { a: { engine: postgre, url: x } }',
    'targets.a.engine: must be one of postgres, pgbouncer, redis, dynamodb, rds, elasticache, sqs, lambda; did you mean "postgres"?',
  ],
  ['a setting without a value', 'stores:', 'stores: is empty; it must be a mapping of names to settings'],
  ['a list where a mapping belongs', 'targets: []', 'targets: must be a mapping of names to settings'],
  ['a number out of range', 'jobs: { concurrency: 99 }', 'jobs.concurrency: must be at most 32'],
  ['a fraction', 'jobs: { concurrency: 1.5 }', 'jobs.concurrency: must be a whole number'],
  [
    'an unusable name',
    'stores: { "a b": { type: filesystem, path: x } }',
    'stores["a b"]: as a name it must consist of letters, digits, ".", "_" and "-" (63 at most)',
  ],
  ['an address without a port', 'listen: localhost', 'listen: must be of the form host:port'],
  ['a root that is no mapping', '- a', 'must be a mapping of settings'],
  [
    'half of a key pair',
    'stores: { a: { type: s3, bucket: b, accessKeyId: x } }',
    'stores.a: "accessKeyId" and "secretAccessKey" belong together: give both or neither',
  ],
  [
    'a key without its kind of encryption',
    'stores: { a: { type: s3, bucket: b, kmsKeyId: x } }',
    'stores.a.kmsKeyId: has a meaning only with "serverSideEncryption: aws:kms"',
  ],
])('%s is refused', (_case, text, expected) => {
  expect(problemsOf(text).map((line) => line.replace(/^w\.yaml:\d+:\d+: /, ''))).toEqual([expected]);
});

test('an unknown setting that resembles none gets the list of known ones', () => {
  const text = 'targets: { a: { engine: postgres, url: "postgres://db/a", interval: 5 } }';

  expect(problemsOf(text)).toEqual([
    'w.yaml:1:59: targets.a.interval: unknown setting "interval"; known here: engine, url, password, sslPassword, backupLogin, watch, objectives, backups',
  ]);
});

test('an unknown setting inside of a union is compared with the keys of the variant that is meant', () => {
  expect(problemsOf('stores: { a: { type: filesystem, path: x, bucket: b } }')).toEqual([
    'w.yaml:1:43: stores.a.bucket: unknown setting "bucket"; known here: type, path, mountPoint, bandwidth, concurrency, capacity',
  ]);
  expect(problemsOf(withBackup('schedule: 0 2 * * *', 'verify: { assertion: [] }'))).toEqual([
    'w.yaml:10:19: targets.payments.backups.nightly.verify.assertion: unknown setting "assertion"; did you mean "assertions"?',
  ]);
});

test('a folder must lie in the mount point that is named for it', () => {
  const store = (path: string, mountPoint: string) =>
    problemsOf(`stores: { a: { type: filesystem, path: ${path}, mountPoint: ${mountPoint} } }`);

  expect(store('/mnt/backups/pg', '/mnt/backup')).toEqual([
    'w.yaml:1:57: stores.a.mountPoint: "/mnt/backups/pg" does not lie in it',
  ]);
  for (const path of ['/mnt/backups', '/mnt/backups/pg']) expect(store(path, '/mnt/backups')).toEqual([]);
});

test('a wrong assertion is told by its place in the list', () => {
  const text = withBackup('schedule: 0 2 * * *', 'verify:', '  assertions:', '    - SELECT true', '    - { name: x }');

  expect(problemsOf(text)).toEqual([
    'w.yaml:13:15: targets.payments.backups.nightly.verify.assertions[1].sql: is required: text',
  ]);
});

test.each([
  [
    'a key that stands twice',
    'listen: 127.0.0.1:1\nlisten: 127.0.0.1:2',
    'w.yaml:2:1: the key "listen" stands twice in the same mapping',
  ],
  ['a tab as indentation', 'log:\n\tlevel: info', 'w.yaml:2:1: not valid YAML: tabs are not allowed as indentation'],
  ['an unclosed quote', 'listen: "127', 'w.yaml:1:13: not valid YAML: missing closing "quote'],
  [
    'a tag',
    'listen: !vault hunter2',
    'w.yaml:1:9: tags (!name) are not supported; secrets are written as file:… or ${ENV}',
  ],
  [
    'an unknown alias',
    'listen: *hunter2',
    'w.yaml:1:1: an alias (*name) refers to no anchor (&name) before it, or there are too many',
  ],
  [
    'an alias to what is around it',
    'targets: &all { x: *all }',
    'w.yaml:1:1: an alias (*name) stands inside of what it refers to',
  ],
])('%s is a syntax error with its line', (_case, text, expected) => {
  expect(problemsOf(text)).toContain(expected);
});

test('a merge key brings in what an anchor holds', () => {
  const text = `
stores: { local: { type: filesystem, path: /var/backups } }
targets:
  a: { engine: postgres, url: "postgres://db-a/a", backups: { nightly: &nightly { schedule: "0 2 * * *", facts: rows } } }
  b: { engine: postgres, url: "postgres://db-b/b", backups: { nightly: { <<: *nightly, compressionLevel: 9 } } }
`;

  const result = read(text);

  expect(result.ok && result.config.targets[1]?.backups[0]?.settings).toMatchObject({
    facts: 'rows',
    compressionLevel: 9,
  });
});

test('several stores and no choice among them is a problem', () => {
  const text = `stores: { a: { type: filesystem, path: a }, b: { type: filesystem, path: b } }
targets: { x: { engine: postgres, url: "postgres://db/x", backups: { n: { schedule: "0 2 * * *" } } } }`;

  expect(problemsOf(text)).toEqual([
    'w.yaml:2:70: targets.x.backups.n: must name its store, since there are several: a, b',
  ]);
});

test('two stores at one place are refused', () => {
  const text = `stores:
  a: { type: filesystem, path: /var/backups }
  b: { type: filesystem, path: /var/./backups/ }
  c: { type: s3, bucket: x, prefix: one }
  d: { type: s3, bucket: x, prefix: two }`;

  expect(problemsOf(text)).toEqual(['w.yaml:3:3: stores.b: is the same place as the store "a"']);
});

test('a reference to a store whose own settings are wrong is not called unknown', () => {
  const text = `stores: { a: { type: s3 } }
targets: { x: { engine: postgres, url: "postgres://db/x", backups: { n: { schedule: "0 2 * * *", stores: [a] } } } }`;

  expect(problemsOf(text)).toEqual(['w.yaml:1:11: stores.a.bucket: is required: text']);
});

test('an unknown sandbox is refused with what was meant', () => {
  const text = `${withBackup('schedule: 0 2 * * *', 'verify: { sandbox: scrach }')}
sandboxes: { scratch: { type: server, url: "postgres://w@scratch/postgres" } }`;

  expect(problemsOf(text)).toEqual([
    'w.yaml:10:19: targets.payments.backups.nightly.verify.sandbox: there is no sandbox "scrach"; did you mean "scratch"?',
  ]);
});

test('timeouts that are not shorter than those around them are refused', () => {
  const text = `scrape: { timeout: 3s }
targets: { x: { engine: postgres, url: "postgres://db/x", watch: { lockTimeout: 5s } } }`;

  expect(problemsOf(text)).toEqual([
    'w.yaml:2:59: targets.x.watch.statementTimeout: must be more than 0 and less than "scrape.timeout" (3000 ms)',
    'w.yaml:2:68: targets.x.watch.lockTimeout: must be more than 0 and no more than "statementTimeout"',
  ]);
});

test('without a store, backups go to a folder beside the file, and a warning says so', () => {
  const text =
    'targets: { x: { engine: postgres, url: "postgres://db/x", backups: { n: { schedule: "0 2 * * *" } } } }';

  const result = read(text);

  expect(result.ok && result.config.stores).toEqual([
    {
      name: 'local',
      settings: { type: 'filesystem', path: '/etc/watchkeeper/watchkeeper-backups' },
      secretAccessKey: undefined,
    },
  ]);
  expect(result.ok && result.config.targets[0]?.backups[0]?.stores).toEqual(['local']);
  expect(warningsOf(text)).toEqual([
    'w.yaml:1:59: targets.x.backups: no store is configured: backups go to the folder "watchkeeper-backups" beside this file, and are lost together with this machine',
  ]);
});

test('switched-off proofs are warned about', () => {
  expect(warningsOf(withBackup('schedule: 0 2 * * *', 'verify: false'))).toEqual([
    'w.yaml:10:9: targets.payments.backups.nightly.verify: these backups are never proven to be restorable',
  ]);
});

test('a promise about databases that are not backed up is warned about', () => {
  const text = 'targets: { x: { engine: postgres, url: "postgres://db/x", objectives: { rpo: 2h } } }';

  expect(warningsOf(text)).toEqual([
    'w.yaml:1:59: targets.x.objectives: a promise about databases that are not backed up',
  ]);
});

test('two targets on one server are warned about, with the connections they hold together', () => {
  const few = `targets:
  a: { engine: postgres, url: "postgres://db/a" }
  b: { engine: postgres, url: "postgres://db/b" }`;
  const many = `targets:
  a: { engine: postgres, url: "postgres://db/a", watch: { connections: 6 } }
  b: { engine: postgres, url: "postgres://db/b", watch: { connections: 6 } }`;

  expect(warningsOf(few)).toEqual([
    'w.yaml:3:3: targets.b: watches db:5432 like a; one target watches all databases of a server',
  ]);
  expect(warningsOf(many)).toEqual([
    'w.yaml:3:59: targets.b.watch.connections: the targets a, b hold 12 connections together on db:5432; one target watches all databases of a server',
  ]);
});

test('a schedule names its databases, lineages, sandbox and assertions', () => {
  const text = withBackup(
    'schedule: 0 2 * * *',
    'databases: [auth_db, payments_db]',
    'verify: { schedule: 0 4 * * 1, assertions: [SELECT true, { name: paid, sql: SELECT 1 = 1 }] }',
  );

  const result = read(text);

  expect(result.ok && result.config.targets[0]?.backups[0]).toMatchObject({
    target: 'payments',
    schedule: 'nightly',
    stores: ['local'],
    databases: ['auth_db', 'payments_db'],
    lineages: [
      { store: 'local', target: 'payments', schedule: 'nightly', database: 'auth_db' },
      { store: 'local', target: 'payments', schedule: 'nightly', database: 'payments_db' },
    ],
    proof: {
      schedule: '0 4 * * 1',
      sandbox: { type: 'local', name: 'local', user: 'postgres' },
      assertions: [
        { name: 'SELECT true', sql: 'SELECT true' },
        { name: 'paid', sql: 'SELECT 1 = 1' },
      ],
    },
  });
});

test('roles and tablespaces are kept under a name of their own, and are of no database', () => {
  const result = read(withBackup('schedule: 0 2 * * *', 'method: globals'));
  const wrong = problemsOf(
    withBackup('schedule: 0 2 * * *', 'method: globals', 'databases: [a]', 'verify: { assertions: [SELECT true] }'),
  );

  expect(result.ok && result.config.targets[0]?.backups[0]?.lineages).toEqual([
    { store: 'local', target: 'payments', schedule: 'nightly', database: 'globals' },
  ]);
  expect(wrong.map((line) => line.replace(/^.*?: /, ''))).toEqual([
    'targets.payments.backups.nightly.databases: has no meaning with method globals',
    'targets.payments.backups.nightly.verify.assertions: has no meaning with method globals',
  ]);
});

test('a share of the backups and a schedule of the proofs do not go together', () => {
  const wrong = problemsOf(withBackup('schedule: 0 2 * * *', 'verify: { share: 0.2, schedule: 0 5 * * 0 }'));
  const none = problemsOf(withBackup('schedule: 0 2 * * *', 'verify: { share: 0 }'));

  expect(wrong.map((line) => line.replace(/^.*?: /, ''))).toEqual([
    'targets.payments.backups.nightly.verify.share: has no meaning beside a schedule of the proofs: leave one of them out',
  ]);
  expect(none).toHaveLength(1);
});

test('each assertion has a name of its own, and one way to say what is wanted', () => {
  const twice = problemsOf(
    withBackup(
      'schedule: 0 2 * * *',
      'verify: { assertions: [SELECT true, { name: SELECT true, sql: SELECT 1, equals: 1 }] }',
    ),
  );
  const both = problemsOf(
    withBackup('schedule: 0 2 * * *', 'verify: { assertions: [{ name: a, sql: SELECT 1, equals: 1, atLeast: 1 }] }'),
  );

  expect(twice.map((line) => line.replace(/^.*?: /, ''))).toEqual([
    'targets.payments.backups.nightly.verify.assertions[1]: there is an assertion "SELECT true" already',
  ]);
  expect(both.join()).toContain('not both');
});

test('databases by patterns are not known before the server was asked', () => {
  const result = read(withBackup('schedule: 0 2 * * *', 'databases: { exclude: ["*_test"] }'));

  expect(result.ok && result.config.targets[0]?.backups[0]).toMatchObject({
    discover: { include: ['*'], exclude: ['*_test'] },
    databases: [],
    lineages: [],
  });
});

test('another login for backups leaves the watching one as it is', async () => {
  const text = `
targets:
  a:
    engine: postgres
    url: postgres://watchkeeper_monitor@db/a
    backupLogin: { user: watchkeeper_backup, password: "\${BACKUP_PASSWORD}" }
    backups: { n: { schedule: "0 2 * * *" } }`;

  const result = read(text, { BACKUP_PASSWORD: 'correct horse' });

  const target = result.ok ? result.config.targets.find(isPostgres) : undefined;
  expect(target?.access.connection.user).toBe('watchkeeper_monitor');
  expect(target?.backups[0]?.access.connection).toMatchObject({
    user: 'watchkeeper_backup',
    host: 'db',
    database: 'a',
  });
  expect((await target?.backups[0]?.access.password?.read(login))?.reveal()).toBe('correct horse');
});

test('relative paths start at the folder of the file', () => {
  const text = `
programs: { postgres: [pg/bin] }
stores: { a: { type: filesystem, path: ./backups } }
sandboxes: { s: { type: local, directory: scratch } }
targets: { x: { engine: postgres, url: "postgres://db/x?sslmode=verify-full&sslrootcert=ca.pem", password: "file:x.secret" } }`;

  const result = read(text);

  expect(result.ok && result.config).toMatchObject({
    programDirectories: ['/etc/watchkeeper/pg/bin'],
    stores: [{ settings: { path: '/etc/watchkeeper/backups' } }],
    sandboxes: [{ name: 's', directory: '/etc/watchkeeper/scratch' }, { name: 'local' }],
    targets: [
      {
        access: {
          connection: { sslRootCert: '/etc/watchkeeper/ca.pem' },
          password: { origin: 'file:/etc/watchkeeper/x.secret' },
        },
      },
    ],
  });
});

test('the folders of a store begin at the folder of the configuration file', () => {
  const result = read('stores: { offsite: { type: s3, bucket: b, spoolDirectory: spool, caFile: ../ca.pem } }');

  expect(result.ok && result.config.stores[0]?.settings).toMatchObject({
    spoolDirectory: '/etc/watchkeeper/spool',
    caFile: '/etc/ca.pem',
  });
});
