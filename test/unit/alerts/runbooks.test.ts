import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { alertGroups } from '../../../scripts/alerts/index.ts';
import { runbookFolder } from '../../../scripts/alerts/render-rules.ts';
import { metricSections } from '../../../scripts/generate-metrics-reference.ts';

const root = join(import.meta.dirname, '../../..');
const folder = join(root, 'docs/runbooks');
const alerts = alertGroups.flatMap((group) => group.alerts);

const pages = (await readdir(folder)).filter((name) => name !== 'README.md');
const textOf = (name: string) => readFile(join(folder, name), 'utf8');

test('every alert has a runbook and every runbook an alert, but for the disasters', async () => {
  const disasters = [
    'cannot-connect.md',
    'database-lost.md',
    'pool-exhausted.md',
    'region-lost.md',
    'table-damaged.md',
  ];

  expect(pages.sort()).toEqual([...alerts.map(({ name }) => `${name}.md`), ...disasters].sort());
});

test('rules link the runbook that is there', async () => {
  for (const { name, alerts: own } of alertGroups) {
    const rules = await readFile(join(root, `alerts/${name}.rules.yaml`), 'utf8');
    for (const alert of own) expect(rules).toContain(`runbook_url: ${runbookFolder}/${alert.name}.md\n`);
  }
  expect(runbookFolder).toMatch(/\/docs\/runbooks$/);
});

test('a runbook says what it means, how to see it, what to do, and how to know it is over', async () => {
  const sections = ['## What it means', '## How to see it', '## What to do', '## How to know it is over'];

  for (const { name } of alerts) {
    const lines = (await textOf(`${name}.md`)).split('\n');
    expect(lines[0]).toBe(`# ${name}`);
    expect(
      lines.filter((line) => line.startsWith('## ')),
      name,
    ).toEqual(sections);
    for (const section of sections) expect(lines[lines.indexOf(section) + 2]?.trim(), name).not.toBe('');
  }
});

test('runbooks name metrics that exist', async () => {
  const declared = metricSections().flatMap(({ metrics }) => metrics.map((metric) => metric.name));
  const known = new Set([...declared, 'process_cpu_seconds_total', 'nodejs_eventloop_lag_p99_seconds']);
  const ours =
    /`((?:watchkeeper|pgbouncer|redis)_[a-z_]+|pg_[a-z_]+_(?:seconds|bytes|ratio|total|transactions|sessions))\b/g;

  const wrong: string[] = [];
  let found = 0;
  for (const page of pages) {
    for (const [, name = ''] of (await textOf(page)).matchAll(ours)) {
      found += 1;
      if (!known.has(name) && !name.startsWith('watchkeeper_monitor')) wrong.push(`${page}: ${name}`);
    }
  }

  expect(found).toBeGreaterThan(90);
  expect(wrong).toEqual([]);
});

test('runbooks name settings that exist', async () => {
  const schema = await readFile(join(root, 'config.schema.json'), 'utf8');

  const wrong: string[] = [];
  for (const page of pages) {
    for (const [, name = ''] of (await textOf(page)).matchAll(/`(?:watch|jobs|scrape)\.(\w+)/g)) {
      if (!schema.includes(`"${name}"`)) wrong.push(`${page}: ${name}`);
    }
  }

  expect(wrong).toEqual([]);
});
