import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Clock, secondsSince } from '../core/clock.ts';
import { abortable, withDeadline } from '../core/deadline.ts';

/** Nobody reads such an answer; the code is the one that nginx made known for it. */
export const callerGone = 499;

/** How long closing waits for answers to be read. */
const patienceMs = 3_000;

interface Given {
  readonly clock: Clock;
  /** Called once for each request, when its answer was handed over or its caller has gone ({@link callerGone}). */
  readonly onEnd: (request: FastifyRequest, statusCode: number, durationSeconds: number) => void;
}

/** Knows which requests are not answered yet, so that closing can let them end before it cuts the connections. */
export class RequestsUnderWay {
  readonly #startedMs = new Map<FastifyRequest, number>();
  readonly #given: Given;
  #onNone: () => void = () => undefined;

  constructor(given: Given) {
    this.#given = given;
  }

  attach(app: FastifyInstance): void {
    app.addHook('onRequest', async (request) => {
      this.#startedMs.set(request, this.#given.clock.monotonicMs());
    });
    app.addHook('onResponse', async (request, reply) => this.#end(request, reply.statusCode));
    // There is no response to finish then.
    app.addHook('onRequestAbort', async (request) => this.#end(request, callerGone));
  }

  /** Resolves once all are answered, or when that takes too long. */
  async none(): Promise<void> {
    if (this.#startedMs.size === 0) return;
    const none = new Promise<void>((resolve) => {
      this.#onNone = resolve;
    });
    const { clock } = this.#given;
    const wait = { parent: new AbortController().signal, ms: patienceMs, clock, what: 'ending the requests' };
    await withDeadline(wait, (signal) => abortable(none, signal)).catch(() => undefined);
  }

  #end(request: FastifyRequest, statusCode: number): void {
    const startedMs = this.#startedMs.get(request);
    if (startedMs === undefined) return;
    this.#startedMs.delete(request);
    this.#given.onEnd(request, statusCode, secondsSince(this.#given.clock, startedMs));
    if (this.#startedMs.size === 0) this.#onNone();
  }
}
