import type { FieldJson } from './board-json.ts';
import { clock, type Drawing, lastOf, type NamedSeries } from './drawing.ts';
import { escaped } from './html.ts';
import { colorOf, colorOfValue, hasColors, mappingOf, paletteAt, textOf } from './look.ts';

const noData = '<div class="none">No data</div>';

/** The last values, large, one tile for each series. */
export function drawStat({ panel, answers, width, height }: Drawing): string {
  const series = answers.flat();
  if (series.length === 0) return noData;
  const field = panel.fieldConfig.defaults;
  const { textMode = 'value', colorMode } = panel.options;
  const each = width / series.length;
  const tiles = series.map((one) => {
    const value = lastOf(one);
    const text = textMode === 'name' ? one.name : textOf(field, value);
    const size = Math.max(9, Math.min(38, height * 0.48, (each * 1.25) / Math.max(3, text.length)));
    const color = colorOfValue(field, value);
    const ground = colorMode === 'background' ? `background:${color};color:#111217` : `color:${color}`;
    const name = textMode === 'value_and_name' ? `<small>${escaped(one.name)}</small>` : '';
    return `<div class="tile" style="${ground}">${name}<b style="font-size:${size}px">${escaped(text)}</b></div>`;
  });
  return `<div class="tiles">${tiles.join('')}</div>`;
}

/** The last values as bars. */
export function drawBarGauge({ panel, answers }: Drawing): string {
  const series = answers.flat();
  if (series.length === 0) return noData;
  const field = panel.fieldConfig.defaults;
  const most = field.max ?? Math.max(...series.map(lastOf), 1e-9);
  const rows = series.map((one) => {
    const value = lastOf(one);
    const color = hasColors(field) ? colorOfValue(field, value) : paletteAt(0);
    const share = Math.min(100, Math.max(0, (value / most) * 100));
    return `<span>${escaped(one.name)}</span><div><div style="width:${share}%;background:${color}"></div></div><b style="color:${color}">${escaped(textOf(field, value))}</b>`;
  });
  return `<div class="bars">${rows.join('')}</div>`;
}

/** Rows joined by their labels, as the transformations of the panel say. */
export function drawTable({ panel, answers }: Drawing): string {
  const organize = panel.transformations?.map(({ options }) => options) ?? [];
  const names = organize.find(({ include }) => include !== undefined)?.include?.names ?? [];
  const rename = organize.find(({ renameByName }) => renameByName !== undefined)?.renameByName ?? {};
  const labels = names.filter((name) => !name.startsWith('Value'));
  const columns = panel.targets.map(({ refId }) => rename[`Value #${refId}`] ?? rename['Value'] ?? refId);
  const rows = joined(answers, labels);
  if (rows.length === 0) return noData;
  const head = [
    ...labels.map((name) => `<th>${name}</th>`),
    ...columns.map((name) => `<th class="n">${escaped(name)}</th>`),
  ];
  const body = rows.map(({ key, values }) => {
    const cells = columns.map((name, at) => cellOf(fieldOf(panel.fieldConfig, name), values[at]));
    return `<tr>${key.map((text) => `<td>${escaped(text)}</td>`).join('')}${cells.join('')}</tr>`;
  });
  return `<table><tr>${head.join('')}</tr>${body.join('')}</table>`;
}

interface TableRow {
  readonly key: readonly string[];
  readonly values: (number | undefined)[];
}

function joined(answers: Drawing['answers'], labels: readonly string[]): TableRow[] {
  const rows = new Map<string, TableRow>();
  for (const [at, series] of answers.entries()) {
    for (const one of series) {
      const key = labels.map((label) => one.labels[label] ?? '');
      const row = rows.get(key.join('\n')) ?? { key, values: [] };
      row.values[at] = lastOf(one);
      rows.set(key.join('\n'), row);
    }
  }
  return [...rows.values()];
}

/** The column's own look, or that of the panel. */
function fieldOf({ defaults, overrides }: Drawing['panel']['fieldConfig'], column: string): FieldJson {
  const own = overrides.find(({ matcher }) => matcher.options === column)?.properties ?? [];
  return { ...defaults, ...Object.fromEntries(own.map(({ id, value }) => [id, value])) };
}

function cellOf(field: FieldJson, value: number | undefined): string {
  if (value === undefined) return '<td></td>';
  // Grafana colours the cells of those columns alone that say so.
  const color = 'custom.cellOptions' in field ? colorOfValue(field, value) : colorOf('text');
  return `<td class="n" style="color:${color}">${escaped(textOf(field, value))}</td>`;
}

const mostRows = 14;

/** A strip for each series: what was so at each time. */
export function drawStates({ panel, answers, span }: Drawing): string {
  const series = answers.flat();
  if (series.length === 0) return noData;
  const field = panel.fieldConfig.defaults;
  const apart = panel.type === 'status-history';
  const strips = series
    .slice(0, mostRows)
    .map((one) => `<span>${escaped(one.name)}</span><div class="strip">${segmentsOf(one, field, span, apart)}</div>`);
  const times = [0, 0.25, 0.5, 0.75, 1].map(
    (part) => `<span>${clock(span.from + part * (span.to - span.from))}</span>`,
  );
  return `<div class="states">${strips.join('')}<div class="times">${times.join('')}</div>${apart ? keyOf(field) : ''}</div>`;
}

function segmentsOf({ points }: NamedSeries, field: FieldJson, span: Drawing['span'], apart: boolean): string {
  const step = points.length > 1 ? ((points.at(-1)?.[0] ?? 0) - (points[0]?.[0] ?? 0)) / (points.length - 1) : 1;
  const extent = span.to - span.from + (apart ? step : 0);
  return merged(points, apart)
    .map(({ from, to, value }) => {
      const left = ((from - span.from) / extent) * 100;
      const width = Math.min(100 - left, ((to - from + step * (apart ? 0.9 : 1)) / extent) * 100);
      const word = apart ? '' : escaped(textOf(field, value));
      const isNothing = mappingOf(field, value)?.color === 'text';
      const ground = isNothing ? '#22252b' : colorOfValue(field, value);
      return `<div style="left:${left}%;width:${width}%;background:${ground}">${width > 8 ? word : ''}</div>`;
    })
    .join('');
}

function merged(points: NamedSeries['points'], apart: boolean): { from: number; to: number; value: number }[] {
  const segments: { from: number; to: number; value: number }[] = [];
  for (const [at, value] of points) {
    const last = segments.at(-1);
    if (!apart && last?.value === value) last.to = at;
    else segments.push({ from: at, to: at, value });
  }
  return segments;
}

function keyOf({ mappings = [] }: FieldJson): string {
  const words = mappings.flatMap(({ options }) => Object.values(options));
  const all = words.map(
    ({ text, color = 'text' }) =>
      `<span><u style="background:${color === 'text' ? '#22252b' : colorOf(color)}"></u>${escaped(text)}</span>`,
  );
  return `<div class="key">${all.join('')}</div>`;
}
