import { setImmediate } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { SampleGroup } from '../collectors/scraper.ts';
import { errorMessage } from '../core/errors.ts';
import type { AppDependencies } from './dependencies.ts';
import { sendMetrics } from './metrics-page.ts';
import { scrapeDeadlineMs } from './scrape-deadline.ts';

const timeoutHeader = 'x-prometheus-scrape-timeout-seconds';
const probeQuery = z.object({ target: z.string().min(1) });

/**
 * `/metrics`: all targets and the daemon itself. `/probe?target=NAME`: one target and nothing else. Both answer 200 with
 * what is there at the deadline; what failed says so in its own samples.
 */
export function registerMetrics(app: FastifyInstance, dependencies: AppDependencies, stopping: AbortSignal): void {
  const scrape = (headers: Readonly<Record<string, string | string[] | undefined>>, gone: AbortSignal) => ({
    signal: AbortSignal.any([gone, stopping]),
    deadlineMs: scrapeDeadlineMs(headers[timeoutHeader], dependencies.scrapeTimeoutMs()),
  });

  app.get('/metrics', async (request, reply) => {
    const scraping = dependencies.scraper().scrape(scrape(request.headers, request.signal));
    const [groups, own] = await Promise.all([scraping, ownGroup(dependencies)]);
    return sendMetrics(request, reply, [own, ...groups]);
  });

  app.get('/probe', async (request, reply) => {
    const scraper = dependencies.scraper();
    const query = probeQuery.safeParse(request.query);
    if (!query.success) return reply.code(400).send({ error: 'one target is needed: /probe?target=NAME' });
    const { target } = query.data;
    if (!scraper.targets.some(({ name }) => name === target)) {
      return reply.code(404).send({ error: `there is no target "${target}" in the configuration` });
    }
    const groups = await scraper.scrape({ targets: [target], ...scrape(request.headers, request.signal) });
    return sendMetrics(request, reply, groups);
  });
}

async function ownGroup(dependencies: AppDependencies): Promise<SampleGroup> {
  // The first queries go out before, so that the servers work on them meanwhile.
  await setImmediate();
  try {
    return { target: undefined, samples: await dependencies.ownSamples() };
  } catch (error) {
    dependencies.log.error({ error: errorMessage(error) }, 'own metrics could not be read');
    return { target: undefined, samples: [] };
  }
}
