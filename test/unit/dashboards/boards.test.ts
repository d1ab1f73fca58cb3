import { expect, test } from 'vitest';
import { thresholds } from '../../../scripts/alerts/thresholds.ts';
import { boards } from '../../../scripts/dashboards/index.ts';
import { renderBoard } from '../../../scripts/dashboards/render-board.ts';

interface RenderedPanel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit?: string;
      readonly thresholds: { readonly steps: readonly { readonly value: number | null }[] };
    };
  };
  readonly targets?: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[];
}

interface Rendered {
  readonly links: readonly { readonly tags: readonly string[]; readonly includeVars: boolean }[];
  readonly tags: readonly string[];
  readonly annotations: { readonly list: readonly { readonly name: string; readonly enable: boolean }[] };
  readonly id: unknown;
  readonly uid: string;
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
  readonly panels: readonly RenderedPanel[];
}

const rendered = boards.map((board) => JSON.parse(renderBoard(board)) as Rendered);
const panelsOf = (board: Rendered) => board.panels.filter(({ type }) => type !== 'row');

test.each(rendered)('$uid can be imported and provisioned anywhere', (board) => {
  const queries = panelsOf(board).flatMap(({ targets = [] }) => targets);

  expect(board.id).toBeNull();
  expect(board.uid).toMatch(/^[a-z-]{8,40}$/);
  expect(board.templating.list[0]).toMatchObject({ name: 'datasource', type: 'datasource' });
  expect(new Set(queries.map(({ datasource }) => datasource.uid))).toEqual(new Set(['${datasource}']));
  expect(new Set(board.panels.map(({ id }) => id)).size).toBe(board.panels.length);
  expect(JSON.stringify(board)).not.toContain('__inputs');
});

test.each(rendered)('$uid says of every panel what it means and in which unit', (board) => {
  const panels = panelsOf(board);

  expect(panels.length).toBeGreaterThan(5);
  for (const { title, description = '', fieldConfig, targets = [] } of panels) {
    expect(title).not.toBe('');
    expect(description, title).toMatch(/^[0-9A-Z].{14,}[.…)]$/s);
    expect(fieldConfig?.defaults.unit ?? '', title).not.toBe('');
    expect(targets.length, title).toBeGreaterThan(0);
  }
});

test.each(rendered)(
  '$uid marks backups and failures, and leads to the other boards',
  ({ annotations, links, tags }) => {
    const marked = annotations.list.filter(({ enable }) => enable).map(({ name }) => name);

    expect(marked).toEqual(
      expect.arrayContaining([
        'Backups',
        'Proofs',
        'Failed backups',
        'Failed proofs',
        'Retention (written)',
        'Failures (written)',
      ]),
    );
    expect(links).toContainEqual(expect.objectContaining({ tags, includeVars: true }));
  },
);

test('there is a board for each part, and the one of recoverability has a calendar', () => {
  const calendars = rendered.filter((board) => board.panels.some(({ type }) => type === 'status-history'));

  expect(rendered.map(({ uid }) => uid)).toEqual(
    ['fleet', 'recoverability', 'postgres', 'queries', 'replication', 'pgbouncer', 'redis', 'aws', 'self'].map(
      (name) => `watchkeeper-${name}`,
    ),
  );
  expect(calendars.map(({ uid }) => uid)).toEqual(['watchkeeper-recoverability']);
});

test.each(rendered)('$uid has no two panels in one place', (board) => {
  const covered = new Set<string>();

  for (const { gridPos, title } of board.panels) {
    expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        expect(covered, `${title} at ${x},${y}`).not.toContain(`${x},${y}`);
        covered.add(`${x},${y}`);
      }
    }
  }
});

test('thresholds are those of the alerts, or 1 for what must not be at all', () => {
  const ofAlerts = new Set<number | null>([null, 1, ...Object.values(thresholds).flatMap((one) => Object.values(one))]);

  const others = rendered.flatMap((board) =>
    panelsOf(board).flatMap(({ title, fieldConfig }) =>
      (fieldConfig?.defaults.thresholds.steps ?? [])
        .filter(({ value }) => !ofAlerts.has(value))
        .map(({ value }) => `${board.uid}: ${title}: ${value}`),
    ),
  );

  expect(others).toEqual([]);
});

test('rates look back as far as the scrape interval demands', () => {
  const expressions = rendered.flatMap((board) =>
    panelsOf(board).flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  );
  const rates = expressions.flatMap((expr) =>
    [...expr.matchAll(/\brate\(\w+\{[^}]*\}\[([^\]]+)\]/g)].map(([, range]) => range),
  );

  expect(rates.length).toBeGreaterThan(40);
  expect(new Set(rates)).toEqual(new Set(['$__rate_interval']));
});
