import type { FieldJson } from './board-json.ts';
import { clock, type Drawing, type NamedSeries } from './drawing.ts';
import { escaped } from './html.ts';
import { colorOf, paletteAt } from './look.ts';
import type { Span } from './prometheus.ts';
import { formatValue } from './units.ts';

interface Line extends NamedSeries {
  readonly color: string;
  /** Where an area begins: the series below it, or nothing. */
  readonly base: ReadonlyMap<number, number>;
}

/** Values to pixels. */
interface Scale {
  x(at: number): number;
  y(value: number): number;
  readonly left: number;
  readonly right: number;
  readonly bottom: number;
  readonly ticks: readonly number[];
}

const legendRows = 4;
const rowHeight = 16;

/** Lines, areas on top of each other, or bars, with thresholds, marks and a legend of last and highest values. */
export function drawTimeSeries(drawing: Drawing): string {
  const { panel, answers, span, width, height } = drawing;
  const series = answers.flat().filter(({ points }) => points.length > 0);
  if (series.length === 0) return '<div class="none">No data</div>';
  const field = panel.fieldConfig.defaults;
  const stacked = field.custom?.stacking?.mode === 'normal';
  const lines = linesOf(series, stacked);
  const plotHeight = Math.max(60, height - rowHeight * (Math.min(series.length, legendRows) + 1) - 4);
  const isBytes = field.unit === 'bytes' || field.unit === 'Bps';
  const scale = scaleOf(lines, span, { ...field, isBytes, width, height: plotHeight });
  const gap = 2.5 * stepOf(series);
  const isBars = field.custom?.drawStyle === 'bars';
  const parts = [
    ...gridOf(scale, span, field.unit),
    ...marksOf(drawing, scale),
    ...thresholdsOf(field.thresholds?.steps ?? [], scale),
    ...lines.map((line) => (isBars ? barsOf(line, scale) : pathOf(line, scale, { ...field.custom, gap }))),
  ];
  return `<svg class="plot" viewBox="0 0 ${width} ${plotHeight}">${parts.join('')}</svg>${legendOf(lines, field)}`;
}

function linesOf(series: readonly NamedSeries[], stacked: boolean): Line[] {
  let base = new Map<number, number>();
  return series.map((one, at) => {
    const color = paletteAt(at);
    if (!stacked) return { ...one, color, base: new Map() };
    const below = base;
    const points = one.points.map(([time, value]) => [time, value + (below.get(time) ?? 0)] as const);
    base = new Map([...below, ...points]);
    return { ...one, points, color, base: below };
  });
}

function scaleOf(
  lines: readonly Line[],
  span: Span,
  given: Pick<FieldJson, 'min' | 'max'> & {
    readonly isBytes: boolean;
    readonly width: number;
    readonly height: number;
  },
): Scale {
  const values = lines.flatMap(({ points }) => points.map(([, value]) => value)).filter(Number.isFinite);
  const lowest = given.min ?? Math.min(...values, Infinity);
  const highest = given.max ?? Math.max(...values, -Infinity);
  const ticks = ticksOf(Number.isFinite(lowest) ? lowest : 0, Number.isFinite(highest) ? highest : 1, given.isBytes);
  const [bottomValue = 0, topValue = 1] = [ticks[0], ticks.at(-1)];
  const [left, right, top, bottom] = [72, given.width - 8, 6, given.height - 18];
  return {
    x: (at) => left + ((at - span.from) / (span.to - span.from)) * (right - left),
    y: (value) => bottom - ((value - bottomValue) / (topValue - bottomValue)) * (bottom - top),
    left,
    right,
    bottom,
    ticks,
  };
}

/** About four round values that contain both; of bytes in powers of 1024. */
function ticksOf(lowest: number, highest: number, isBytes: boolean): number[] {
  const extent = highest > lowest ? highest - lowest : Math.abs(highest) || 1;
  const prefix = isBytes && extent > 1_024 ? 1_024 ** Math.floor(Math.log2(extent / 3) / 10) : 1;
  const power = prefix * 10 ** Math.floor(Math.log10(extent / prefix / 3));
  const step = ([1, 2, 5, 10].find((factor) => extent / (factor * power) <= 4) ?? 10) * power;
  const first = Math.floor(lowest / step) * step;
  const count = Math.max(1, Math.ceil((highest - first) / step - 1e-9));
  return Array.from({ length: count + 1 }, (_, at) => first + at * step);
}

function gridOf({ ticks, x, y, left, right, bottom }: Scale, span: Span, unit: string | undefined): string[] {
  const times = Array.from({ length: 6 }, (_, at) => span.from + ((at + 0.5) / 6) * (span.to - span.from));
  return [
    ...ticks.map(
      (value) =>
        `<line x1="${left}" x2="${right}" y1="${y(value)}" y2="${y(value)}" stroke="#2a2d34"/><text x="${left - 6}" y="${y(value) + 4}" text-anchor="end" font-size="11" fill="#9fa1b0">${escaped(formatValue(value, unit))}</text>`,
    ),
    ...times.map(
      (at) =>
        `<text x="${x(at)}" y="${bottom + 15}" text-anchor="middle" font-size="11" fill="#9fa1b0">${clock(at)}</text>`,
    ),
  ];
}

function marksOf({ marks }: Drawing, { x, bottom }: Scale): string[] {
  return marks.map(({ at, color }) => {
    const place = x(at);
    return `<line x1="${place}" x2="${place}" y1="4" y2="${bottom}" stroke="${colorOf(color)}" stroke-dasharray="3 3" opacity="0.25"/><path d="M${place - 4} ${bottom + 5}L${place + 4} ${bottom + 5}L${place} ${bottom}Z" fill="${colorOf(color)}"/>`;
  });
}

function thresholdsOf(
  steps: readonly { readonly color: string; readonly value: number | null }[],
  { y, left, right, ticks }: Scale,
): string[] {
  return steps
    .filter(({ value }) => value !== null && value >= (ticks[0] ?? 0) && value <= (ticks.at(-1) ?? 0))
    .map(
      ({ color, value }) =>
        `<line x1="${left}" x2="${right}" y1="${y(value ?? 0)}" y2="${y(value ?? 0)}" stroke="${colorOf(color)}" stroke-dasharray="8 6"/>`,
    );
}

/** Of the answers: the least time between two points. */
function stepOf(series: readonly NamedSeries[]): number {
  return Math.min(...series.map(({ points: [first, second] }) => (first && second ? second[0] - first[0] : Infinity)));
}

function pathOf(
  { points, color, base }: Line,
  { x, y, ticks }: Scale,
  { fillOpacity = 0, gap }: { readonly fillOpacity?: number; readonly gap: number },
): string {
  const place = (at: number, value: number) => `${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
  return unbroken(points, gap)
    .map((part) => {
      const along = part.map(([at, value]) => place(at, value)).join('L');
      const back = part.toReversed().map(([at]) => place(at, base.get(at) ?? ticks[0] ?? 0));
      const area = `<path d="M${along}L${back.join('L')}Z" fill="${color}" opacity="${fillOpacity / 100}"/>`;
      return `${area}<path d="M${along}" fill="none" stroke="${color}" stroke-width="1.5"/>`;
    })
    .join('');
}

/** Parts between gaps, and between values without a place. */
function unbroken(points: NamedSeries['points'], gap: number): (readonly [number, number])[][] {
  const parts: (readonly [number, number])[][] = [];
  let before = -Infinity;
  for (const [at, value] of points) {
    if (!Number.isFinite(value)) continue;
    if (at - before > gap) parts.push([]);
    parts.at(-1)?.push([at, value]);
    before = at;
  }
  return parts;
}

function barsOf({ points, color, base }: Line, { x, y, ticks, left, right }: Scale): string {
  const width = Math.max(2, ((right - left) / Math.max(1, points.length)) * 0.6);
  return points
    .map(([at, value]) => {
      const floor = y(base.get(at) ?? ticks[0] ?? 0);
      const top = y(value);
      return `<rect x="${x(at) - width / 2}" y="${top}" width="${width}" height="${Math.max(0, floor - top)}" fill="${color}" opacity="0.85"/>`;
    })
    .join('');
}

function legendOf(lines: readonly Line[], field: FieldJson): string {
  const highest = lines
    .map((line) => {
      const own = line.points.map(([at, value]) => value - (line.base.get(at) ?? 0));
      return { line, last: own.at(-1) ?? Number.NaN, max: Math.max(...own) };
    })
    .sort((a, b) => b.max - a.max);
  const shown = highest.slice(0, lines.length > legendRows ? legendRows - 1 : legendRows);
  const rows = shown.map(({ line, last, max }) => {
    const format = (value: number) => escaped(formatValue(value, field.unit, field.decimals));
    return `<span><u style="background:${line.color}"></u>${escaped(line.name)}</span><em>${format(last)}</em><em>${format(max)}</em>`;
  });
  const more =
    lines.length > shown.length ? `<span>… ${lines.length - shown.length} more</span><em></em><em></em>` : '';
  return `<div class="legend"><i style="text-align:left">Name</i><i>Last</i><i>Max</i>${rows.join('')}${more}</div>`;
}
