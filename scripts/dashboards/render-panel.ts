import { uidOf } from './board.ts';
import type { Limits, Panel, Query, Word } from './panel.ts';

/** Every query asks the data source that is chosen at the top. */
export const chosenDataSource = { type: 'prometheus', uid: '${datasource}' };

type Json = Readonly<Record<string, unknown>>;

/** A panel as Grafana's classic JSON has it. */
export function renderPanel(panel: Panel, id: number, gridPos: Json): Json {
  const { type, title, description, queries } = panel;
  return {
    id,
    type,
    title,
    description,
    gridPos,
    datasource: chosenDataSource,
    targets: queries.map((query, at) => renderQuery(panel, query, at)),
    fieldConfig: { defaults: { ...renderLook(panel), custom: drawingOf(panel) }, overrides: overridesOf(panel) },
    options: optionsOf(panel),
    ...(type === 'table' ? { transformations: transformationsOf(panel) } : {}),
    ...(panel.drawing === 'bars' || type === 'status-history' ? { interval: '1h' } : {}),
  };
}

const refId = (at: number) => String.fromCharCode('A'.charCodeAt(0) + at);
const overTime = ({ type }: Panel) => type === 'timeseries' || type === 'state-timeline' || type === 'status-history';

function renderQuery(panel: Panel, { expression, legend }: Query, at: number): Json {
  const range = overTime(panel);
  return {
    refId: refId(at),
    datasource: chosenDataSource,
    editorMode: 'code',
    expr: expression,
    legendFormat: panel.type === 'table' ? '' : legend,
    range,
    instant: !range,
    format: panel.type === 'table' ? 'table' : 'time_series',
  };
}

function renderLook(look: Partial<Pick<Panel, 'unit' | 'limits' | 'words' | 'decimals' | 'min' | 'max'>>): Json {
  const { unit, limits, words, decimals, min, max } = look;
  return {
    ...(unit === undefined ? {} : { unit }),
    ...(decimals === undefined ? {} : { decimals }),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(words === undefined ? {} : { mappings: [{ type: 'value', options: optionsOfWords(words) }] }),
    color: { mode: limits === undefined && words === undefined ? 'palette-classic' : 'thresholds' },
    thresholds: { mode: 'absolute', steps: stepsOf(limits) },
  };
}

const optionsOfWords = (words: readonly Word[]) =>
  Object.fromEntries(
    words.map(({ value, text, color }, index) => [
      String(value),
      { text, index, ...(color === undefined ? {} : { color }) },
    ]),
  );

function stepsOf({ warning, critical, worse = 'above' }: Limits = {}): Json[] {
  const step = (color: string, value: number | undefined) => (value === undefined ? [] : [{ color, value }]);
  if (worse === 'above') {
    return [{ color: 'green', value: null }, ...step('orange', warning), ...step('red', critical)];
  }
  const best = step('green', warning ?? critical);
  const middle = warning === undefined ? [] : step('orange', critical);
  const lowest = critical === undefined ? 'orange' : 'red';
  return [{ color: lowest, value: null }, ...middle, ...best];
}

function drawingOf({ type, drawing = 'lines', limits }: Panel): Json {
  if (type === 'table') return { align: 'auto', cellOptions: { type: 'auto' }, filterable: true };
  if (type === 'state-timeline') return { fillOpacity: 80, lineWidth: 0 };
  if (type === 'status-history') return { fillOpacity: 80, lineWidth: 1 };
  if (type !== 'timeseries') return {};
  return {
    drawStyle: drawing === 'bars' ? 'bars' : 'line',
    lineWidth: 1,
    fillOpacity: { lines: 5, stacked: 35, bars: 80 }[drawing],
    showPoints: 'never',
    spanNulls: false,
    stacking: { mode: drawing === 'lines' ? 'none' : 'normal', group: 'A' },
    thresholdsStyle: { mode: limits === undefined ? 'off' : 'dashed' },
  };
}

function optionsOf({ type, text = 'value', limits, words }: Panel): Json {
  const reduceOptions = { calcs: ['lastNotNull'], fields: '', values: false };
  switch (type) {
    case 'stat': {
      const colorMode = limits === undefined && words === undefined ? 'value' : 'background';
      return { reduceOptions, colorMode, graphMode: 'none', justifyMode: 'auto', orientation: 'auto', textMode: text };
    }
    case 'bargauge':
      return { reduceOptions, displayMode: 'basic', orientation: 'horizontal', showUnfilled: true, valueMode: 'color' };
    case 'table':
      return { showHeader: true, cellHeight: 'sm' };
    case 'state-timeline':
      return {
        mergeValues: true,
        showValue: 'auto',
        alignValue: 'left',
        rowHeight: 0.9,
        legend: { showLegend: false, displayMode: 'list', placement: 'bottom' },
        tooltip: { mode: 'single', sort: 'none' },
      };
    case 'status-history':
      return {
        showValue: 'never',
        rowHeight: 0.9,
        colWidth: 0.9,
        legend: { showLegend: true, displayMode: 'list', placement: 'bottom' },
        tooltip: { mode: 'single', sort: 'none' },
      };
    case 'timeseries':
      return {
        legend: {
          showLegend: true,
          displayMode: 'table',
          placement: 'bottom',
          calcs: ['lastNotNull', 'max'],
          sortBy: 'Max',
          sortDesc: true,
        },
        tooltip: { mode: 'multi', sort: 'desc' },
      };
  }
}

/** Instant queries as rows: joined by their labels, columns in order and with names for people. */
function transformationsOf({ queries, labels = [] }: Panel): Json[] {
  const valueColumn = (at: number) => (queries.length === 1 ? 'Value' : `Value #${refId(at)}`);
  const columns = [...labels, ...queries.map((_, at) => valueColumn(at))];
  return [
    { id: 'merge', options: {} },
    { id: 'filterFieldsByName', options: { include: { names: columns } } },
    {
      id: 'organize',
      options: {
        excludeByName: {},
        indexByName: Object.fromEntries(columns.map((column, index) => [column, index])),
        renameByName: Object.fromEntries(queries.map(({ legend }, at) => [valueColumn(at), legend])),
      },
    },
  ];
}

function overridesOf({ type, queries, labels = [], leadsTo }: Panel): Json[] {
  if (type !== 'table') return [];
  const ofColumns = queries.flatMap(({ legend, column }) =>
    column === undefined ? [] : [columnOverride(legend, column)],
  );
  const [first] = labels;
  if (leadsTo === undefined || first === undefined) return ofColumns;
  const url = `/d/${uidOf(leadsTo)}?var-${first}=\${__value.text}&\${__url_time_range}`;
  const links = [{ title: 'Look closer', url }];
  return [...ofColumns, { matcher: { id: 'byName', options: first }, properties: [{ id: 'links', value: links }] }];
}

function columnOverride(name: string, column: NonNullable<Query['column']>): Json {
  const { limits, words } = column;
  const properties = Object.entries(renderLook(column)).map(([id, value]) => ({ id, value }));
  const isColored = limits !== undefined || words?.some(({ color }) => color !== undefined) === true;
  const colored = isColored ? [{ id: 'custom.cellOptions', value: { type: 'color-text' } }] : [];
  return { matcher: { id: 'byName', options: name }, properties: [...properties, ...colored] };
}
