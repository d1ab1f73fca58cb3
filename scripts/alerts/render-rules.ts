import { stringify } from 'yaml';
import type { Alert, AlertGroup } from './rule.ts';

/** Where the runbooks are read; each alert has `NAME.md` there. */
export const runbookFolder = 'https://github.com/watchkeeper/watchkeeper/blob/main/docs/runbooks';

const generatedNote = '# Written by `npm run generate` from scripts/alerts. Change it there.\n';

/** The file `alerts/NAME.rules.yaml`. */
export function renderRules(group: AlertGroup): string {
  return `${generatedNote}# ${group.about}\n${toYaml({ groups: [toGroup(group)] })}`;
}

/** All groups as one manifest for the Prometheus operator. */
export function renderPrometheusRule(groups: readonly AlertGroup[]): string {
  const manifest = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: {
      name: 'watchkeeper',
      labels: { 'app.kubernetes.io/name': 'watchkeeper', 'app.kubernetes.io/component': 'alerts' },
    },
    spec: { groups: groups.map(toGroup) },
  };
  return `${generatedNote}${toYaml(manifest)}`;
}

/** YAML as these files have it: long lines stay whole, so that expressions can be read and copied. */
export function toYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** `90` → `1h30m`, as Prometheus writes it. */
export function prometheusMinutes(minutes: number): string {
  const hours = Math.floor(minutes / 60);
  const left = minutes % 60;
  return `${hours > 0 ? `${hours}h` : ''}${left > 0 || hours === 0 ? `${left}m` : ''}`;
}

function toGroup({ name, alerts }: AlertGroup) {
  return { name: `watchkeeper-${name}`, rules: alerts.map((alert) => toRule(alert, name)) };
}

function toRule({ name, expression, forMinutes, severity, summary, description }: Alert, area: string) {
  return {
    alert: name,
    expr: expression,
    ...(forMinutes > 0 ? { for: prometheusMinutes(forMinutes) } : {}),
    labels: { severity, area },
    annotations: { summary, description, runbook_url: `${runbookFolder}/${name}.md` },
  };
}
