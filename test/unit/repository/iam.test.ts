import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../../..');

/** The file with the calls of each service that is watched. */
const watched = ['dynamodb', 'rds', 'elasticache', 'sqs', 'lambda'] as const;

interface Call {
  readonly file: string;
  /** E.g. `rds:DescribeDBInstances`. */
  readonly action: string;
}

/** Every call of a command of the SDK that stands in the code, with the package that it is of. */
async function calls(): Promise<Call[]> {
  const names = await readdir(join(root, 'src'), { recursive: true });
  const found = await Promise.all(names.filter((name) => name.endsWith('.ts')).map(callsOf));
  return found.flat();
}

async function callsOf(name: string): Promise<Call[]> {
  const file = join('src', name);
  const text = await readFile(join(root, file), 'utf8');
  const [, service] = /import\('@aws-sdk\/client-([a-z0-9-]+)'\)/.exec(text) ?? [];
  if (service === undefined) return [];
  return [...text.matchAll(/new (?:\w+\.)?(\w+)Command\(/g)].map(([, call]) => ({
    file,
    action: `${service}:${call}`,
  }));
}

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
}

async function actionsAllowed(policy: string): Promise<string[]> {
  const text = await readFile(join(root, 'deploy/iam', policy), 'utf8');
  const { Statement } = JSON.parse(text) as { readonly Statement: readonly Statement[] };
  expect(Statement.filter(({ Effect }) => Effect !== 'Allow')).toEqual([]);
  return Statement.flatMap(({ Action }) => Action).sort();
}

const unique = (all: readonly string[]) => [...new Set(all)].sort();

/** Of CloudWatch, `ListMetrics` is asked about operations of tables alone. */
const ofCloudwatch = (name: string) => [
  'cloudwatch:GetMetricData',
  ...(name === 'dynamodb' ? ['cloudwatch:ListMetrics'] : []),
];

test.each(watched)(
  'the policy for watching %s allows every call that the code makes, and nothing else',
  async (name) => {
    const called = (await calls()).filter(({ file }) => file === `src/targets/${name}/api.ts`);

    expect(called.length).toBeGreaterThan(2);
    const wanted = unique([...called.map(({ action }) => action), ...ofCloudwatch(name)]);
    expect(await actionsAllowed(`${name}-monitoring.json`)).toEqual(wanted);
  },
);

test('of CloudWatch nothing else is called', async () => {
  const called = (await calls()).filter(({ action }) => action.startsWith('cloudwatch:'));

  expect(unique(called.map(({ action }) => action))).toEqual(ofCloudwatch('dynamodb'));
});

test.each([...watched.map((name) => `src/targets/${name}/api.ts`), 'src/targets/aws/cloudwatch.ts'])(
  '%s names the permission of each call as it is called, so that errors tell the right one',
  async (file) => {
    const text = await readFile(join(root, file), 'utf8');

    const named = [...text.matchAll(/asked\('([^']+)'/g)].map(([, action]) => action ?? '');

    const called = (await calls()).filter((one) => one.file === file).map(({ action }) => action);
    expect(unique(named)).toEqual(unique(called));
  },
);
