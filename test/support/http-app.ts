import type { FastifyInstance } from 'fastify';
import { onTestFinished } from 'vitest';
import type { SampleGroup, ScrapeRequest, Scraper, TargetState } from '../../src/collectors/scraper.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import { metric, sample } from '../../src/core/metric.ts';
import { createApp } from '../../src/http/app.ts';
import type { AppDependencies } from '../../src/http/dependencies.ts';

const up = metric({ name: 'pg_up', type: 'gauge', help: 'Up.', labels: [], source: 'login', unit: 'boolean' });

/** The pages on dependencies that do nothing, but for what the test gives. Closed when the test has finished. */
export function testApp(changes: Partial<AppDependencies> = {}): FastifyInstance {
  const app = createApp({
    scraper: () => stubScraper({}),
    ownSamples: () => [],
    checks: () => [],
    reload: async () => ({ ok: true, warnings: [] }),
    keeping: () => [],
    scrapeTimeoutMs: () => 9_500,
    log: silentLog,
    clock: systemClock,
    version: '0.1.0',
    ...changes,
  });
  onTestFinished(() => app.close());
  return app;
}

/** A scraper of the given targets, each of which answers with a single `pg_up`; keeps what it was asked. */
export function stubScraper(given: {
  readonly states?: readonly TargetState[];
  readonly answer?: (request: ScrapeRequest) => Promise<readonly SampleGroup[]>;
}): Scraper & { readonly requests: readonly ScrapeRequest[] } {
  const { states = [] } = given;
  const requests: ScrapeRequest[] = [];
  const answer = async ({ targets }: ScrapeRequest) =>
    states
      .filter(({ name }) => targets?.includes(name) ?? true)
      .map(({ name, up: isUp }) => ({ target: name, samples: [sample(up, isUp === false ? 0 : 1, {})] }));
  return {
    targets: states,
    requests,
    scrape: (request) => {
      requests.push(request);
      return (given.answer ?? answer)(request);
    },
    states: () => states,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** A target as it is after a scrape that found it up. */
export function upTarget(name: string): TargetState {
  return { name, engine: 'postgres', up: true, lastScrapeAt: new Date('2026-03-02T09:00:00Z') };
}
