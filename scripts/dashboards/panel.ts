/** Where a value begins to be a problem. Only what the alerts use (`scripts/alerts/thresholds.ts`), or 1 for what must not be at all. */
export interface Limits {
  readonly warning?: number;
  readonly critical?: number;
  /** `below`: small values are the bad ones. Default: above. */
  readonly worse?: 'above' | 'below';
}

export interface Query {
  readonly expression: string;
  /** `{{label}}`s are replaced by values. Of a table: the name of the column with the value. */
  readonly legend: string;
  /** The column's own unit, limits or words, in a table. */
  readonly column?: Omit<Look, 'min' | 'max'>;
}

/** How values are shown. */
interface Look {
  /** An id of Grafana's value formats, e.g. `bytes`, `s`, `percentunit`. */
  readonly unit?: string;
  readonly limits?: Limits;
  /** Words in the place of numbers. */
  readonly words?: readonly Word[];
  readonly decimals?: number;
  readonly min?: number;
  readonly max?: number;
}

export interface Word {
  readonly value: number | 'Infinity';
  readonly text: string;
  readonly color?: Color;
}

type Color = 'green' | 'orange' | 'red' | 'blue' | 'text';

export interface Panel extends Look {
  readonly type: 'stat' | 'timeseries' | 'table' | 'bargauge' | 'state-timeline' | 'status-history';
  readonly title: string;
  /** What it means, and what to do when it is bad. */
  readonly description: string;
  readonly unit: string;
  readonly queries: readonly Query[];
  /** Of 24 columns. */
  readonly width: number;
  readonly height: number;
  /** Of a time series: areas on top of each other, or bars of whole hours. */
  readonly drawing?: 'lines' | 'stacked' | 'bars';
  /** Of a table: labels that become columns, in this order; tables of several queries are joined by all of them. */
  readonly labels?: readonly string[];
  /** Of a stat: what stands beside the value. Default: the value alone. */
  readonly text?: 'value' | 'value_and_name' | 'name';
  /** The board that the first column of a table leads to, with that label as its variable of the same name. */
  readonly leadsTo?: string;
}

type Given = Omit<Panel, 'type' | 'width' | 'height' | 'queries'> & Partial<Pick<Panel, 'width' | 'height'>>;

/** One query, when there is only one: `expression` and `legend` directly. */
type WithQueries = Given & ({ readonly queries: readonly Query[] } | Query);

const complete = (type: Panel['type'], width: number, height: number, given: WithQueries): Panel => {
  if ('queries' in given) return { width, height, ...given, type };
  const { expression, legend, ...rest } = given;
  return { width, height, ...rest, type, queries: [{ expression, legend }] };
};

/** A figure to be read from across a room: the last value. Six in a row. */
export const stat = (given: WithQueries): Panel => complete('stat', 4, 4, given);

/** Lines over time. Two in a row. */
export const lines = (given: WithQueries): Panel => complete('timeseries', 12, 8, given);

/** Areas on top of each other over time: parts of a whole. Two in a row. */
export const areas = (given: WithQueries): Panel => complete('timeseries', 12, 8, { ...given, drawing: 'stacked' });

/** Bars of whole hours. Two in a row. */
export const hourlyBars = (given: WithQueries): Panel => complete('timeseries', 12, 8, { ...given, drawing: 'bars' });

/** The last values in rows. */
export const table = (
  given: Given & { readonly queries: readonly Query[]; readonly labels: readonly string[] },
): Panel => complete('table', 24, 9, given);

/** The last values as bars beside their names. */
export const bars = (given: WithQueries): Panel => complete('bargauge', 12, 8, given);

/** States over time, a row for each. */
export const states = (given: WithQueries): Panel => complete('state-timeline', 12, 8, given);

/** What happened in each hour, a row for each. The whole width. */
export const calendar = (given: WithQueries): Panel => complete('status-history', 24, 9, given);

export const upOrDown: readonly Word[] = [
  { value: 0, text: 'down', color: 'red' },
  { value: 1, text: 'up', color: 'green' },
];

export const yesOrNo: readonly Word[] = [
  { value: 0, text: 'no' },
  { value: 1, text: 'yes' },
];

/** Of an age or a restore that was never measured. */
export const never: readonly Word[] = [{ value: 'Infinity', text: 'never', color: 'red' }];
