import { expect, test } from 'vitest';
import { readConfig } from '../../../src/config/load.ts';
import { formatProblem } from '../../../src/config/problem.ts';

function read(settings: string) {
  const knowledge = { collectorNames: () => ['pools', 'clients'], scheduleProblem: () => undefined };
  const text = `targets:\n  pooler: { engine: pgbouncer, ${settings} }`;
  return readConfig(text, { file: '/etc/watchkeeper/w.yaml', environment: {}, knowledge });
}

/** Problems and warnings, without their place. */
function told(settings: string): string[] {
  const result = read(settings);
  const problems = result.ok ? [] : result.problems;
  return [...problems, ...result.warnings].map((one) =>
    formatProblem('w', one).replace(/^w:\d+:\d+: targets\.pooler\./, ''),
  );
}

const url = 'postgres://stats@pooler:6432/pgbouncer';

test('a PgBouncer needs its console’s URL only', () => {
  const result = read(`url: "${url}?sslmode=verify-full&sslrootcert=ca.pem", password: file:secrets/pooler`);

  const [target] = result.ok ? result.config.targets : [];
  expect(target).toMatchObject({
    name: 'pooler',
    engine: 'pgbouncer',
    access: {
      connection: {
        host: 'pooler',
        port: 6432,
        user: 'stats',
        database: 'pgbouncer',
        sslMode: 'verify-full',
        sslRootCert: '/etc/watchkeeper/ca.pem',
      },
      password: { origin: 'file:/etc/watchkeeper/secrets/pooler' },
    },
    watch: { collectors: {}, timeout: 3_000, applicationNameLimit: 50, loginInterval: 60_000 },
    backups: [],
  });
});

test.each([
  [`url: "${url}"`, []],
  [
    'url: "postgres://stats@pooler:6432/shop"',
    ['url: must name the database "pgbouncer", in which the console answers'],
  ],
  ['url: "postgres://pgbouncer@a,b/pgbouncer"', ['url: must name one host: each PgBouncer is a target of its own']],
  [`url: "${url}?target_session_attrs=primary"`, ['url: "target_session_attrs" has no meaning for a PgBouncer']],
  [`url: "${url}?options=-c%20lock_timeout%3D1s"`, ['url: "options" is refused by PgBouncer']],
  [
    `url: "${url}?sslmode=verify-full", password: "aws-rds-iam:eu-west-1"`,
    ['password: "aws-rds-iam" is for logins to PostgreSQL only'],
  ],
  [
    `url: "${url}", watch: { timeout: 10s }`,
    ['watch.timeout: must be more than 0 and less than "scrape.timeout" (9500 ms)'],
  ],
  [
    `url: "${url}", watch: { collectors: { pool: true } }`,
    ['watch.collectors.pool: there is no collector "pool"; did you mean "pools"?'],
  ],
  [
    `url: "${url}", backups: {}`,
    ['backups: unknown setting "backups"; known here: engine, url, password, sslPassword, watch'],
  ],
])('%s is told %j', (settings, expected) => {
  expect(told(settings)).toEqual(expected);
});
