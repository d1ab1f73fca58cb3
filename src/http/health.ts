import type { FastifyInstance } from 'fastify';
import type { TargetState } from '../collectors/scraper.ts';
import type { AppDependencies, HealthCheck, HealthStatus } from './dependencies.ts';

/** What `/health/*` answers. `status` is the daemon's: a watched database that is down shows in `checks` only. */
interface HealthReport {
  readonly status: 'UP' | 'DOWN';
  readonly checks: readonly { readonly name: string; readonly status: HealthStatus; readonly data: unknown }[];
}

/** `/health/live`, `/health/ready` for Kubernetes and load balancers, `/-/healthy`, `/-/ready` as Prometheus has them. */
export function registerHealth(app: FastifyInstance, dependencies: AppDependencies, stopping: AbortSignal): void {
  const report = () => healthReport(allChecks(dependencies, stopping));

  app.get('/health/live', (_request, reply) => reply.send(healthReport([])));
  app.get('/-/healthy', (_request, reply) => reply.send('Watchkeeper is healthy.\n'));
  app.get('/health/ready', (_request, reply) => {
    const answer = report();
    return reply.code(answer.status === 'UP' ? 200 : 503).send(answer);
  });
  app.get('/-/ready', (_request, reply) => {
    const isReady = report().status === 'UP';
    reply.code(isReady ? 200 : 503);
    return reply.send(isReady ? 'Watchkeeper is ready.\n' : 'Watchkeeper is not ready; /health/ready tells why.\n');
  });
}

function allChecks(dependencies: AppDependencies, stopping: AbortSignal): HealthCheck[] {
  const http: HealthCheck = { name: 'http', status: stopping.aborted ? 'DOWN' : 'UP', essential: true };
  return [http, ...dependencies.checks(), ...dependencies.scraper().states().map(targetCheck)];
}

function healthReport(checks: readonly HealthCheck[]): HealthReport {
  const isDown = checks.some(({ essential, status }) => essential && status === 'DOWN');
  return {
    status: isDown ? 'DOWN' : 'UP',
    checks: checks.map(({ name, status, data = {} }) => ({ name, status, data })),
  };
}

/** As the last scrape found it: asking for health must cost the database nothing. */
function targetCheck({ name, engine, up, reason, lastScrapeAt }: TargetState): HealthCheck {
  const status = up === undefined ? 'UNKNOWN' : up ? 'UP' : 'DOWN';
  return { name: `target ${name}`, status, data: { engine, reason, lastScrapeAt }, essential: false };
}
