import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { checkAws } from '../../../src/commands/check/aws.ts';
import { freePort } from '../../support/free-port.ts';
import { type Moto, startMoto } from '../../support/moto.ts';
import { motoDynamodb, watchedDynamodb } from '../../support/moto-dynamodb.ts';
import { type AccessKey, motoUsers } from '../../support/moto-users.ts';
import { metricData, type ScriptedAws, startScriptedAws } from '../../support/scripted-aws.ts';
import { testContext } from '../../support/test-context.ts';

let moto: Moto;
let documented: AccessKey;
let poor: AccessKey;
let cloudwatch: ScriptedAws;
/** Calls of CloudWatch that are refused. moto does not understand who asks it for metrics. */
let refused: readonly string[];

/** A user with the rights of the policy, one without one of them, and moto that checks, but for CloudWatch. */
beforeAll(async () => {
  moto = await startMoto();
  using made = motoDynamodb(moto.endpoint);
  await made.createTable('orders');
  const users = motoUsers(moto);
  const actions = await documentedActions();
  documented = await users.create('documented', actions);
  const withheld = ['dynamodb:ListBackups'];
  poor = await users.create(
    'poor',
    actions.filter((action) => !withheld.includes(action)),
  );
  await users.enforce();
  cloudwatch = await startScriptedAws((request) => {
    if (refused.includes(request.call)) return { error: 'AccessDeniedException' };
    return request.call === 'ListMetrics' ? { value: { Metrics: [] } } : metricData(request, () => ({}));
  });
});
beforeEach(() => {
  refused = [];
});
afterAll(async () => {
  await cloudwatch?.[Symbol.asyncDispose]();
  await moto?.[Symbol.asyncDispose]();
});
afterEach(() => vi.unstubAllEnvs());

async function documentedActions(): Promise<string[]> {
  const text = await readFile(join(import.meta.dirname, '../../../deploy/iam/dynamodb-monitoring.json'), 'utf8');
  const policy = JSON.parse(text) as { Statement: { Action: string[] }[] };
  return policy.Statement.flatMap(({ Action }) => Action);
}

async function check(key: AccessKey, given: Parameters<typeof watchedDynamodb>[1] = {}, endpoint = moto.endpoint) {
  vi.stubEnv('AWS_ACCESS_KEY_ID', key.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', key.secretAccessKey);
  const target = { ...watchedDynamodb({ endpoint, cloudwatchEndpoint: cloudwatch.endpoint }, given), backups: [] };
  const { findings } = await checkAws(target, { ...testContext(), timeoutMs: 20_000 });
  return findings.map(
    ({ status, message, remedy }) => `${status}: ${message}${remedy === undefined ? '' : ` → ${remedy}`}`,
  );
}

test('the rights of the documented policy are enough, and what CloudWatch will cost is told', async () => {
  expect(await check(documented)).toEqual([
    expect.stringMatching(/^ok: \d+ families can be collected$/),
    'ok: 1 tables are watched (account 123456789012, eu-central-1)',
    'ok: CloudWatch will cost about 1.34 US dollars a month',
  ]);
});

test('a missing permission is named with the families that need it', async () => {
  refused = ['GetMetricData'];
  const errors = (await check(poor)).filter((line) => line.startsWith('error'));

  expect(errors).toEqual([
    expect.stringMatching(
      /^error: dynamodb:ListBackups: the credentials lack dynamodb:ListBackups.*\(needed for backups\) → .*deploy\/iam\/dynamodb-monitoring\.json/,
    ),
    expect.stringMatching(
      /^error: cloudwatch:GetMetricData: the credentials lack cloudwatch:GetMetricData.*\(needed for throttle_events, consumed_capacity/,
    ),
  ]);
});

test('without ListMetrics only what is told by operation is missing', async () => {
  refused = ['ListMetrics'];
  const errors = (await check(documented)).filter((line) => line.startsWith('error'));

  expect(errors).toEqual([
    expect.stringMatching(/the credentials lack cloudwatch:ListMetrics.*\(needed for operations\)/),
  ]);
});

test('a table that does not exist, and a limit that will be passed, are told', async () => {
  const lines = await check(documented, { tables: { names: ['orders', 'ordres'] }, cloudwatch: { monthlyLimit: 0.5 } });

  expect(lines).toContainEqual(expect.stringMatching(/^error: there is no table "ordres"/));
  expect(lines).toContainEqual(expect.stringMatching(/^warning: CloudWatch will cost .*, and 0.5 are allowed/));
});

test('credentials that may do nothing and a port where nobody listens are told as such', async () => {
  const unknown = { accessKeyId: 'AKIAUNKNOWN', secretAccessKey: 'x' };

  expect(await check(unknown)).toEqual([
    expect.stringMatching(/^error: dynamodb:ListTables: the credentials lack dynamodb:ListTables/),
  ]);
  expect(await check(documented, {}, `http://127.0.0.1:${await freePort()}`)).toEqual([
    expect.stringMatching(/^error: dynamodb:ListTables: nobody listens there.* → check the network/),
  ]);
});
