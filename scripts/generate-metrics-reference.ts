import type { OpenNames } from '../src/collectors/collector.ts';
import { type Engine, engines } from '../src/collectors/engines.ts';
import { scrapeMetrics } from '../src/collectors/scrape-metrics.ts';
import { selfMetricDeclarations } from '../src/collectors/self-metrics.ts';
import { configMetrics } from '../src/config/holder.ts';
import { formatDuration } from '../src/core/duration.ts';
import type { Metric } from '../src/core/metric.ts';
import { examinerDeclarations } from '../src/examiner.ts';
import { annotationMetrics } from '../src/jobs/annotations/writer.ts';
import { keepingMetrics } from '../src/jobs/keeping-declarations.ts';

/** Metrics that belong together: a family, or what a part of the daemon tells of itself. */
export interface MetricSection {
  readonly title: string;
  readonly about: string;
  /** `target` stands on every sample of what is measured on a target. */
  readonly withTarget: boolean;
  readonly metrics: readonly Metric[];
  readonly openNames?: OpenNames;
}

/** Every metric there is, in the order of the page. */
export function metricSections(): MetricSection[] {
  return [
    {
      title: 'Every target',
      about: 'What each scrape tells about itself.',
      withTarget: true,
      metrics: scrapeMetrics,
    },
    ...Object.values(engines).flatMap(engineSections),
    {
      title: 'The daemon',
      about: 'What the process tells of itself, beside the usual `process_*` and `nodejs_*`. Only on `/metrics`.',
      withTarget: false,
      metrics: [...selfMetricDeclarations, ...configMetrics, ...examinerDeclarations, ...annotationMetrics],
    },
    {
      title: 'Keeping',
      about:
        'Backups, proofs and retention, one sample for each lineage (the backups of one database made by one schedule into one store). What is about the past is read from the store and survives a restart. Only on `/metrics`.',
      withTarget: false,
      metrics: keepingMetrics,
    },
  ];
}

type Family = Engine['collectors'][number];

/** A family that several engines have stands with the first of them. */
function engineSections({ title, up, peer, collectors }: Engine): MetricSection[] {
  const having = (family: Family) =>
    (Object.values(engines) as readonly Engine[]).filter((engine) => engine.collectors.includes(family));
  const own = collectors.filter((family) => having(family)[0]?.title === title);
  return [
    {
      title,
      about: 'Whether the server can be used, and how scraping it went.',
      withTarget: true,
      metrics: [up, ...Object.values(peer ?? {})],
    },
    ...own.map((collector) => ({
      title: `${having(collector)
        .map((engine) => engine.title)
        .join(', ')}: \`${collector.name}\``,
      about: [
        collector.about,
        collector.enabledByDefault ? 'On by default.' : 'Off by default.',
        ...(collector.minIntervalMs === undefined
          ? []
          : [`Collected every ${formatDuration(collector.minIntervalMs)} at most.`]),
      ].join(' '),
      withTarget: true,
      metrics: collector.metrics,
      ...(collector.openNames === undefined ? {} : { openNames: collector.openNames }),
    })),
  ];
}

/** The text of docs/metrics.md. */
export function renderMetricsReference(): string {
  return `${[introduction, ...metricSections().map(renderSection)].join('\n\n')}\n`;
}

const introduction = `# Metrics

<!-- Written by \`npm run generate\` from the declarations. Change them there. -->

Every sample of a target carries its name as first label, \`target\`. A family is switched on or off by its name in
\`watch.collectors\` (see [configuration.md](configuration.md)).

Names and labels are those of postgres_exporter, pgbouncer_exporter and redis_exporter where they have the metric, so
their dashboards work. Of a Redis cluster, or of Sentinels and what they watch, every sample also carries the label \`node\`. Where one of their
metrics is wrong (an age called a timestamp, milliseconds without a unit, a lag that reads 0 on a cut link) it is kept, and a
correct one stands beside it: the descriptions say which. In the OpenMetrics format counters whose name does not end in
\`_total\` are typed \`unknown\`.

A value that does not exist (NULL, another version of the server) gives no sample; 0 is always measured.`;

/** Names that only the server knows stand on the page as one, with a star. */
function openMetric({ prefix, help, source }: OpenNames): Metric {
  return { name: `${prefix}*`, type: 'gauge', help, labels: [], source, unit: 'as its name ends' };
}

function renderSection({ title, about, withTarget, metrics, openNames }: MetricSection): string {
  const all = openNames === undefined ? metrics : [...metrics, openMetric(openNames)];
  const rows = all.map((metric) => {
    const labels = [...(withTarget ? ['target'] : []), ...metric.labels].map((label) => `\`${label}\``).join(', ');
    const cells = [`\`${metric.name}\``, metric.type, labels, metric.unit, metric.help, metric.source];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  const table = ['| metric | type | labels | unit | | source |', '|---|---|---|---|---|---|', ...rows].join('\n');
  return [`## ${title}`, about, table].join('\n\n');
}
