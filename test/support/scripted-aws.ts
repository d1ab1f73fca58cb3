import { createServer, type IncomingMessage } from 'node:http';
import { listenOnLoopback } from './loopback-server.ts';

/** A request as AWS's JSON protocol has it, e.g. the call `GetMetricData` of `GraniteServiceVersion20100801`. */
export interface AwsRequest {
  readonly service: string;
  readonly call: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** An answer: what the call gives, or the name of an error with its status and message; `stall` never answers. */
export type AwsAnswer =
  | { readonly value: unknown }
  | { readonly error: string; readonly status?: number; readonly message?: string }
  | 'stall'
  | 'reset';

export interface ScriptedAws extends AsyncDisposable {
  readonly endpoint: string;
  /** In the order of arrival. */
  readonly requests: readonly AwsRequest[];
}

/** Plays what cannot be provoked otherwise: every request is answered by `answer`. */
export async function startScriptedAws(
  answer: (request: AwsRequest) => AwsAnswer | Promise<AwsAnswer>,
): Promise<ScriptedAws> {
  const requests: AwsRequest[] = [];
  const server = createServer(async (incoming, outgoing) => {
    const request = await parse(incoming);
    requests.push(request);
    const given = await answer(request);
    if (given === 'stall') return;
    if (given === 'reset') {
      incoming.socket.resetAndDestroy();
      return;
    }
    const isError = 'error' in given;
    const body = isError
      ? { __type: `com.amazonaws#${given.error}`, message: given.message ?? given.error }
      : given.value;
    outgoing.writeHead(isError ? (given.status ?? 400) : 200, { 'content-type': 'application/x-amz-json-1.0' });
    outgoing.end(JSON.stringify(body));
  });
  const listening = await listenOnLoopback(server);
  return {
    endpoint: listening.url,
    requests,
    [Symbol.asyncDispose]: () => listening[Symbol.asyncDispose](),
  };
}

async function parse(incoming: IncomingMessage): Promise<AwsRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const [service = '', call = ''] = String(incoming.headers['x-amz-target'] ?? '').split('.');
  const text = Buffer.concat(chunks).toString();
  return { service, call, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
}

interface MetricDataBody {
  readonly MetricDataQueries: readonly {
    readonly Id: string;
    readonly MetricStat: {
      readonly Metric: {
        readonly MetricName: string;
        readonly Dimensions: readonly { readonly Name: string; readonly Value: string }[];
      };
      readonly Stat: string;
      readonly Period: number;
    };
  }[];
  readonly StartTime: number;
  readonly EndTime: number;
}

/** One statistic that a request of GetMetricData asks for. */
export interface AskedSeries {
  readonly id: string;
  readonly metric: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly statistic: string;
  readonly periodSeconds: number;
  /** Seconds since 1970. */
  readonly start: number;
  readonly end: number;
}

export function askedSeries({ body }: AwsRequest): AskedSeries[] {
  const { MetricDataQueries, StartTime, EndTime } = body as unknown as MetricDataBody;
  return MetricDataQueries.map(({ Id, MetricStat: { Metric, Stat, Period } }) => ({
    id: Id,
    metric: Metric.MetricName,
    dimensions: Object.fromEntries(Metric.Dimensions.map(({ Name, Value }) => [Name, Value])),
    statistic: Stat,
    periodSeconds: Period,
    start: StartTime,
    end: EndTime,
  }));
}

/** The answer of GetMetricData: for each series its points by their instants, in seconds since 1970. */
export function metricData(
  request: AwsRequest,
  pointsOf: (series: AskedSeries) => Readonly<Record<number, number>> | { readonly status: string },
): AwsAnswer {
  const MetricDataResults = askedSeries(request).map((series) => {
    const points = pointsOf(series);
    if ('status' in points) return { Id: series.id, StatusCode: points['status'], Timestamps: [], Values: [] };
    const Timestamps = Object.keys(points).map(Number);
    return { Id: series.id, StatusCode: 'Complete', Timestamps, Values: Object.values(points) };
  });
  return { value: { MetricDataResults } };
}
