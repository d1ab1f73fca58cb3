import { mapLimit } from '../../src/core/map-limit.ts';
import { withAllValues } from '../dashboards/all-values.ts';
import type { BoardJson, DrawnPanelJson, PanelJson } from './board-json.ts';
import { type Drawing, type Mark, nameOf } from './drawing.ts';
import { drawBarGauge, drawStat, drawStates, drawTable } from './figures.ts';
import { escaped, styles } from './html.ts';
import type { Source, Span } from './prometheus.ts';
import { drawTimeSeries } from './time-series.ts';

export interface PreviewOptions {
  readonly span: Span;
  /** Between two scrapes; rates look back four times as far, as Grafana chooses it. */
  readonly scrapeSeconds: number;
  /** What stands for an hour in `[1h]` and in the columns of calendars, so that a run of minutes has some of them. */
  readonly hourSeconds: number;
}

export interface Preview {
  readonly html: string;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}

const pageWidth = 1_160;
const gridRow = 34;
const gap = 6;
const headerHeight = 52;
const queriesAtOnce = 4;

/** A page that shows a board as Grafana does, from the JSON that Grafana loads and the answers to its queries. */
export async function previewOf(board: BoardJson, source: Source, options: PreviewOptions): Promise<Preview> {
  const marks = await marksOf(board, source, options);
  const drawn: string[] = [];
  await mapLimit([...board.panels.entries()], queriesAtOnce, async ([at, panel]) => {
    drawn[at] = await drawPanel(panel, source, { ...options, marks });
  });
  const rows = Math.max(...board.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  const height = headerHeight + rows * gridRow + 8;
  const minutes = Math.round((options.span.to - options.span.from) / 60);
  const head = `<header><h1>${escaped(board.title)}</h1><span>Last ${minutes} minutes</span></header>`;
  const html = `<!doctype html><meta charset="utf-8"><title>${escaped(board.title)}</title><style>${styles}</style>${head}<main style="height:${rows * gridRow}px">${drawn.join('')}</main>`;
  return { html, width: pageWidth, height };
}

type PanelOptions = PreviewOptions & { readonly marks: readonly Mark[] };

async function drawPanel(panel: PanelJson, source: Source, options: PanelOptions): Promise<string> {
  const { x, y, w, h } = panel.gridPos;
  const column = (pageWidth - 16) / 24;
  const [left, top, width, height] = [x * column, y * gridRow, w * column - gap, h * gridRow - gap];
  const place = `left:${left}px;top:${top}px;width:${width}px;height:${height}px`;
  if (panel.type === 'row') return `<div class="row" style="${place}">⌄ ${escaped(panel.title)}</div>`;
  const answers = await Promise.all(panel.targets.map((target) => ask(panel, target, source, options)));
  const { span, marks } = options;
  const body = drawers[panel.type]({ panel, answers, span, marks, width: width - 18, height: height - 38 });
  return `<section class="panel" style="${place}"><h2>${escaped(panel.title)}</h2><div class="body">${body}</div></section>`;
}

const drawers: Readonly<Record<DrawnPanelJson['type'], (drawing: Drawing) => string>> = {
  stat: drawStat,
  timeseries: drawTimeSeries,
  table: drawTable,
  bargauge: drawBarGauge,
  'state-timeline': drawStates,
  'status-history': drawStates,
};

async function ask(
  { type, fieldConfig }: DrawnPanelJson,
  { expr, legendFormat }: DrawnPanelJson['targets'][number],
  source: Source,
  options: PreviewOptions,
): Promise<Drawing['answers'][number]> {
  const isOverTime = type === 'timeseries' || type === 'state-timeline' || type === 'status-history';
  const byHours = type === 'status-history' || fieldConfig.defaults.custom?.drawStyle === 'bars';
  const { span, scrapeSeconds, hourSeconds } = options;
  const step = byHours ? hourSeconds : Math.max(scrapeSeconds, Math.round((span.to - span.from) / 240));
  const expression = filledIn(expr, options);
  const series = isOverTime ? await source.over(expression, span, step) : await source.now(expression);
  return series.map((one) => ({ ...one, name: nameOf(legendFormat, one.labels) }));
}

/** `All` in every variable. */
function filledIn(expression: string, { scrapeSeconds, hourSeconds }: PreviewOptions): string {
  return withAllValues(expression)
    .replaceAll('$__rate_interval', `${4 * scrapeSeconds}s`)
    .replaceAll('[1h]', `[${hourSeconds}s]`);
}

/** Annotations are instants as values, in milliseconds. */
async function marksOf({ annotations }: BoardJson, source: Source, options: PreviewOptions): Promise<Mark[]> {
  const { span } = options;
  const found: Mark[] = [];
  for (const { expr, iconColor } of annotations.list) {
    if (expr === undefined) continue;
    const series = await source.over(filledIn(expr, options), span, options.scrapeSeconds);
    const instants = new Set(series.flatMap(({ points }) => points.map(([, value]) => value / 1_000)));
    for (const at of instants) if (at >= span.from && at <= span.to) found.push({ at, color: iconColor });
  }
  return found;
}
