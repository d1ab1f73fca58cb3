import { isAwsThrottle } from '../../core/aws-error.ts';
import { awsRequests, watchAwsRequests } from '../../core/aws-requests.ts';

/** What became of the requests for one call of a service, e.g. `DescribeTable` of `dynamodb`. */
export interface CallCounts {
  readonly service: string;
  readonly call: string;
  /** Requests that were sent, those that were sent again too. */
  readonly requests: number;
  /** Requests that AWS refused because there were too many. */
  readonly throttles: number;
  /** Requests that failed otherwise. */
  readonly errors: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Counts what is asked of AWS since the start, each attempt by itself: retries would hide that we are throttled. */
export class AwsCalls {
  readonly #counts = new Map<string, Mutable<CallCounts>>();

  get all(): readonly CallCounts[] {
    return [...this.#counts.values()];
  }

  note(service: string, call: string, error?: unknown): void {
    const key = `${service}:${call}`;
    const counts = this.#counts.get(key) ?? { service, call, requests: 0, throttles: 0, errors: 0 };
    this.#counts.set(key, counts);
    counts.requests++;
    if (error === undefined) return;
    if (isAwsThrottle(error)) counts.throttles++;
    else counts.errors++;
  }

  /** Counts every attempt of the client, here and for the whole process. */
  watch(client: Parameters<typeof watchAwsRequests>[0], service: string): void {
    awsRequests.watch(client, service);
    watchAwsRequests(client, 'countCalls', (call, error) => this.note(service, call, error));
  }
}
