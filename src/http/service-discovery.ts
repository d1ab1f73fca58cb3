import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AppDependencies } from './dependencies.ts';

/**
 * `/sd`, for `http_sd_configs`: one entry for each target, scraped through `/probe` at the address under which the
 * caller reached us. The name is the `instance`, because `target` would collide with the label that all our samples
 * carry and Prometheus would rename theirs to `exported_target`; `__meta_watchkeeper_*` is there for relabelling.
 */
export function registerServiceDiscovery(app: FastifyInstance, dependencies: AppDependencies): void {
  app.get('/sd', (request, reply) => {
    const address = addressOf(request);
    const entries = dependencies.scraper().targets.map(({ name, engine }) => ({
      targets: [address],
      labels: {
        __metrics_path__: '/probe',
        __param_target: name,
        instance: name,
        engine,
        __meta_watchkeeper_target: name,
        __meta_watchkeeper_engine: engine,
      },
    }));
    return reply.send(entries);
  });
}

/** HTTP/1.0 knows no Host header; then the address of the connection is all there is. */
function addressOf({ host, socket }: FastifyRequest): string {
  if (host !== '') return host;
  const { localAddress = '127.0.0.1', localPort } = socket;
  return localAddress.includes(':') ? `[${localAddress}]:${localPort}` : `${localAddress}:${localPort}`;
}
