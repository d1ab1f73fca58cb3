import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { scrapeSeconds, startLiveFleet } from '../../test/support/live-fleet.ts';
import { removeProgramCopies } from '../../test/support/postgres-majors.ts';
import { alertGroups } from '../alerts/index.ts';
import { boards } from '../dashboards/index.ts';
import type { BoardJson } from './board-json.ts';
import { findBrowser, takePicture } from './browser.ts';
import { makeWork } from './load.ts';
import { previewOf } from './preview.ts';
import { prometheusSource } from './prometheus.ts';

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'docs/dashboards');
/** Long enough for alerts of five minutes, and for some hours of which each is half a minute. */
const runSeconds = 8 * 60;
const hourSeconds = 30;

/**
 * Draws every board from a live run into `docs/dashboards/NAME.png`: servers, load, backups, proofs of which some fail, all
 * scraped by a real Prometheus with the shipped rules. Takes ten minutes.
 */
async function main(): Promise<void> {
  const signal = AbortSignal.timeout(20 * 60_000);
  const browser = await findBrowser(process.env['PATH'] ?? '');
  if (browser === undefined) throw new Error('Chromium is not installed: run "sh scripts/setup pictures"');
  const seconds = Number(process.argv[2] ?? runSeconds);
  const rules = alertGroups.map(({ name }) => join(root, `alerts/${name}.rules.yaml`));
  console.log('starting servers, the daemon and Prometheus …');
  await using fleet = await startLiveFleet(rules);
  const from = Date.now() / 1_000;
  const stop = new AbortController();
  const work = makeWork(fleet, stop.signal);
  console.log(`letting them work for ${seconds} s …`);
  await delay(seconds * 1_000, undefined, { signal });
  const span = { from, to: Date.now() / 1_000 };
  await mkdir(folder, { recursive: true });
  for (const { name } of boards) {
    const board = JSON.parse(await readFile(join(root, `dashboards/${name}.json`), 'utf8')) as BoardJson;
    const preview = await previewOf(board, prometheusSource(fleet.url, span), { span, scrapeSeconds, hourSeconds });
    const file = join(folder, `${name}.png`);
    await takePicture(browser, preview, file, signal);
    console.log(`docs/dashboards/${name}.png: ${preview.width} × ${preview.height}, ${(await stat(file)).size} bytes`);
  }
  stop.abort();
  await work;
}

try {
  await main();
} finally {
  await removeProgramCopies();
}
