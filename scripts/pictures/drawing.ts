import type { DrawnPanelJson } from './board-json.ts';
import type { Series, Span } from './prometheus.ts';

/** A series with the name that its legend gives it. */
export interface NamedSeries extends Series {
  readonly name: string;
}

/** A mark in the time series. */
export interface Mark {
  readonly at: number;
  readonly color: string;
}

/** What a panel is drawn from. */
export interface Drawing {
  readonly panel: DrawnPanelJson;
  /** By query, in their order. */
  readonly answers: readonly (readonly NamedSeries[])[];
  readonly span: Span;
  readonly marks: readonly Mark[];
  /** Pixels inside of the panel. */
  readonly width: number;
  readonly height: number;
}

export const lastOf = ({ points }: Series) => points.at(-1)?.[1] ?? Number.NaN;

/** `{{label}}` by its value. */
export function nameOf(legend: string, labels: Series['labels']): string {
  if (legend === '')
    return Object.entries(labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(' ');
  return legend
    .replace(/\{\{(\w+)\}\}/g, (_, label: string) => labels[label] ?? '')
    .replace(/ +/g, ' ')
    .trim();
}

export const clock = (at: number) => new Date(at * 1_000).toISOString().slice(11, 16);
