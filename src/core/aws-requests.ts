import { awsHttpStatus, awsReason, isAwsThrottle } from './aws-error.ts';

/** What the client of a service of AWS is asked by; each client has its own types for it. */
interface MiddlewareStack {
  readonly add: unknown;
}

type Send = (request: object) => Promise<object>;
type Add = (
  middleware: (next: Send, context: { readonly commandName?: string }) => Send,
  options: { readonly step: 'deserialize'; readonly priority: 'high'; readonly name: string },
) => void;

/**
 * Tells of every request that a client of the AWS SDK sends, each attempt by itself: `call` is e.g. `PutObject`, `error` what
 * became of it. Retries would hide that we are throttled.
 */
export function watchAwsRequests(
  { middlewareStack }: { readonly middlewareStack: MiddlewareStack },
  name: string,
  note: (call: string, error?: unknown) => void,
): void {
  const add = (middlewareStack.add as Add).bind(middlewareStack);
  add(
    (next, { commandName = '' }) =>
      async (request) => {
        const call = commandName.replace(/Command$/, '');
        try {
          const answer = await next(request);
          note(call);
          return answer;
        } catch (error) {
          note(call, error);
          throw error;
        }
      },
    // Inside the step that sends again, outside the one that makes errors of answers.
    { step: 'deserialize', priority: 'high', name },
  );
}

/** What became of the requests for one call of a service, e.g. `PutObject` of `s3`. */
export interface AwsRequestCounts {
  readonly service: string;
  readonly call: string;
  /** Attempts that were sent. */
  readonly requests: number;
  /** Of these, those that AWS refused because there were too many, by what it calls that. */
  readonly throttles: ReadonlyMap<string, number>;
  /** Of these, those that failed otherwise, by reason. */
  readonly errors: ReadonlyMap<string, number>;
}

interface Counts extends AwsRequestCounts {
  requests: number;
  readonly throttles: Map<string, number>;
  readonly errors: Map<string, number>;
}

/** Reasons are told by whoever answers; more than these of one call are one. */
const mostReasons = 30;
/** What was asked about is not there, or is there already: an answer, no failure. */
const answers: ReadonlySet<number | undefined> = new Set([304, 404, 412]);

/** Counts what is asked of AWS, by call and by what became of it. */
export class AwsRequests {
  readonly #counts = new Map<string, Counts>();

  get all(): readonly AwsRequestCounts[] {
    return [...this.#counts.values()];
  }

  /** Counts every attempt of a client of the AWS SDK. */
  watch(client: Parameters<typeof watchAwsRequests>[0], service: string): void {
    watchAwsRequests(client, 'countRequestsOfProcess', (call, error) => this.note(service, call, error));
  }

  note(service: string, call: string, error?: unknown): void {
    const key = `${service} ${call}`;
    let counts = this.#counts.get(key);
    if (counts === undefined) {
      counts = { service, call, requests: 0, throttles: new Map(), errors: new Map() };
      this.#counts.set(key, counts);
    }
    counts.requests++;
    if (error === undefined) return;
    if (isAwsThrottle(error)) count(counts.throttles, awsReason(error));
    else if (!answers.has(awsHttpStatus(error))) count(counts.errors, awsReason(error));
  }
}

function count(reasons: Map<string, number>, reason: string): void {
  const known = reasons.has(reason) || reasons.size < mostReasons ? reason : 'other';
  reasons.set(known, (reasons.get(known) ?? 0) + 1);
}

/** Of the whole process: clients are made in many places, for stores, secrets and targets, and AWS throttles them together. */
export const awsRequests = new AwsRequests();
