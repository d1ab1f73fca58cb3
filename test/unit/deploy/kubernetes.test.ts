import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseDockerfile, variablesOf } from '../../../scripts/image/dockerfile.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { makeWorkDirectory } from '../../../src/core/work-directory.ts';
import { deploy, root } from '../../support/compose.ts';
import { fieldProblems, type Manifest, readManifests, valueProblem } from '../../support/kubernetes.ts';
import { testSignal } from '../../support/test-context.ts';

const manifests = await readManifests();
const image = parseDockerfile(await readFile(join(deploy, 'Dockerfile'), 'utf8')).at(-1)?.instructions ?? [];
const imageSays = (keyword: string) => image.find((instruction) => instruction.keyword === keyword);

function manifestOf<T>(kind: string): Manifest & T {
  const found = manifests.find((manifest) => manifest.kind === kind);
  if (found === undefined) throw new Error(`no ${kind} among the manifests`);
  return found as Manifest & T;
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}
interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly securityContext: object;
  readonly resources: { readonly limits: object };
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
}
interface Volume {
  readonly name: string;
  readonly configMap?: { readonly name: string };
  readonly secret?: { readonly secretName: string };
}
interface Pod {
  readonly serviceAccountName: string;
  readonly automountServiceAccountToken: boolean;
  readonly securityContext: object;
  readonly containers: readonly [Container];
  readonly volumes: readonly Volume[];
}
interface Deployment {
  readonly spec: {
    readonly replicas: number;
    readonly strategy: object;
    readonly template: { readonly metadata: { readonly labels: object }; readonly spec: Pod };
  };
}

const { spec: deployment } = manifestOf<Deployment>('Deployment');
const pod = deployment.template.spec;
const [container] = pod.containers;
const labels = { 'app.kubernetes.io/name': 'watchkeeper' };

test.each(manifests)('the values of $kind are those that its schema allows', async (manifest) => {
  expect(await valueProblem(manifest)).toBeUndefined();
});

test('no manifest has a field that its kind does not know, or lacks one', async () => {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-manifests-' });
  const misspelt = structuredClone(manifests);
  const wrong = misspelt.find(({ kind }) => kind === 'Deployment') as unknown as {
    spec: { template: { spec: { containers: Record<string, unknown>[] } } };
  };
  Object.assign(wrong.spec.template.spec.containers[0] ?? {}, { readynessProbe: {} });

  expect(await fieldProblems(manifests, join(folder.path, 'right'), testSignal())).toEqual([]);
  const found = await fieldProblems(misspelt, join(folder.path, 'wrong'), testSignal());

  expect(found).toEqual([expect.stringMatching(/"readynessProbe".* does not exist/)]);
}, 60_000);

test('the pod fits the Pod Security Standard "restricted", as the user of the image', () => {
  const [uid] = imageSays('USER')?.text.split(':').map(Number) ?? [];

  expect(pod.securityContext).toMatchObject({
    runAsNonRoot: true,
    runAsUser: uid,
    runAsGroup: uid,
    fsGroup: uid,
    seccompProfile: { type: 'RuntimeDefault' },
  });
  expect(container.securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  // Of the kinds of volumes that it allows.
  for (const { name, ...kind } of pod.volumes)
    expect(['configMap', 'secret', 'ephemeral', 'emptyDir'], name).toContain(Object.keys(kind)[0]);
  expect(pod.automountServiceAccountToken).toBe(false);
  expect(container.resources.limits).toHaveProperty('memory');
});

test('there is never a second one beside it', () => {
  expect(deployment).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } });
});

test('probes ask what is no business of a database, at the port of the image', () => {
  const { startupProbe, livenessProbe, readinessProbe } = container;

  expect(container.ports).toEqual([{ name: 'http', containerPort: Number(imageSays('EXPOSE')?.text) }]);
  for (const { httpGet } of [startupProbe, livenessProbe, readinessProbe]) expect(httpGet.port).toBe('http');
  expect([startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet.path)).toEqual([
    '/health/live',
    '/health/live',
    '/health/ready',
  ]);
});

test('every volume is mounted, everything that is named exists, and what is written to is a volume', () => {
  const configMap = pod.volumes.find(({ name }) => name === 'configuration')?.configMap?.name;
  const temporary = variablesOf(imageSays('ENV') ?? { keyword: '', flags: {}, text: '', words: [] })['TMPDIR'];
  const writable = container.volumeMounts.filter(({ readOnly }) => readOnly !== true);

  expect(new Set(container.volumeMounts.map(({ name }) => name))).toEqual(new Set(pod.volumes.map(({ name }) => name)));
  expect(manifestOf('ConfigMap').metadata.name).toBe(configMap);
  expect(manifestOf('ServiceAccount').metadata.name).toBe(pod.serviceAccountName);
  expect(writable.map(({ mountPath }) => mountPath)).toEqual([temporary, '/tmp']);
});

test('the image is pinned to this version', async () => {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };

  expect(container.image).toMatch(new RegExp(`:${version.replaceAll('.', '\\.')}$`));
});

interface Selecting {
  readonly spec: { readonly selector?: object; readonly podSelector?: object; readonly ports?: object };
}

test('Service, ServiceMonitor and NetworkPolicy choose the pod and its port', () => {
  const service = manifestOf<Selecting>('Service');
  const monitor = manifestOf<{ spec: { jobLabel: string; endpoints: readonly { port: string; path: string }[] } }>(
    'ServiceMonitor',
  );

  expect(deployment.template.metadata.labels).toEqual(labels);
  expect(service.spec.selector).toEqual(labels);
  expect(service.spec.ports).toEqual([{ name: 'http', port: 9847, targetPort: 'http' }]);
  expect(service.metadata.labels).toEqual(labels);
  expect(monitor.spec).toMatchObject({ selector: { matchLabels: labels }, jobLabel: Object.keys(labels)[0] });
  expect(monitor.spec.endpoints[0]).toMatchObject({ port: 'http', path: '/metrics' });
  expect(manifestOf<Selecting>('NetworkPolicy').spec.podSelector).toEqual({ matchLabels: labels });
});

test('the configuration is accepted, listens to everybody, and reads the secret where it is mounted', async () => {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-manifests-' });
  const [, , ...rest] = container.args;
  const file = join(folder.path, 'watchkeeper.yaml');
  const text = manifestOf<{ data: Record<string, string> }>('ConfigMap').data['watchkeeper.yaml'] ?? '';
  await writeFile(file, text);

  const loaded = await loadConfig(file, {});

  expect(rest).toEqual(['run']);
  expect(container.args[1]).toBe('/etc/watchkeeper/watchkeeper.yaml');
  expect(loaded).toMatchObject({ ok: true, warnings: [] });
  expect(text).toMatch(/^listen: 0\.0\.0\.0:9847$/m);
  const mount = container.volumeMounts.find(({ name }) => name === 'passwords')?.mountPath;
  for (const [, path = ''] of text.matchAll(/file:([\w/]+)/g))
    expect(path).toMatch(new RegExp(`^${mount}/watchkeeper_`));
});
