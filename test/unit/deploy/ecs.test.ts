import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseDockerfile, variablesOf } from '../../../scripts/image/dockerfile.ts';
import { deploy, root } from '../../support/compose.ts';

interface Named {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: string;
}
interface Container {
  readonly image: string;
  readonly user: string;
  readonly readonlyRootFilesystem: boolean;
  readonly linuxParameters: object;
  readonly command: readonly string[];
  readonly portMappings: readonly { readonly containerPort: number }[];
  readonly mountPoints: readonly { readonly sourceVolume: string; readonly containerPath: string }[];
  readonly environment: readonly Named[];
  readonly secrets: readonly Named[];
  readonly stopTimeout: number;
  readonly healthCheck: { readonly command: readonly string[] };
}
interface Task {
  readonly volumes: readonly { readonly name: string }[];
  readonly containerDefinitions: readonly [Container];
}
interface Policy {
  readonly Statement: readonly { readonly Action: string | readonly string[]; readonly Resource: string }[];
}

const readJson = async <T>(path: string) => JSON.parse(await readFile(path, 'utf8')) as T;
const { containerDefinitions, volumes } = await readJson<Task>(join(deploy, 'ecs/task-definition.json'));
const [container] = containerDefinitions;
const image = parseDockerfile(await readFile(join(deploy, 'Dockerfile'), 'utf8')).at(-1)?.instructions ?? [];
const imageSays = (keyword: string) => {
  const found = image.find((instruction) => instruction.keyword === keyword);
  if (found === undefined) throw new Error(`no ${keyword}`);
  return found;
};

test('the task runs as the image’s user, confined, at its port, and is asked as the image is', async () => {
  const { version } = await readJson<{ version: string }>(join(root, 'package.json'));
  const health = imageSays('HEALTHCHECK').text;

  expect(container).toMatchObject({
    user: imageSays('USER').text,
    readonlyRootFilesystem: true,
    linuxParameters: { capabilities: { drop: ['ALL'] } },
    portMappings: [{ containerPort: Number(imageSays('EXPOSE').text) }],
  });
  expect(container.image.endsWith(`:${version}`)).toBe(true);
  expect(JSON.parse(health.slice(health.indexOf('[')))).toEqual(container.healthCheck.command.slice(1));
  // Fargate ends a task after 120 s at the latest.
  expect(container.stopTimeout).toBeLessThanOrEqual(120);
});

test('what it writes to is a volume of the image, so that Fargate gives it the image’s owner', () => {
  const temporary = variablesOf(imageSays('ENV'))['TMPDIR'];

  expect(container.mountPoints.map(({ containerPath }) => containerPath)).toEqual([temporary]);
  expect(imageSays('VOLUME').words).toContain(temporary);
  expect(container.mountPoints.map(({ sourceVolume }) => sourceVolume)).toEqual(volumes.map(({ name }) => name));
});

test('its configuration is in the image, and knows every variable that it is given; passwords are references', async () => {
  const [, file = ''] = container.command;
  const text = await readFile(join(root, file.replace('/opt/watchkeeper/', '')), 'utf8');
  const known = new Set([...text.matchAll(/\$\{(\w+)/g)].map(([, name]) => name));

  for (const { name } of [...container.environment, ...container.secrets]) expect(known).toContain(name);
  for (const { name, valueFrom } of container.secrets) {
    expect(name).toMatch(/_PASSWORD$/);
    expect(valueFrom).toMatch(/^arn:aws:secretsmanager:[\w-]+:\d{12}:secret:watchkeeper-\w+:\w+::$/);
  }
  expect(container.environment.filter(({ name }) => /PASSWORD|SECRET|KEY/.test(name))).toEqual([]);
});

test('the policy of the bucket allows what the document of the stores asks for, of this bucket alone', async () => {
  const { Statement: statements } = await readJson<Policy>(join(deploy, 'iam/backup.json'));
  const document = await readFile(join(root, 'docs/stores.md'), 'utf8');

  const allowed = statements.flatMap(({ Action: actions }) => actions).filter((action) => action.startsWith('s3:'));
  const asked = [...document.matchAll(/`(s3:\w+)`/g)].map(([, action]) => action);
  expect(new Set(allowed)).toEqual(new Set(asked));
  const resources = statements
    .map(({ Resource: resource }) => resource)
    .filter((name) => name.startsWith('arn:aws:s3:'));
  expect(new Set(resources)).toEqual(new Set(['arn:aws:s3:::BUCKET', 'arn:aws:s3:::BUCKET/PREFIX/*']));
});
