import type * as Grafana from '@grafana/schema';
import type * as BarGauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type * as Stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as StateTimeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as StatusHistory from '@grafana/schema/dist/esm/raw/composable/statushistory/panelcfg/x/StatusHistoryPanelCfg_types.gen';
import type * as Table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as TimeSeries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
// Later versions of the package leave the data source out.
import type { PrometheusDataQuery } from 'grafana-schema-10/dist/esm/raw/composable/prometheus/dataquery/x/PrometheusDataQuery_types.gen.js';

/** What JSON can hold of a type: the values of an enum in its place. What is left out has a default in Grafana. */
export type Json<T> = unknown extends T
  ? unknown
  : T extends string
    ? `${T}`
    : T extends number | boolean | null | undefined
      ? T
      : T extends readonly (infer Item)[]
        ? readonly Json<Item>[]
        : { readonly [Key in keyof T]?: Json<T[Key]> };

/** A board without its panels, which are looked at one by one, with nothing that Grafana does not know. */
export type Board = Json<Omit<Grafana.Dashboard, 'panels' | 'annotations' | 'id' | 'templating'>> & {
  readonly id: null;
  readonly templating: { readonly list: readonly Variable[] };
};
/** `definition` is what the form of a variable of Prometheus shows. */
type Variable = Json<Omit<Grafana.VariableModel, 'current'>> & {
  readonly definition?: string;
  readonly current: object;
};
/** Prometheus adds its own: the query, and how it becomes marks. */
export type Annotation = Json<Omit<Grafana.AnnotationQuery, 'target'>> & {
  readonly expr?: string;
  readonly titleFormat?: string;
  readonly textFormat?: string;
  readonly useValueForTime?: 'on';
  readonly step?: string;
  readonly target?: {
    readonly type: 'tags';
    readonly limit: number;
    readonly matchAny: boolean;
    readonly tags: readonly string[];
  };
};
export type Row = Json<Grafana.RowPanel>;
/** A panel without what depends on its type; `id` is what the links to it use. */
export type Panel = Json<Omit<Grafana.Panel, 'fieldConfig' | 'options' | 'targets' | 'transformations'>> & {
  readonly id: number;
  readonly transformations?: readonly { readonly id: string; readonly options: object }[];
};
export type Query = Json<PrometheusDataQuery>;
export type Defaults = Json<Omit<Grafana.FieldConfig, 'custom' | 'thresholds'>> & { readonly thresholds: Thresholds };
/** The first step begins at minus infinity, which JSON writes as null. */
interface Thresholds {
  readonly mode: `${Grafana.ThresholdsMode}`;
  readonly steps: readonly { readonly color: string; readonly value: number | null }[];
}

/** Options, and how a field is drawn, by the type of a panel. */
export interface Options {
  readonly stat: Json<Stat.Options>;
  readonly bargauge: Json<BarGauge.Options>;
  readonly table: Json<Partial<Table.Options>>;
  readonly timeseries: Json<TimeSeries.Options>;
  readonly 'state-timeline': Json<StateTimeline.Options>;
  readonly 'status-history': Json<StatusHistory.Options>;
}
export interface Drawing {
  readonly stat: Record<string, never>;
  readonly bargauge: Record<string, never>;
  readonly table: Json<Table.FieldConfig>;
  readonly timeseries: Json<TimeSeries.FieldConfig>;
  readonly 'state-timeline': Json<StateTimeline.FieldConfig>;
  readonly 'status-history': Json<StatusHistory.FieldConfig>;
}
