import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../../..');
/** Prefix of IAM by the SDK's package. */
const services = { dynamodb: 'dynamodb', cloudwatch: 'cloudwatch' } as const;

/** Permissions of the calls that stand in the code which watches. */
async function actionsCalled(): Promise<string[]> {
  const found = new Set<string>();
  for (const folder of ['src/targets/aws', 'src/targets/dynamodb', 'src/collectors']) {
    const names = await readdir(join(root, folder), { recursive: true });
    for (const name of names.filter((one) => one.endsWith('.ts'))) {
      const text = await readFile(join(root, folder, name), 'utf8');
      for (const [service, prefix] of Object.entries(services)) {
        if (!text.includes(`import('@aws-sdk/client-${service}')`)) continue;
        for (const [, call] of text.matchAll(/new \w+\.(\w+)Command\(/g)) found.add(`${prefix}:${call}`);
      }
    }
  }
  return [...found].sort();
}

async function actionsAllowed(): Promise<string[]> {
  const policy = JSON.parse(await readFile(join(root, 'deploy/iam/dynamodb-monitoring.json'), 'utf8')) as {
    readonly Statement: readonly { readonly Effect: string; readonly Action: readonly string[] }[];
  };
  expect(policy.Statement.filter(({ Effect }) => Effect !== 'Allow')).toEqual([]);
  return policy.Statement.flatMap(({ Action }) => Action).sort();
}

test('the policy for watching DynamoDB allows every call that the code makes, and nothing else', async () => {
  const called = await actionsCalled();

  expect(called.length).toBeGreaterThan(5);
  expect(await actionsAllowed()).toEqual(called);
});

test('the code names the permission of each call as it is called, so that errors tell the right one', async () => {
  const files = ['src/targets/dynamodb/api.ts', 'src/targets/aws/cloudwatch.ts'];
  const texts = await Promise.all(files.map((file) => readFile(join(root, file), 'utf8')));

  const named = new Set(texts.flatMap((text) => [...text.matchAll(/asked\('([^']+)'/g)].map(([, action]) => action)));

  expect([...named].sort()).toEqual(await actionsCalled());
});
