import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { boards } from '../../../scripts/dashboards/index.ts';
import type { BoardJson } from '../../../scripts/pictures/board-json.ts';
import { findBrowser, takePicture } from '../../../scripts/pictures/browser.ts';
import { previewOf } from '../../../scripts/pictures/preview.ts';
import { prometheusSource } from '../../../scripts/pictures/prometheus.ts';
import { makeWorkDirectory } from '../../../src/core/work-directory.ts';
import { countSeries, queriesOf, seriesOf } from '../../support/board-queries.ts';
import { type LiveFleet, scrapeSeconds, startLiveFleet } from '../../support/live-fleet.ts';
import { problemsOf } from '../../support/promql.ts';

let fleet: LiveFleet;
const queries = boards.flatMap((board) => queriesOf(board, scrapeSeconds));

/** What is not there in this run although it is declared, and why. Each query that reads it falls back to 0. */
const notInThisRun: Readonly<Record<string, { readonly labels: readonly string[]; readonly reason: string }>> = {
  ALERTS: {
    labels: ['alertname', 'alertstate', 'severity', 'target'],
    reason: 'made by Prometheus itself, where it has the rules',
  },
  watchkeeper_annotations_queued: { labels: ['job', 'instance'], reason: 'only where they go to Grafana' },
  watchkeeper_annotations_dropped_total: {
    labels: ['job', 'instance', 'reason'],
    reason: 'only where they go to Grafana',
  },
  redis_node_up: { labels: ['job', 'instance', 'target', 'node'], reason: 'only of clusters and Sentinels' },
  redis_cluster_slots_fail: { labels: ['job', 'instance', 'target', 'node'], reason: 'only of clusters' },
  redis_sentinel_master_up: {
    labels: ['job', 'instance', 'target', 'node', 'master_name'],
    reason: 'only of Sentinels',
  },
};

beforeAll(async () => {
  fleet = await startLiveFleet();
  const proven = { where: '', isOverTime: false, expression: 'watchkeeper_backups_proven > 0' };
  const run = { where: '', isOverTime: false, expression: 'rate(watchkeeper_job_runs_total[20s])' };
  await vi.waitFor(
    async () => {
      expect(await countSeries(fleet.url, proven, 0)).toBeGreaterThan(0);
      expect(await countSeries(fleet.url, run, 0)).toBeGreaterThan(0);
    },
    { timeout: 100_000, interval: 1_000 },
  );
});
afterAll(() => fleet?.[Symbol.asyncDispose]());

test('every query of every board is answered with data', async () => {
  // Each once: who blocks whom, for example, is not to be seen at every instant.
  const empty = new Map(queries.map((query) => [query.where, query]));
  await vi.waitFor(
    async () => {
      for (const query of [...empty.values()]) {
        if ((await countSeries(fleet.url, query, 60)) > 0) empty.delete(query.where);
      }
      expect([...empty.values()].map(({ where, expression }) => `${where}: ${expression}`)).toEqual([]);
    },
    { timeout: 100_000, interval: 3_000 },
  );
});

test('no query names a metric or label that is not there, or joins what cannot match', async () => {
  const live = await seriesOf(fleet.url);
  const absent = Object.entries(notInThisRun).map(([name, { labels }]) => [name, new Set(labels)] as const);
  const labelsOf = (metric: string) => live.get(metric) ?? new Map(absent).get(metric);

  const problems = queries.flatMap(({ where, expression }) =>
    problemsOf(expression, labelsOf).map((problem) => `${where}: ${problem}`),
  );

  expect(problems).toEqual([]);
  expect(Object.keys(notInThisRun).filter((name) => live.has(name))).toEqual([]);
});

test('a picture of a board is made from its JSON and the answers of Prometheus', async () => {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-picture-' });
  const board = JSON.parse(
    await readFile(join(import.meta.dirname, '../../../dashboards/fleet.json'), 'utf8'),
  ) as BoardJson;
  const to = Date.now() / 1_000;
  const span = { from: to - 60, to };

  const preview = await previewOf(board, prometheusSource(fleet.url, span), { span, scrapeSeconds, hourSeconds: 20 });

  for (const { title } of board.panels) expect(preview.html).toContain(title);
  expect(preview.html).toMatch(/<td>gone<\/td><td class="n" style="color:#f2495c">down<\/td>/);
  expect(preview.html).toMatch(/<td>shop-standby<\/td><td class="n" style="color:#73bf69">up<\/td>/);
  expect(preview.html).not.toMatch(/NaN|undefined|No data/);
  const browser = await findBrowser(process.env['PATH'] ?? '');
  // Only who draws the pictures needs one.
  if (browser === undefined) return;
  const file = join(folder.path, 'fleet.png');
  await takePicture(browser, preview, file, AbortSignal.timeout(60_000));
  const png = await readFile(file);
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([preview.width, preview.height]);
  expect(png.length).toBeGreaterThan(10_000);
});
