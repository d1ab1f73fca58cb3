import {
  type Annotation,
  type Board,
  type Row,
  type TaggedAnnotation,
  uidOf,
  type Variable,
  variablesOf,
} from './board.ts';
import { annotationsOf, writtenAnnotations } from './keeping-annotations.ts';
import type { Panel } from './panel.ts';
import { chosenDataSource, renderPanel } from './render-panel.ts';

type Json = Readonly<Record<string, unknown>>;

/** The tag of all boards, by which they find each other. */
export const boardTag = 'watchkeeper';
const columns = 24;

/** A board in Grafana's classic schema: Grafana 10 loads it as it is, later ones migrate it when they load it. */
export function renderBoard(board: Board): string {
  const json = {
    id: null,
    uid: uidOf(board.name),
    title: board.title,
    description: board.description,
    tags: [boardTag],
    schemaVersion: 38,
    version: 1,
    editable: true,
    graphTooltip: 1,
    fiscalYearStartMonth: 0,
    liveNow: false,
    refresh: '1m',
    time: { from: board.from ?? 'now-6h', to: 'now' },
    timepicker: {},
    timezone: '',
    weekStart: '',
    links: [linkToOthers],
    annotations: { list: [...annotationsOf(board).map(renderAnnotation), ...writtenAnnotations.map(renderTagged)] },
    templating: { list: [dataSourceVariable, ...variablesOf(board).map(renderVariable)] },
    panels: renderRows(board.rows),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

const linkToOthers = {
  title: 'Watchkeeper',
  type: 'dashboards',
  tags: [boardTag],
  asDropdown: true,
  includeVars: true,
  keepTime: true,
  targetBlank: false,
  icon: 'external link',
  tooltip: '',
  url: '',
};

/** A variable, not an input: inputs are filled in by the import of the user interface alone, not by provisioning. */
const dataSourceVariable = {
  name: 'datasource',
  label: 'Data source',
  type: 'datasource',
  query: 'prometheus',
  regex: '',
  hide: 0,
  includeAll: false,
  multi: false,
  refresh: 1,
  current: {},
  options: [],
  skipUrlSync: false,
};

function renderVariable({ name, label, query }: Variable): Json {
  return {
    name,
    label,
    type: 'query',
    datasource: chosenDataSource,
    definition: query,
    query: { query, refId: `variable-${name}` },
    regex: '',
    hide: 0,
    includeAll: true,
    allValue: '.*',
    multi: true,
    // Whenever the time range changes: targets come and go.
    refresh: 2,
    sort: 1,
    current: { selected: true, text: ['All'], value: ['$__all'] },
    options: [],
    skipUrlSync: false,
  };
}

function renderAnnotation({ name, expression, title, color }: Annotation): Json {
  return {
    name,
    datasource: chosenDataSource,
    enable: true,
    hide: false,
    iconColor: color,
    // Grafana takes milliseconds.
    expr: `(${expression}) * 1000`,
    titleFormat: title,
    textFormat: '',
    useValueForTime: 'on',
    step: '60s',
  };
}

function renderTagged({ name, tags, color }: TaggedAnnotation): Json {
  return {
    name,
    datasource: { type: 'grafana', uid: '-- Grafana --' },
    enable: true,
    hide: false,
    iconColor: color,
    target: { type: 'tags', limit: 100, matchAny: false, tags },
  };
}

function renderRows(rows: readonly Row[]): Json[] {
  const rendered: Json[] = [];
  let y = 0;
  for (const { title, panels } of rows) {
    rendered.push({
      id: rendered.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { h: 1, w: columns, x: 0, y },
      panels: [],
    });
    const places = placesOf(panels, y + 1);
    for (const [at, panel] of panels.entries())
      rendered.push(renderPanel(panel, rendered.length + 1, places.of[at] ?? {}));
    y = places.end;
  }
  return rendered;
}

/** From left to right, a new line where the next panel does not fit. */
function placesOf(panels: readonly Panel[], top: number): { readonly of: readonly Json[]; readonly end: number } {
  const of: Json[] = [];
  let x = 0;
  let y = top;
  let lineHeight = 0;
  for (const { width, height } of panels) {
    if (x + width > columns) {
      x = 0;
      y += lineHeight;
      lineHeight = 0;
    }
    of.push({ h: height, w: width, x, y });
    x += width;
    lineHeight = Math.max(lineHeight, height);
  }
  return { of, end: y + lineHeight };
}
