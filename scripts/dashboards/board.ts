import type { Panel } from './panel.ts';

/** Panels under a heading that can be folded. */
export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** A choice at the top of a board. The names of all boards' variables agree, so that a link carries the choice along. */
export interface Variable {
  readonly name: string;
  readonly label: string;
  /** Of Prometheus: `label_values(metric, label)`. */
  readonly query: string;
}

export interface Board {
  /** Of the file `dashboards/NAME.json`; the uid is `watchkeeper-NAME`. Never changed: links and bookmarks use it. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly Variable[];
  readonly rows: readonly Row[];
  /** What is marked in the time series besides backups and proofs: instants as values, in seconds since 1970. */
  readonly annotations?: readonly Annotation[];
  readonly from?: string;
}

export interface Annotation {
  readonly name: string;
  /** Its values are the instants. */
  readonly expression: string;
  readonly title: string;
  readonly color: 'green' | 'orange' | 'red' | 'blue';
}

/** What somebody wrote to Grafana itself: found by all of these tags. */
export interface TaggedAnnotation extends Pick<Annotation, 'name' | 'color'> {
  readonly tags: readonly string[];
}

/** The uid of a board, by its name. */
export const uidOf = (name: string) => `watchkeeper-${name}`;

/** The choice of daemon (`job` is what Prometheus calls it), which every board has. */
const jobVariable: Variable = {
  name: 'job',
  label: 'Job',
  query: 'label_values(watchkeeper_build_info, job)',
};

/** The choice of targets that have this metric. */
export const targetVariable = (metric: string): Variable => ({
  name: 'target',
  label: 'Target',
  query: `label_values(${metric}{job=~"$job"}, target)`,
});

/** Matchers of what is chosen at the top. */
export const chosen = 'job=~"$job",target=~"$target"';
/** The same for a metric of the daemon itself. */
export const chosenJob = 'job=~"$job"';

/** What was counted in a quarter of an hour; CloudWatch tells of periods of five minutes, so that it holds whole ones. */
export const inQuarter = (metric: string, matchers: string) => `increase(${metric}{${matchers}}[15m])`;

/** All variables of a board, the job first. */
export const variablesOf = ({ variables }: Board): readonly Variable[] => [jobVariable, ...variables];
