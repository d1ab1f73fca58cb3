import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import type { Comparison } from '../../../src/jobs/compare/comparison.ts';
import { formatConnectionUrl } from '../../../src/targets/libpq/connection.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { runCommand, writeConfig } from '../../support/command-line.ts';
import { dynamodbTables } from '../../support/dynamodb-tables.ts';
import { type Moto, startMoto } from '../../support/moto.ts';
import { type AccessKey, motoUsers } from '../../support/moto-users.ts';
import { createDatabase, startTestCluster } from '../../support/postgres.ts';

const withheld = ['dynamodb:Scan', 'dynamodb:BatchGetItem', 'dynamodb:DescribeTable', 'dynamodb:ListTables'] as const;

let cluster: Cluster;
let moto: Moto;
let folder: WorkDirectory;
let config: readonly string[];
let documented: AccessKey;
const without = new Map<string, AccessKey>();

beforeAll(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-compare-rights-' });
  [cluster, moto] = await Promise.all([startTestCluster(), startMoto()]);
  await createDatabase(cluster, 'idp', "CREATE TABLE stacks (id text PRIMARY KEY); INSERT INTO stacks VALUES ('a')");
  using tables = dynamodbTables(moto.endpoint);
  await tables.create('idp_stacks', [{ id: { S: 'a' } }]);
  const actions = await documentedActions();
  const users = motoUsers(moto);
  documented = await users.create('documented', actions);
  expect(actions).toEqual(expect.arrayContaining([...withheld]));
  for (const action of withheld) {
    const key = await users.create(
      action.replace(':', '-'),
      actions.filter((one) => one !== action),
    );
    without.set(action, key);
  }
  await users.enforce();
  const url = formatConnectionUrl(cluster.access.connection).replace(/[^/]*$/, '');
  config = await writeConfig(
    folder.path,
    `
targets:
  idp: { engine: postgres, url: '${url}idp?sslmode=disable' }
  cloud: { engine: dynamodb, region: eu-central-1, endpoint: '${moto.endpoint}' }
`,
  );
}, 120_000);
afterAll(async () => {
  await moto?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

/** Without its resources, which moto does not look at. */
async function documentedActions(): Promise<string[]> {
  const text = await readFile(join(import.meta.dirname, '../../../deploy/iam/compare.json'), 'utf8');
  const policy = JSON.parse(text) as { readonly Statement: readonly { readonly Action: string | string[] }[] };
  return policy.Statement.flatMap(({ Action }) => Action);
}

function compare(key: AccessKey | undefined, ...args: string[]) {
  const { accessKeyId = '', secretAccessKey = '' } = key ?? {};
  const environment = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  return runCommand([...config, 'compare', 'idp', 'cloud', '--counts', 'exact', '--json', ...args], environment);
}

test('the documented policy is enough', async () => {
  const { code, out, err } = await compare(documented, '--prefix', 'idp_');

  expect({ code, err }).toMatchObject({ code: 0 });
  expect(JSON.parse(out)).toMatchObject({ result: 'same', samples: [{ fromSource: 1, fromOther: 1 }] });
});

test.each([
  // Keys of PostgreSQL can be looked up without it.
  ['dynamodb:Scan', 'samples of public.stacks = idp_stacks taken from the other side'],
  ['dynamodb:BatchGetItem', 'samples of public.stacks = idp_stacks'],
])('without %s the rest is compared, and the right is named', async (action, what) => {
  const { code, out } = await compare(without.get(action), '--pair', 'stacks=idp_stacks');

  const { notCompared } = JSON.parse(out) as Comparison;
  expect(code).toBe(2);
  expect(notCompared.at(-1)).toEqual({
    what,
    why: expect.stringMatching(`the credentials lack ${action}.*; deploy/iam/compare.json has the rights$`),
  });
});

test.each(['dynamodb:DescribeTable', 'dynamodb:ListTables'])(
  'without %s nothing is found, and the right is named',
  async (action) => {
    const { code, err } = await compare(without.get(action), '--prefix', 'idp_');

    expect(code).toBe(2);
    expect(err).toContain(`the credentials lack ${action}`);
  },
);
