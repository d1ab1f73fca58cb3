import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { checkAnnotations } from '../../../src/commands/check/annotations.ts';
import { findingsAbout } from '../../../src/commands/check/finding.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { type Authority, makeAuthority } from '../../support/certificates.ts';
import { writeConfig } from '../../support/command-line.ts';
import { startDaemon } from '../../support/daemon.ts';
import { type GrafanaReceiver, startGrafanaReceiver } from '../../support/grafana-receiver.ts';
import { createDatabase, startTestCluster } from '../../support/postgres.ts';
import { testContext } from '../../support/test-context.ts';

let cluster: Cluster;
let folder: WorkDirectory;
let authority: Authority;
let receiver: GrafanaReceiver;
beforeAll(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-annotations-' });
  authority = await makeAuthority('annotations');
  receiver = await startGrafanaReceiver(await authority.issue('grafana', { names: 'IP:127.0.0.1' }));
  cluster = await startTestCluster();
  await createDatabase(cluster, 'shop', 'CREATE TABLE orders AS SELECT generate_series(1, 100) AS id');
});
afterAll(async () => {
  await receiver?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
  await authority?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

let cases = 0;
async function configure(more = ''): Promise<readonly string[]> {
  const own = join(folder.path, `case-${++cases}`);
  await mkdir(own);
  await writeFile(join(own, 'token'), 'grafana-secret\n', { mode: 0o600 });
  const { port } = cluster.access.connection;
  return writeConfig(
    own,
    `
listen: 127.0.0.1:0
annotations: { grafana: { url: '${receiver.url}/', token: 'file:./token'${more} } }
stores: { local: { type: filesystem, path: ./store } }
targets:
  shop:
    engine: postgres
    url: postgres://postgres@127.0.0.1:${port}/shop?sslmode=disable
    backups: { nightly: { schedule: '0 2 * * *', keep: { last: 2 } } }
`,
  );
}
const trusted = () => `, caFile: '${authority.certificate}', tags: [staging]`;

test('a backup and its proof become annotations, over TLS with an own authority, and nobody sees the token', async () => {
  receiver.behave(() => 200);
  await using daemon = await startDaemon(await configure(trusted()));

  await vi.waitFor(() => expect(receiver.annotations).toHaveLength(2), { timeout: 60_000, interval: 100 });

  expect(receiver.annotations.map(({ tags }) => tags)).toEqual([
    ['watchkeeper', 'backup', 'succeeded', 'target:shop', 'staging'],
    ['watchkeeper', 'verify', 'succeeded', 'target:shop', 'staging'],
  ]);
  expect(receiver.requests[0]?.token).toBe('Bearer grafana-secret');
  const metrics = await daemon.get('/metrics');
  expect(metrics.text).toContain('\nwatchkeeper_annotations_written_total 2\n');
  expect(metrics.text + daemon.command.err()).not.toContain('grafana-secret');
});

test('with a Grafana that never answers backups go on, and the daemon ends within seconds', async () => {
  receiver.behave(() => 'hang');
  const daemon = await startDaemon(await configure(trusted()));
  await daemon.untilLogged('a proof', ({ job, verdict }) => job === 'verify' && verdict === 'proven');
  const startMs = performance.now();

  await daemon[Symbol.asyncDispose]();

  expect(performance.now() - startMs).toBeLessThan(20_000);
});

async function check(more: string): Promise<string[]> {
  const [, file = ''] = await configure(more);
  const loaded = await loadConfig(file, {});
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const findings = findingsAbout('annotations');
  await checkAnnotations(loaded.config, findings, testContext());
  return findings.all.map(({ status, message, remedy }) =>
    [`${status}: ${message}`, remedy].filter(Boolean).join(' → '),
  );
}

test('check writes an annotation and deletes it again', async () => {
  receiver.behave(() => 200);

  expect(await check(trusted())).toEqual([`ok: an annotation was written to ${receiver.url}/`]);
  expect(receiver.requests.at(-1)).toMatchObject({
    method: 'DELETE',
    path: expect.stringMatching(/^\/api\/annotations\/\d+$/),
  });
});

test.each([
  [401, /^warning: Grafana answers 401: no such luck → the token is not valid/],
  [403, /needs annotations:create/],
  [404, /a sub-path may be missing/],
  [500, /^warning: Grafana answers 500/],
  ['hang', /^warning: Grafana does not answer within 200 ms → check annotations\.grafana/],
] as const)('check tells what is wrong: %s', async (reaction, expected) => {
  receiver.behave(() => reaction);

  expect((await check(`${trusted()}, timeout: 200ms`)).join()).toMatch(expected);
});

test('check tells that the certificate is not trusted, and that what it wrote stays', async () => {
  receiver.behave(({ method }) => (method === 'DELETE' ? 403 : 200));

  expect((await check('')).join()).toMatch(/Grafana is not reached: .*certificate/);
  expect((await check(trusted())).join()).toMatch(
    /ok: .*warning: the annotation of this check stays .*403.* → .*annotations:delete/,
  );
});
