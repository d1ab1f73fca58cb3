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

test('the policy for comparing allows every call that reads items or finds tables, and nothing else', async () => {
  const called = (await calls()).filter(({ file }) => file === 'src/targets/dynamodb/items.ts');
  const store = await readFile(join(root, 'src/jobs/compare/dynamodb/item-store.ts'), 'utf8');

  // Of what is called for watching, it uses these two.
  const shared = [...store.matchAll(/#api\.(\w+)\(/g)].map(([, method]) => method ?? '');
  expect(unique(shared)).toEqual(['table', 'tableNames']);
  const wanted = [...called.map(({ action }) => action), 'dynamodb:DescribeTable', 'dynamodb:ListTables'];
  expect(called.length).toBe(2);
  expect(await actionsAllowed('compare.json')).toEqual(unique(wanted));
});

/** Whatever else talks to AWS. */
const others = ['src/targets/aws/cloudwatch.ts', 'src/targets/dynamodb/items.ts'];

test.each([...watched.map((name) => `src/targets/${name}/api.ts`), ...others])(
  '%s names the permission of each call as it is called, so that errors tell the right one',
  async (file) => {
    const text = await readFile(join(root, file), 'utf8');

    const named = [...text.matchAll(/asked\('([^']+)'/g)].map(([, action]) => action ?? '');

    const called = (await calls()).filter((one) => one.file === file).map(({ action }) => action);
    expect(unique(named)).toEqual(unique(called));
  },
);

/** Permission of each call of S3 where it is not called like it. */
const permissionOf: Readonly<Record<string, string>> = {
  HeadObject: 'GetObject',
  ListObjectsV2: 'ListBucket',
  CreateMultipartUpload: 'PutObject',
  UploadPart: 'PutObject',
  CompleteMultipartUpload: 'PutObject',
  ListMultipartUploads: 'ListBucketMultipartUploads',
};

/** What a call needs beside its own permission, by the parameter that it is made with. */
const permissionsOfParameters: Readonly<Record<string, readonly string[]>> = {
  ObjectLockMode: ['s3:PutObjectRetention'],
  VersionId: ['s3:DeleteObjectVersion'],
  ObjectLockRetainUntilDate: ['s3:GetObjectRetention'],
  ObjectLockLegalHoldStatus: ['s3:GetObjectLegalHold'],
  SSEKMSKeyId: ['kms:Decrypt', 'kms:GenerateDataKey'],
};

/** The files that call a service have its client in their hands, or stand in the folder of the store. */
async function permissionsOfStores(): Promise<string[]> {
  const names = (await readdir(join(root, 'src/storage'))).filter((name) => name.startsWith('s3'));
  const texts = await Promise.all(names.map((name) => readFile(join(root, 'src/storage', name), 'utf8')));
  const text = texts.join('\n');
  const made = [...text.matchAll(/new (?:\w+\.)?(\w+)Command\(/g)].map(([, call = '']) => permissionOf[call] ?? call);
  const ofParameters = Object.entries(permissionsOfParameters).filter(([parameter]) => text.includes(parameter));
  return unique([...made.map((name) => `s3:${name}`), ...ofParameters.flatMap(([, actions]) => actions)]);
}

test('the policy for backups allows every call that stores make, and nothing else', async () => {
  const wanted = await permissionsOfStores();

  expect(wanted).toEqual(expect.arrayContaining(['s3:PutObject', 's3:DeleteObjectVersion', 'kms:GenerateDataKey']));
  expect(await actionsAllowed('backup.json')).toEqual(wanted);
});

test('secrets are read, and tokens for logins are used, with exactly the rights of their policies', async () => {
  const secrets = (await calls()).filter(({ action }) => action.startsWith('secrets-manager:'));

  expect(unique(secrets.map(({ action }) => action))).toEqual(['secrets-manager:GetSecretValue']);
  expect(await actionsAllowed('secrets-manager-read.json')).toEqual(['kms:Decrypt', 'secretsmanager:GetSecretValue']);
  // A token is signed here; what it needs is asked of IAM when somebody logs in with it.
  expect(await actionsAllowed('rds-connect.json')).toEqual(['rds-db:connect']);
});

test('no other file talks to AWS: one that does needs a policy', async () => {
  const names = (await readdir(join(root, 'src'), { recursive: true })).filter((name) => name.endsWith('.ts'));
  const texts = await Promise.all(names.map((name) => readFile(join(root, 'src', name), 'utf8')));

  const talking = names.filter((_name, index) =>
    /await import\('@aws-sdk|=\s*import\('@aws-sdk/.test(texts[index] ?? ''),
  );

  expect(talking.sort()).toEqual(
    [
      ...watched.map((name) => `targets/${name}/api.ts`),
      'targets/aws/cloudwatch.ts',
      'targets/dynamodb/items.ts',
      'targets/libpq/rds-iam.ts',
      'config/aws-secret.ts',
      'storage/s3-client.ts',
      // Asks STS where a profile or a web identity says so: with the identity alone, or the rights of that profile.
      'core/aws-credentials.ts',
    ].sort(),
  );
});
