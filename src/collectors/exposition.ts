import type { Metric, Sample } from '../core/metric.ts';
import type { SampleGroup } from './scraper.ts';

/** Prometheus text 0.0.4, which everything reads, and OpenMetrics 1.0, which Prometheus asks for first. */
export type ExpositionFormat = 'text' | 'openmetrics';

export const expositionContentType: Readonly<Record<ExpositionFormat, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/**
 * The page that Prometheus reads. All samples of a name stand together under one HELP and TYPE, whatever group they come
 * from; names keep the order of their first sample. The hot path of a scrape, hence written by hand: it neither checks
 * nor sorts. Samples are valid and free of duplicates when they come here, the scrape sees to it.
 */
export function writeExposition(groups: readonly SampleGroup[], format: ExpositionFormat): string {
  const families = new Map<string, Family>();
  const writers = new Map<Metric, MetricWriter>();
  for (const { target, samples } of groups) {
    const targetLabel = target === undefined ? '' : `target="${escapeLabelValue(target)}"`;
    for (const sample of samples) {
      let writer = writers.get(sample.metric);
      if (writer === undefined) {
        writer = metricWriter(families, sample.metric);
        writers.set(sample.metric, writer);
      }
      writer.family.text.add(lineOf(sample, targetLabel, writer.labelStarts));
    }
  }
  return format === 'text' ? textPage(families) : openMetricsPage(families);
}

interface Family {
  readonly metric: Metric;
  readonly text: TextPieces;
}

/** How many pieces are made one: few enough to be gone before the garbage collector sees them. */
const piecesJoined = 256;

/** Text that grows by small pieces. Plain `+=` keeps every piece alive until the end, which costs four times as long. */
class TextPieces {
  readonly #joined: string[] = [];
  #pieces: string[] = [];

  add(piece: string): void {
    if (this.#pieces.push(piece) >= piecesJoined) this.#join();
  }

  toString(): string {
    this.#join();
    return this.#joined.join('');
  }

  #join(): void {
    this.#joined.push(this.#pieces.join(''));
    this.#pieces = [];
  }
}

/** Two declarations may share a name (two collectors, two engines): they write into one family, each with its labels. */
interface MetricWriter {
  readonly family: Family;
  /** `datname="`: what stands before each value. */
  readonly labelStarts: readonly string[];
}

function metricWriter(families: Map<string, Family>, metric: Metric): MetricWriter {
  let family = families.get(metric.name);
  if (family === undefined) {
    family = { metric, text: new TextPieces() };
    families.set(metric.name, family);
  }
  return { family, labelStarts: metric.labels.map((label) => `${label}="`) };
}

function lineOf(sample: Sample, targetLabel: string, labelStarts: readonly string[]): string {
  const { labelValues, suffix, extraLabel } = sample;
  let labels = targetLabel;
  for (let index = 0; index < labelStarts.length; index++) {
    if (labels !== '') labels += ',';
    labels += `${labelStarts[index]}${escapeLabelValue(labelValues[index] ?? '')}"`;
  }
  if (extraLabel !== undefined) {
    if (labels !== '') labels += ',';
    labels += `${extraLabel[0]}="${escapeLabelValue(extraLabel[1])}"`;
  }
  const name = suffix === undefined ? sample.metric.name : sample.metric.name + suffix;
  return labels === '' ? `${name} ${formatValue(sample.value)}\n` : `${name}{${labels}} ${formatValue(sample.value)}\n`;
}

const needsEscape = /[\\"\n]/;

function escapeLabelValue(value: string): string {
  if (!needsEscape.test(value)) return value;
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function formatValue(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}

const textTypes = {
  gauge: 'gauge',
  counter: 'counter',
  histogram: 'histogram',
  summary: 'summary',
  info: 'gauge',
  unknown: 'untyped',
};

function textPage(families: ReadonlyMap<string, Family>): string {
  let page = '';
  for (const { metric, text } of families.values()) {
    const help = metric.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
    page += `# HELP ${metric.name} ${help}\n# TYPE ${metric.name} ${textTypes[metric.type]}\n${text}`;
  }
  return page;
}

function openMetricsPage(families: ReadonlyMap<string, Family>): string {
  let page = '';
  for (const { metric, text } of families.values()) {
    const { name, type } = openMetricsFamily(metric, (other) => families.has(other));
    page += `# TYPE ${name} ${type}\n`;
    // A unit may only be told where the name ends in it.
    if (type !== 'info' && name.endsWith(`_${metric.unit}`)) page += `# UNIT ${name} ${metric.unit}\n`;
    page += `# HELP ${name} ${escapeLabelValue(metric.help)}\n${text}`;
  }
  return `${page}# EOF\n`;
}

/**
 * OpenMetrics names a counter's family without `_total` and allows no counter that lacks it. The peers' counters
 * (`pg_stat_database_xact_commit`) must keep their names, so they go without a type, as docs/decisions/0002 explains.
 * So does a counter whose name without `_total` is taken.
 */
function openMetricsFamily(
  { name, type }: Metric,
  isTaken: (name: string) => boolean,
): { readonly name: string; readonly type: Metric['type'] } {
  const suffix = { counter: '_total', info: '_info', gauge: '', histogram: '', summary: '', unknown: '' }[type];
  if (suffix === '') return { name, type };
  const base = name.slice(0, -suffix.length);
  if (name.endsWith(suffix) && !isTaken(base)) return { name: base, type };
  return { name, type: type === 'info' ? 'gauge' : 'unknown' };
}
