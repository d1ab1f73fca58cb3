import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { isPostgres } from '../../../src/config/loaded.ts';
import { formatProblem } from '../../../src/config/problem.ts';

const login = { host: 'db', port: 5432, user: 'w', database: 'db' };

const root = new URL('../../../', import.meta.url).pathname;

async function load(file: string, environment: Record<string, string>) {
  const result = await loadConfig(`${root}${file}`, environment);
  if (!result.ok) throw new Error(result.problems.map((problem) => formatProblem(file, problem)).join('\n'));
  return result;
}

test('the example configuration is valid, without a warning', async () => {
  const { config, warnings } = await load('config.example.yaml', { SHOP_BACKUP_PASSWORD: 'x' });

  expect(warnings).toEqual([]);
  expect(config.targets.map(({ name }) => name)).toEqual([
    'reporting',
    'tenants',
    'pooler',
    'shop',
    'cache',
    'orders',
    'sessions',
  ]);
  expect(config.targets[3]?.backups.map(({ schedule, stores }) => `${schedule} → ${stores.join(', ')}`)).toEqual([
    'nightly → offsite',
    'hourly → local',
  ]);
});

test('the example of four databases is valid as it stands, without a warning', async () => {
  const { config, warnings } = await load('deploy/examples/poc3.yaml', {});

  expect(warnings).toEqual([]);
  expect(config.stores[0]?.settings).toEqual({
    type: 's3',
    bucket: 'poc3-database-backups',
    prefix: 'prod',
    region: 'us-east-1',
    forcePathStyle: false,
    serverSideEncryption: 'aws:kms',
    storageClass: 'STANDARD_IA',
    maxParts: 10_000,
    conditionalWrites: 'auto',
  });
  expect(config.targets[0]?.backups[0]).toMatchObject({
    databases: ['auth_db', 'payments_db', 'admin_db', 'profile_db'],
    settings: { schedule: '0 2 * * *', timezone: 'UTC', keep: { within: 30 * 24 * 3_600_000 } },
    proof: { schedule: '0 4 * * 1', timeout: 1_800_000, sandbox: { type: 'local' } },
    access: {
      connection: { user: 'watchkeeper_backup' },
      password: { origin: 'file:/run/secrets/watchkeeper_backup' },
    },
  });
  expect(config.targets.find(isPostgres)?.watch.slowQueryThreshold).toBe(1_000);
});

test('the example of four databases takes its surroundings from the environment', async () => {
  const { config } = await load('deploy/examples/poc3.yaml', {
    POC3_URL: 'postgres://monitor@127.0.0.1:5499/auth_db',
    POC3_S3_ENDPOINT: 'http://127.0.0.1:5000',
    POC3_S3_PATH_STYLE: 'true',
    POC3_S3_ENCRYPTION: 'AES256',
    POC3_MONITOR_PASSWORD: 'one',
    POC3_BACKUP_PASSWORD: 'two',
  });

  expect(config.stores[0]?.settings).toMatchObject({
    endpoint: 'http://127.0.0.1:5000',
    forcePathStyle: true,
    serverSideEncryption: 'AES256',
  });
  expect(config.targets.find(isPostgres)?.access.connection).toMatchObject({
    host: '127.0.0.1',
    port: 5499,
    user: 'monitor',
  });
  expect((await config.targets[0]?.backups[0]?.access.password?.read(login))?.reveal()).toBe('two');
});

test('the examples point editors to the schema', async () => {
  const example = await readFile(`${root}config.example.yaml`, 'utf8');

  expect(example.split('\n')[0]).toBe('# yaml-language-server: $schema=./config.schema.json');
});

test('a file that is not there is told by its absolute name', async () => {
  const result = await loadConfig('/nowhere/watchkeeper.yaml', {});

  expect(result.ok ? [] : result.problems.map((problem) => formatProblem('w.yaml', problem))).toEqual([
    'w.yaml: there is no file /nowhere/watchkeeper.yaml',
  ]);
});
