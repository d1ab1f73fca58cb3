import { execFile } from 'node:child_process';
import { glob, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import {
  argumentOf,
  type Compose,
  deploy,
  mountedFrom,
  mountsOf,
  readCompose,
  root,
  serviceOf,
} from '../../support/compose.ts';

const run = promisify(execFile);
const compose = await readCompose();
const services = Object.entries(compose.services);
const readYaml = async <T>(path: string) => parse(await readFile(path, 'utf8')) as T;
const pathsIn = async (folder: string) => (await readdir(folder)).sort();

/** The ports that a service publishes: of the container. */
const portsOf = (name: string) => (serviceOf(compose, name).ports ?? []).map((port) => port.split(':').at(-1));

/** What a container sees under a path, which must exist. */
async function seenUnder(name: string, path: string): Promise<string> {
  const source = mountedFrom(serviceOf(compose, name), path);
  if (source === undefined) throw new Error(`${name} has nothing mounted at ${path}`);
  await stat(source);
  return source;
}

test.each(services)('%s runs confined, from a pinned image, and says whether it is well', (_name, service) => {
  const isPinned = /^[\w/.-]+:v?\d+(\.\d+)*(-\w+)?$/.test(service.image) || service.build !== undefined;

  expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
  expect(isPinned, service.image).toBe(true);
  expect(service.image).not.toMatch(/:latest$/);
  expect(service.healthcheck?.test[0] ?? (service.build && 'CMD')).toBe('CMD');
});

test.each(services)('%s is published to this machine only', (_name, { ports = [] }) => {
  for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:(\d+):\1$/);
});

test.each(services)('what %s mounts exists and is read-only, or is a named volume', async (_name, service) => {
  for (const { source, isVolume, target } of mountsOf(service)) {
    if (isVolume) expect(compose.volumes).toHaveProperty(source);
    else await expect(stat(source), source).resolves.toBeDefined();
    const written = service.volumes?.find((volume) => volume.includes(`:${target}`));
    expect(written?.endsWith(':ro'), written).toBe(!isVolume);
  }
});

test('every volume and every secret is used', () => {
  const volumes = services.flatMap(([, service]) => mountsOf(service).filter(({ isVolume }) => isVolume));
  const secrets = services.flatMap(([, service]) => service.secrets ?? []);

  expect(new Set(volumes.map(({ source }) => source))).toEqual(new Set(Object.keys(compose.volumes)));
  expect(new Set(secrets)).toEqual(new Set(Object.keys(compose.secrets)));
});

test('make-secrets makes every secret, random, readable to all in a folder that is its owner’s, and keeps it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'watchkeeper-test-secrets-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const made = join(folder, 'secrets');
  const make = () => run('sh', [join(deploy, 'make-secrets'), made]);

  await make();
  const read = () => Promise.all(Object.keys(compose.secrets).map((name) => readFile(join(made, name), 'utf8')));
  const first = await read();
  await make();

  expect(await pathsIn(made)).toEqual(Object.keys(compose.secrets).sort());
  expect(Object.entries(compose.secrets).map(([name, { file }]) => file === `./secrets/${name}`)).not.toContain(false);
  expect(await read()).toEqual(first);
  expect(new Set(first).size).toBe(first.length);
  for (const secret of first) expect(secret).toMatch(/^[0-9a-f]{40}$/);
  expect((await stat(made)).mode & 0o777).toBe(0o700);
  expect((await stat(join(made, 'grafana_admin'))).mode & 0o777).toBe(0o644);
});

test('the secrets are never committed and never part of the image', async () => {
  const ignored = (await readFile(join(root, '.gitignore'), 'utf8')).split('\n');
  const sent = (await readFile(join(root, '.dockerignore'), 'utf8')).split('\n').filter((line) => line.startsWith('!'));

  expect(ignored).toContain('deploy/secrets/');
  expect(sent.filter((line) => line.startsWith('!deploy'))).toEqual(['!deploy/examples', '!deploy/sql']);
});

interface Prometheus {
  readonly rule_files: readonly string[];
  readonly alerting: { readonly alertmanagers: readonly { readonly static_configs: readonly Targets[] }[] };
  readonly scrape_configs: readonly { readonly job_name: string; readonly static_configs: readonly Targets[] }[];
}
interface Targets {
  readonly targets: readonly string[];
}

test('Prometheus is given every rule, and asks services at ports that they have', async () => {
  const file = argumentOf(serviceOf(compose, 'prometheus'), 'config.file');
  const config = await readYaml<Prometheus>(await seenUnder('prometheus', file));

  const found = await Promise.all(
    config.rule_files.map(async (pattern) => {
      const folder = await seenUnder('prometheus', join(file, '..', pattern, '..'));
      return Array.fromAsync(glob(join(folder, pattern.split('/').at(-1) ?? '')));
    }),
  );
  const asked = [config.scrape_configs, config.alerting.alertmanagers]
    .flat()
    .flatMap(({ static_configs: configs }) => configs.flatMap(({ targets }) => targets));

  const shipped = (await pathsIn(join(root, 'alerts'))).filter((name) => name.endsWith('.rules.yaml'));
  expect(found.flat().map((path) => path.split('/').at(-1))).toEqual(expect.arrayContaining(shipped));
  expect(asked).toEqual(['watchkeeper:9847', 'alertmanager:9093']);
  for (const address of asked) {
    const [name = '', port] = address.split(':');
    expect(portsOf(name)).toContain(port);
  }
  expect(config.scrape_configs.map(({ job_name: job }) => job)).toEqual(['watchkeeper']);
});

test('Alertmanager is given its file', async () => {
  const file = argumentOf(serviceOf(compose, 'alertmanager'), 'config.file');

  expect(await seenUnder('alertmanager', file)).toBe(join(deploy, 'alertmanager.yaml'));
});

test('Grafana finds its data source, every board and the one it shows first', async () => {
  const grafana = serviceOf(compose, 'grafana');
  const provisioning = '/etc/grafana/provisioning';
  const sources = await readYaml<{ datasources: readonly { url: string; type: string }[] }>(
    await seenUnder('grafana', `${provisioning}/datasources/watchkeeper.yaml`),
  );
  const boards = await readYaml<{ providers: readonly { options: { path: string } }[] }>(
    await seenUnder('grafana', `${provisioning}/dashboards/watchkeeper.yaml`),
  );

  const { hostname, port } = new URL(sources.datasources[0]?.url ?? '');
  expect(portsOf(hostname)).toContain(port);
  expect(await seenUnder('grafana', boards.providers[0]?.options.path ?? '')).toBe(join(root, 'dashboards'));
  const first = await seenUnder('grafana', grafana.environment?.['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH'] ?? '');
  expect(JSON.parse(await readFile(first, 'utf8'))).toHaveProperty('panels');
});

interface Settings {
  readonly listen: string;
  readonly stores: Readonly<Record<string, { readonly path: string }>>;
}

test('the configuration that Compose starts with listens, stores and reads secrets where the container has them', async () => {
  const service = serviceOf(compose, 'watchkeeper');
  const file = await seenUnder('watchkeeper', '/etc/watchkeeper/watchkeeper.yaml');
  const text = await readFile(file, 'utf8');
  const settings = parse(text) as Settings;

  const secrets = [...text.matchAll(/file:\/run\/secrets\/(\w+)/g)].map(([, name]) => name);
  const volumes = mountsOf(service).filter(({ isVolume }) => isVolume);
  expect(settings.listen).toBe(`0.0.0.0:${portsOf('watchkeeper')[0]}`);
  expect(new Set(secrets)).toEqual(new Set(service.secrets));
  for (const { path } of Object.values(settings.stores)) {
    expect(volumes.filter(({ target }) => path.startsWith(`${target}/`))).toHaveLength(1);
  }
});

test('variables for Compose are those that the document tells of', async () => {
  const text = await readFile(join(deploy, 'compose.yaml'), 'utf8');
  const document = await readFile(join(root, 'docs/deployment.md'), 'utf8');

  const names = [...text.matchAll(/\$\{(\w+)/g)].map(([, name]) => name);
  expect(new Set(names)).toEqual(new Set(['SHOP_URL', 'WATCHKEEPER_CONFIG']));
  for (const name of names) expect(document).toContain(`\`${name}\``);
});

test('a folder of one’s own takes the place of the example', async () => {
  const own: Compose = await readCompose({ WATCHKEEPER_CONFIG: '/etc/mine' });

  expect(serviceOf(own, 'watchkeeper').volumes).toContain('/etc/mine:/etc/watchkeeper:ro');
});
