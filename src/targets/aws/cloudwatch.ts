import type { CloudWatchClient, MetricDataQuery, MetricDataResult } from '@aws-sdk/client-cloudwatch';
import type { AwsCalls } from './calls.ts';
import { allPages, asked, clientOptions, LateClient } from './client.ts';
import type { AwsAccess } from './settings.ts';

type Sdk = typeof import('@aws-sdk/client-cloudwatch');

/** One statistic of one metric. */
export interface SeriesQuery {
  readonly namespace: string;
  readonly metric: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly statistic: string;
  readonly periodSeconds: number;
}

/** What there is of one statistic. `status` other than `Complete` means that not all was read. */
export interface Series {
  readonly status: string;
  /** In no order; instants are the starts of the buckets. */
  readonly points: readonly { readonly atMs: number; readonly value: number }[];
}

export interface SeriesWindow {
  readonly startMs: number;
  readonly endMs: number;
}

/** Reads metrics of AWS. Every call rejects with an AwsFailure. */
export class CloudwatchApi implements Disposable {
  readonly #client: LateClient<{ readonly sdk: Sdk; readonly client: CloudWatchClient }>;

  constructor(access: AwsAccess, calls: AwsCalls) {
    this.#client = new LateClient(async () => {
      const sdk = await import('@aws-sdk/client-cloudwatch');
      const { endpoint, cloudwatchEndpoint = endpoint } = access;
      const client = new sdk.CloudWatchClient(clientOptions(access, cloudwatchEndpoint));
      calls.watch(client, 'cloudwatch');
      return { sdk, client };
    });
  }

  /** At most 500 queries; one result for each, in their order. All pages are read. */
  async read(queries: readonly SeriesQuery[], window: SeriesWindow, signal: AbortSignal): Promise<readonly Series[]> {
    const { sdk, client } = await this.#client.get();
    const found = new Map<string, { status: string; points: { atMs: number; value: number }[] }>();
    let after: string | undefined;
    do {
      const command = new sdk.GetMetricDataCommand({
        MetricDataQueries: queries.map(toQuery),
        StartTime: new Date(window.startMs),
        EndTime: new Date(window.endMs),
        ...(after === undefined ? {} : { NextToken: after }),
      });
      const send = () => client.send(command, { abortSignal: signal });
      const page = await asked('cloudwatch:GetMetricData', signal, send);
      for (const result of page.MetricDataResults ?? []) add(found, result);
      after = page.NextToken;
    } while (after !== undefined);
    // What AWS says nothing about was not read; it is not "no data".
    return queries.map((_query, index) => found.get(idOf(index)) ?? { status: 'Missing', points: [] });
  }

  /** Dimensions of every series that a metric had within two weeks. `onPage` is called before each request, which costs. */
  async dimensionsOf(
    namespace: string,
    metric: string,
    given: { readonly signal: AbortSignal; readonly onPage: () => void },
  ): Promise<Readonly<Record<string, string>>[]> {
    const { sdk, client } = await this.#client.get();
    const ask = async (NextToken: string | undefined) => {
      given.onPage();
      const command = new sdk.ListMetricsCommand({ Namespace: namespace, MetricName: metric, NextToken });
      const send = () => client.send(command, { abortSignal: given.signal });
      const page = await asked('cloudwatch:ListMetrics', given.signal, send);
      return { items: page.Metrics, after: page.NextToken };
    };
    // What it costs is limited by onPage.
    const all = await allPages('cloudwatch:ListMetrics', ask, Number.POSITIVE_INFINITY);
    return all.map(({ Dimensions = [] }) =>
      Object.fromEntries(Dimensions.map(({ Name, Value }) => [Name ?? '', Value ?? ''])),
    );
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}

/** Ids begin with a small letter. */
function idOf(index: number): string {
  return `q${index}`;
}

function toQuery(query: SeriesQuery, index: number): MetricDataQuery {
  return {
    Id: idOf(index),
    MetricStat: {
      Metric: {
        Namespace: query.namespace,
        MetricName: query.metric,
        Dimensions: Object.entries(query.dimensions).map(([Name, Value]) => ({ Name, Value })),
      },
      Stat: query.statistic,
      Period: query.periodSeconds,
    },
    ReturnData: true,
  };
}

/** The last page about a series tells whether it is complete. */
function add(
  found: Map<string, { status: string; points: { atMs: number; value: number }[] }>,
  { Id = '', StatusCode = 'Complete', Timestamps = [], Values = [] }: MetricDataResult,
): void {
  const series = found.get(Id) ?? { status: StatusCode, points: [] };
  series.status = StatusCode;
  for (const [index, at] of Timestamps.entries()) {
    const value = Values[index];
    if (value !== undefined) series.points.push({ atMs: at.getTime(), value });
  }
  found.set(Id, series);
}
