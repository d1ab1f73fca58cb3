import { withAllValues } from '../../scripts/dashboards/all-values.ts';
import { type Board, variablesOf } from '../../scripts/dashboards/board.ts';
import { annotationsOf } from '../../scripts/dashboards/keeping-annotations.ts';

/** A query of a board as Grafana would send it. */
export interface BoardQuery {
  /** `board: panel: legend`. */
  readonly where: string;
  readonly expression: string;
  readonly isOverTime: boolean;
}

/** `All` in every variable, and the range that Grafana would choose for `scrapeSeconds`. */
export function filledIn(expression: string, scrapeSeconds: number): string {
  return withAllValues(expression).replaceAll('$__rate_interval', `${4 * scrapeSeconds}s`);
}

/** Every query of the panels, annotations and variables of a board. */
export function queriesOf(board: Board, scrapeSeconds: number): BoardQuery[] {
  const ofPanels = board.rows.flatMap(({ panels }) =>
    panels.flatMap(({ title, type, queries }) =>
      queries.map(({ legend, expression }) => ({
        where: `${board.name}: ${title}: ${legend}`,
        expression: filledIn(expression, scrapeSeconds),
        isOverTime: type === 'timeseries' || type === 'state-timeline' || type === 'status-history',
      })),
    ),
  );
  const ofAnnotations = annotationsOf(board).map(({ name, expression }) => ({
    where: `${board.name}: annotation ${name}`,
    expression: filledIn(expression, scrapeSeconds),
    isOverTime: true,
  }));
  const ofVariables = variablesOf(board).map(({ name, query }) => ({
    where: `${board.name}: variable ${name}`,
    expression: filledIn(/^label_values\((.*), \w+\)$/.exec(query)?.[1] ?? query, scrapeSeconds),
    isOverTime: false,
  }));
  return [...ofPanels, ...ofAnnotations, ...ofVariables];
}

/** Metrics and labels that Prometheus holds now, with `job` and `instance`. */
export async function seriesOf(prometheus: string): Promise<Map<string, Set<string>>> {
  const url = `${prometheus}/api/v1/series?match[]=${encodeURIComponent('{job="watchkeeper"}')}`;
  const { data } = (await (await fetch(url)).json()) as { data: Record<string, string>[] };
  const labels = new Map<string, Set<string>>();
  for (const { __name__: name = '', ...rest } of data) {
    const known = labels.get(name) ?? new Set();
    for (const label of Object.keys(rest)) known.add(label);
    labels.set(name, known);
  }
  return labels;
}

/** How many series a query gives over the last `seconds`, or now; throws what Prometheus says against it. */
export async function countSeries(prometheus: string, query: BoardQuery, seconds: number): Promise<number> {
  const now = Date.now() / 1_000;
  const times = query.isOverTime
    ? { start: String(now - seconds), end: String(now), step: '2' }
    : { time: String(now) };
  const path = query.isOverTime ? 'query_range' : 'query';
  const body = new URLSearchParams({ query: query.expression, ...times });
  const answer = (await (await fetch(`${prometheus}/api/v1/${path}`, { method: 'POST', body })).json()) as {
    readonly status: string;
    readonly error?: string;
    readonly data?: { readonly result: readonly unknown[] };
  };
  if (answer.status !== 'success') throw new Error(`${query.where}: ${answer.error}\n${query.expression}`);
  return answer.data?.result.length ?? 0;
}
