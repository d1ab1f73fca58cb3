import { expect, test } from 'vitest';
import { boards } from '../../../scripts/dashboards/index.ts';
import { renderBoard } from '../../../scripts/dashboards/render-board.ts';
import type { BoardJson, DrawnPanelJson } from '../../../scripts/pictures/board-json.ts';
import { previewOf } from '../../../scripts/pictures/preview.ts';
import type { Series, Source } from '../../../scripts/pictures/prometheus.ts';
import { formatValue } from '../../../scripts/pictures/units.ts';

const span = { from: 1_772_416_800, to: 1_772_417_100 };
const options = { span, scrapeSeconds: 5, hourSeconds: 60 };

/** Answers each expression with the same values; remembers what was asked. */
function source(values: Readonly<Record<string, readonly number[]>>): Source & { readonly asked: string[] } {
  const asked: string[] = [];
  const seriesOf = (expression: string, at: (index: number) => number): Series[] => {
    asked.push(expression);
    return Object.entries(values).map(([target, own]) => ({
      labels: { target },
      points: own.map((value, index) => [at(index), value] as const),
    }));
  };
  return {
    asked,
    now: async (expression) => seriesOf(expression, () => span.to),
    over: async (expression, { from }, step) => seriesOf(expression, (index) => from + index * step),
  };
}

function panel(type: DrawnPanelJson['type'], given: Partial<DrawnPanelJson> = {}): BoardJson {
  const drawn: DrawnPanelJson = {
    type,
    title: 'A <panel>',
    gridPos: { x: 0, y: 0, w: 12, h: 8 },
    targets: [{ refId: 'A', expr: 'rate(a{target=~"$target"}[$__rate_interval])', legendFormat: '{{target}} used' }],
    fieldConfig: {
      defaults: { unit: 'none', thresholds: { steps: [{ color: 'green', value: null }] } },
      overrides: [],
    },
    options: {},
    ...given,
  };
  return { title: 'B', description: '', panels: [drawn], annotations: { list: [] } };
}

const limited = {
  defaults: {
    unit: 'percentunit',
    color: { mode: 'thresholds' },
    thresholds: {
      steps: [
        { color: 'green', value: null },
        { color: 'red', value: 0.9 },
      ],
    },
  },
  overrides: [],
};

test.each(boards.map((board) => [board.name, board] as const))(
  '%s is drawn whole, every panel in its place',
  async (_name, board) => {
    const json = JSON.parse(renderBoard(board)) as BoardJson;

    const { html, height } = await previewOf(json, source({ shop: [0, 1, 1, 0] }), options);

    expect(html.match(/<section class="panel"/g)).toHaveLength(json.panels.filter(({ type }) => type !== 'row').length);
    expect(html).not.toMatch(/NaN|undefined/);
    expect(height).toBeGreaterThan(500);
  },
);

test('variables and ranges are filled in as Grafana does it, titles are escaped', async () => {
  const asking = source({ shop: [1] });

  const { html } = await previewOf(panel('stat'), asking, options);

  expect(asking.asked).toEqual(['rate(a{target=~".*"}[20s])']);
  expect(html).toContain('A &lt;panel&gt;');
});

test('a figure has the colour of its threshold', async () => {
  const given = { fieldConfig: limited, options: { colorMode: 'background', textMode: 'value' } };

  const good = await previewOf(panel('stat', given), source({ shop: [0.5] }), options);
  const bad = await previewOf(panel('stat', given), source({ shop: [0.95] }), options);

  expect(good.html).toMatch(/background:#73bf69[^>]*><b[^>]*>50%</);
  expect(bad.html).toMatch(/background:#f2495c[^>]*><b[^>]*>95%</);
});

test('lines stay within the plot, a threshold is a dashed line, the legend tells last and highest', async () => {
  const { html } = await previewOf(
    panel('timeseries', { fieldConfig: limited }),
    source({ shop: [0.2, 1, 0.4] }),
    options,
  );

  const ys = [...html.matchAll(/[ML][\d.]+ ([\d.]+)/g)].map(([, y]) => Number(y));
  const [, height = 0] = (/viewBox="0 0 [\d.]+ ([\d.]+)"/.exec(html) ?? []).map(Number);
  expect(ys.length).toBeGreaterThan(5);
  expect(Math.max(...ys)).toBeLessThanOrEqual(height);
  expect(html).toMatch(/stroke="#f2495c" stroke-dasharray="8 6"/);
  expect(html).toContain('shop used</span><em>40%</em><em>100%</em>');
});

test('states that last become one strip, hours stay apart', async () => {
  const words = { 0: { text: 'down', color: 'red' }, 1: { text: 'up', color: 'green' } };
  const fieldConfig = { defaults: { ...limited.defaults, mappings: [{ options: words }] }, overrides: [] };
  const values = source({ shop: [1, 1, 0, 1, 1] });
  const strips = (html: string) => html.match(/<div style="left:/g)?.length;

  expect(strips((await previewOf(panel('state-timeline', { fieldConfig }), values, options)).html)).toBe(3);
  expect(strips((await previewOf(panel('status-history', { fieldConfig }), values, options)).html)).toBe(5);
});

test('where nothing is answered the panel says so', async () => {
  for (const type of ['stat', 'timeseries', 'table', 'bargauge', 'state-timeline', 'status-history'] as const) {
    expect((await previewOf(panel(type), source({}), options)).html, type).toContain('No data');
  }
});

test.each([
  [1_536, 'bytes', undefined, '1.5 KiB'],
  [0.1234, 'percentunit', undefined, '12.3%'],
  [90, 's', undefined, '1.5 mins'],
  [0.0042, 's', undefined, '4.2 ms'],
  [2_500, 'ops', undefined, '2.5 K ops/s'],
  [3, 'suffix: units/s', undefined, '3 units/s'],
  [12.5, 'currencyUSD', undefined, '$12.5'],
  [Infinity, 's', undefined, '∞'],
  [0.333, 'none', 1, '0.3'],
] as const)('%s in %s is written %s as Grafana would', (value, unit, decimals, text) => {
  expect(formatValue(value, unit, decimals)).toBe(text);
});
