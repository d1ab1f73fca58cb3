import { awsCredentials } from '../../core/aws-credentials.ts';
import { abortable } from '../../core/deadline.ts';
import { AwsFailure, awsFailure } from './failure.ts';
import type { AwsAccess } from './settings.ts';

/** Requests that are sent at most for one call; throttling slows the client down by itself. */
const attempts = 4;
const connectTimeoutMs = 3_000;

/** What the clients of all services have in common. */
export function clientOptions(access: AwsAccess, endpoint = access.endpoint) {
  return {
    ...(access.region === undefined ? {} : { region: access.region }),
    ...(access.profile === undefined ? {} : { profile: access.profile }),
    credentials: awsCredentials(access.profile),
    ...(endpoint === undefined ? {} : { endpoint }),
    maxAttempts: attempts,
    retryMode: 'adaptive',
    requestHandler: {
      connectionTimeout: Math.min(connectTimeoutMs, access.timeoutMs),
      requestTimeout: access.timeoutMs,
      throwOnRequestTimeout: true,
    },
  };
}

/** What is asked, and whom. */
interface Connected {
  readonly sdk: unknown;
  readonly client: { destroy(): void };
}

/** A client that is made, with the SDK that it is of, when it is first needed: a daemon without such a target need not pay for it. */
export class LateClient<C extends Connected> implements Disposable {
  readonly #connect: () => Promise<C>;
  #connected: Promise<C> | undefined;

  constructor(connect: () => Promise<C>) {
    this.#connect = connect;
  }

  get(): Promise<C> {
    this.#connected ??= this.#connect();
    return this.#connected;
  }

  [Symbol.dispose](): void {
    void this.#connected?.then(({ client }) => client.destroy());
  }
}

/** Waits for an answer as long as the signal allows. Rejects with an AwsFailure that names the permission. */
export async function asked<T>(action: string, signal: AbortSignal, send: () => Promise<T>): Promise<T> {
  try {
    return await abortable(send(), signal);
  } catch (error) {
    signal.throwIfAborted();
    throw awsFailure(error, action);
  }
}

/** Undefined where AWS answers that there is no such thing. */
export async function unlessMissing<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof AwsFailure && error.kind === 'missing') return undefined;
    throw error;
  }
}

/** A page of a list: what is on it, and where the next one begins, if there is one. */
export interface Page<T> {
  readonly items: readonly T[] | undefined;
  readonly after: string | undefined;
}

/** More pages than most lists of an account have: a service that goes on for ever is broken. */
const usualPages = 1_000;

/** All items of a list, page by page, `mostPages` of them. Rejects as `ask` does, and with an AwsFailure when the list is longer. */
export async function allPages<T>(
  action: string,
  ask: (after: string | undefined) => Promise<Page<T>>,
  mostPages = usualPages,
): Promise<readonly T[]> {
  const found: T[] = [];
  let after: string | undefined;
  for (let page = 0; page < mostPages; page++) {
    const { items = [], after: next } = await ask(after);
    for (const item of items) found.push(item);
    if (next === undefined || next === '') return found;
    after = next;
  }
  throw awsFailure(new Error(`the list has more than ${mostPages} pages`), action);
}
