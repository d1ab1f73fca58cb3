import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { AnsweredRequest } from '../collectors/self-metrics.ts';
import { errorMessage } from '../core/errors.ts';
import type { AppDependencies } from './dependencies.ts';
import { registerHealth } from './health.ts';
import { registerLandingPage } from './landing-page.ts';
import { registerMetrics } from './metrics.ts';
import { registerReload } from './reload.ts';
import { callerGone, RequestsUnderWay } from './requests-under-way.ts';
import { registerServiceDiscovery } from './service-discovery.ts';

/** Who sends half a request and stops must not keep a connection for ever. */
const requestTimeoutMs = 10_000;

const knownMethods = ['GET', 'POST', 'PUT'] as const;

/**
 * All pages, without a port: `listen()` is the caller's. `close()` ends scrapes under way (503), refuses new requests and
 * resolves when all connections are closed.
 */
export function createApp(dependencies: AppDependencies): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: 16_384,
    requestTimeout: requestTimeoutMs,
    // Browsers open connections that they may never use; those count as busy and would hold closing up for a minute.
    forceCloseConnections: true,
  });
  const stopping = new AbortController();
  const underWay = new RequestsUnderWay({
    clock: dependencies.clock,
    onEnd: (request, statusCode, durationSeconds) =>
      tell(dependencies, { route: routeOf(request), statusCode, durationSeconds }, request.method),
  });
  underWay.attach(app);
  app.addHook('preClose', async () => {
    stopping.abort(new Error('the daemon is stopping'));
    await underWay.none();
  });
  app.addHook('onSend', async (_request, reply) => {
    reply.header('x-content-type-options', 'nosniff');
  });
  app.setNotFoundHandler((request, reply) => answerUnknown(app, request, reply));
  app.setErrorHandler((error, request, reply) => {
    const failure = whatFailed(error, request, stopping.signal);
    if (failure.isOurs)
      dependencies.log.error({ route: routeOf(request), error: errorMessage(error) }, 'request failed');
    return reply.code(failure.statusCode).send({ error: failure.message });
  });

  registerMetrics(app, dependencies, stopping.signal);
  registerServiceDiscovery(app, dependencies);
  registerHealth(app, dependencies, stopping.signal);
  registerReload(app, dependencies);
  registerLandingPage(app, dependencies);
  return app;
}

/** The pattern, not what the caller wrote: it becomes a label. */
function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? '';
}

function tell(dependencies: AppDependencies, request: AnsweredRequest, method: string): void {
  dependencies.requestAnswered?.(request);
  dependencies.log.debug({ method, ...request }, 'request answered');
}

/** 405 where another method would do, 404 where none does. */
function answerUnknown(app: FastifyInstance, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const [path = ''] = request.url.split('?', 1);
  const allowed = knownMethods.filter((method) => app.hasRoute({ url: path, method }));
  if (allowed.length === 0) return reply.code(404).send({ error: 'there is no such page' });
  const methods = allowed.join(', ');
  return reply
    .code(405)
    .header('allow', methods)
    .send({ error: `this page answers to ${methods}` });
}

function whatFailed(error: unknown, request: FastifyRequest, stopping: AbortSignal) {
  if (stopping.aborted) return { statusCode: 503, message: 'the daemon is stopping', isOurs: false };
  if (request.signal.aborted) return { statusCode: callerGone, message: 'the caller is gone', isOurs: false };
  const statusCode = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (statusCode < 500) return { statusCode, message: errorMessage(error), isOurs: false };
  return { statusCode: 500, message: 'internal error, the log tells more', isOurs: true };
}
