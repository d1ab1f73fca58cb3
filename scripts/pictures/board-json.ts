/** What the preview reads of a board as `dashboards/*.json` has it. */
export interface BoardJson {
  readonly title: string;
  readonly description: string;
  readonly panels: readonly PanelJson[];
  readonly annotations: { readonly list: readonly AnnotationJson[] };
}

/** One of Prometheus has `expr`; one that was written to Grafana has tags, and is not shown. */
interface AnnotationJson {
  readonly iconColor: string;
  readonly expr?: string;
}

interface PanelBase {
  readonly title: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
}

export interface RowJson extends PanelBase {
  readonly type: 'row';
}

export interface DrawnPanelJson extends PanelBase {
  readonly type: 'stat' | 'timeseries' | 'table' | 'bargauge' | 'state-timeline' | 'status-history';
  readonly targets: readonly TargetJson[];
  readonly fieldConfig: { readonly defaults: FieldJson; readonly overrides: readonly OverrideJson[] };
  readonly options: { readonly textMode?: string; readonly colorMode?: string };
  readonly transformations?: readonly { readonly id: string; readonly options: OrganizeJson }[];
}

export type PanelJson = RowJson | DrawnPanelJson;

interface TargetJson {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat: string;
}

export interface FieldJson {
  readonly unit?: string;
  readonly decimals?: number;
  readonly min?: number;
  readonly max?: number;
  readonly mappings?: readonly { readonly options: Readonly<Record<string, MappedJson>> }[];
  readonly color?: { readonly mode: string };
  readonly thresholds?: { readonly steps: readonly { readonly color: string; readonly value: number | null }[] };
  readonly custom?: {
    readonly drawStyle?: string;
    readonly stacking?: { readonly mode: string };
    readonly fillOpacity?: number;
  };
}

interface MappedJson {
  readonly text: string;
  readonly color?: string;
}

interface OverrideJson {
  readonly matcher: { readonly options: string };
  readonly properties: readonly { readonly id: string; readonly value: unknown }[];
}

interface OrganizeJson {
  readonly include?: { readonly names: readonly string[] };
  readonly renameByName?: Readonly<Record<string, string>>;
}
