import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { alertGroups } from '../../../scripts/alerts/index.ts';
import { runTool } from '../../support/promtool.ts';

const file = join(import.meta.dirname, '../../../deploy/alertmanager.yaml');
const alerts = alertGroups.flatMap((group) => group.alerts.map((alert) => ({ ...alert, area: group.name })));

interface InhibitRule {
  readonly source_matchers: readonly string[];
  readonly target_matchers: readonly string[];
  readonly equal: readonly string[];
}

/** The alerts that a matcher such as `alertname =~ "A|B"` chooses. */
function chosenBy(matcher: string): readonly (typeof alerts)[number][] {
  const [, label, , pattern = ''] = /^(\w+) (=~?) "(.*)"$/.exec(matcher) ?? [];
  const names = pattern.split('|');
  if (label === 'area') return alerts.filter(({ area }) => names.includes(area));
  return names.map((name) => {
    const found = alerts.find((alert) => alert.name === name);
    if (label !== 'alertname' || found === undefined) throw new Error(`no alert fits ${matcher}`);
    return found;
  });
}

test('amtool accepts the example for Alertmanager', async () => {
  expect(await runTool('amtool', ['check-config', file])).toContain('SUCCESS');
});

test.each([
  ['critical', 'on-call'],
  ['warning', 'office'],
  ['info', 'nobody'],
])('what is %s goes to %s', async (severity, receiver) => {
  const said = await runTool('amtool', ['config', 'routes', 'test', `--config.file=${file}`, `severity=${severity}`]);

  expect(said.trim()).toBe(receiver);
});

test('an alert is held back only by one that exists and is worse, or as bad', async () => {
  const { inhibit_rules: rules } = parse(await readFile(file, 'utf8')) as { inhibit_rules: InhibitRule[] };
  const rank = { critical: 2, warning: 1, info: 0 };

  expect(rules.length).toBeGreaterThan(10);
  for (const { source_matchers: sources, target_matchers: targets, equal } of rules) {
    const weakest = Math.min(...sources.flatMap(chosenBy).map(({ severity }) => rank[severity]));
    const isOfSameTarget = targets.every((matcher) => matcher.startsWith('area'));
    const held = isOfSameTarget ? [] : targets.flatMap(chosenBy);
    for (const { name, severity } of held) expect(rank[severity], name).toBeLessThanOrEqual(weakest);
    expect(equal).toContain('target');
  }
});
