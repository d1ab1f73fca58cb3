/** One series of an answer: values by their instants in seconds, NaN and gaps left out. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly points: readonly (readonly [at: number, value: number])[];
}

/** Seconds since 1970. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What a preview asks: Prometheus, in the tests something that answers as it does. */
export interface Source {
  now(expression: string): Promise<readonly Series[]>;
  over(expression: string, span: Span, stepSeconds: number): Promise<readonly Series[]>;
}

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data?: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly value?: readonly [number, string];
      readonly values?: readonly (readonly [number, string])[];
    }[];
  };
}

export function prometheusSource(url: string, { to }: Span): Source {
  const ask = async (path: string, body: Readonly<Record<string, string>>): Promise<Series[]> => {
    const response = await fetch(`${url}/api/v1/${path}`, { method: 'POST', body: new URLSearchParams(body) });
    const answer = (await response.json()) as Answer;
    if (answer.status !== 'success') throw new Error(`${answer.error}: ${body['query']}`);
    return (answer.data?.result ?? []).map(({ metric, value, values }) => ({
      labels: metric,
      points: (values ?? (value === undefined ? [] : [value]))
        .map(([at, text]) => [at, numberOf(text)] as const)
        .filter(([, number]) => !Number.isNaN(number)),
    }));
  };
  return {
    now: (query) => ask('query', { query, time: String(to) }),
    over: (query, span, step) =>
      ask('query_range', { query, start: String(span.from), end: String(span.to), step: String(step) }),
  };
}

const numberOf = (text: string) => (text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text));
