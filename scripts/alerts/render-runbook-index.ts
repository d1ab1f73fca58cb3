import type { AlertGroup } from './rule.ts';

/** The file `docs/runbooks/README.md`. */
export function renderRunbookIndex(groups: readonly AlertGroup[]): string {
  return `${[introduction, ...groups.map(renderGroup)].join('\n\n')}\n`;
}

const introduction = `# Runbooks

<!-- Written by \`npm run generate\` from scripts/alerts. Change it there. -->

One page for each alert: what it means, how to see it, what to do, how to know it is over. \`TARGET\`, \`SCHEDULE\`,
\`BACKUP-ID\` stand for the labels of the alert or what \`watchkeeper list\` shows; \`-c FILE\` names the configuration where it is
not \`watchkeeper.yaml\`.

When it burns:

- [nobody can connect](cannot-connect.md)
- [the pool is exhausted](pool-exhausted.md)
- [a table was damaged or deleted](table-damaged.md)
- [the whole database is lost](database-lost.md)
- [the region is lost](region-lost.md)

**critical**: somebody is woken: data is being lost, service is refused, or either is hours away. **warning**: somebody looks
today, in working hours. **info**: nobody is told; it stands on the boards and explains other alerts.`;

function renderGroup({ about, alerts }: AlertGroup): string {
  const rows = alerts.map(({ name, severity, summary }) => {
    const text = summary.replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, '*$1*').replaceAll('|', '\\|');
    return `| [${name}](${name}.md) | ${severity} | ${text} |`;
  });
  return [`## ${about.replace(/[.:].*$/, '')}`, ['| alert | severity | |', '|---|---|---|', ...rows].join('\n')].join(
    '\n\n',
  );
}
