import { alertGroups } from './alerts/index.ts';
import { renderPrometheusRule, renderRules } from './alerts/render-rules.ts';
import { renderRunbookIndex } from './alerts/render-runbook-index.ts';
import { renderRuleTests } from './alerts/render-tests.ts';
import { boards } from './dashboards/index.ts';
import { renderBoard } from './dashboards/render-board.ts';
import { renderCompatibility } from './generate-compatibility.ts';
import { renderConfigSchema, renderConfigurationReference } from './generate-configuration-reference.ts';
import { renderMetricsReference } from './generate-metrics-reference.ts';
import { renderQueriesReference, renderQueriesSchema } from './generate-queries-reference.ts';

/** Files that are made from the code, by their path in the repository; a stale one fails the checks. */
export const generatedFiles: Readonly<Record<string, () => string>> = {
  ...alertFiles(),
  ...Object.fromEntries(boards.map((board) => [`dashboards/${board.name}.json`, () => renderBoard(board)])),
  'config.schema.json': renderConfigSchema,
  'docs/compatibility.md': renderCompatibility,
  'docs/configuration.md': renderConfigurationReference,
  'docs/custom-queries-reference.md': renderQueriesReference,
  'docs/metrics.md': renderMetricsReference,
  'queries.schema.json': renderQueriesSchema,
};

function alertFiles(): Record<string, () => string> {
  const ofGroups = alertGroups.flatMap((group): [string, () => string][] => [
    [`alerts/${group.name}.rules.yaml`, () => renderRules(group)],
    [`alerts/tests/${group.name}.test.yaml`, () => renderRuleTests(group)],
  ]);
  return {
    ...Object.fromEntries(ofGroups),
    'docs/runbooks/README.md': () => renderRunbookIndex(alertGroups),
    'deploy/kubernetes/prometheus-rules.yaml': () => renderPrometheusRule(alertGroups),
  };
}
