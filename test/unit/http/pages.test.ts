import { describe, expect, test } from 'vitest';
import type { AnsweredRequest } from '../../../src/collectors/self-metrics.ts';
import { stubScraper, testApp, upTarget } from '../../support/http-app.ts';

describe('/sd', () => {
  test('each target is an entry that Prometheus scrapes through /probe where it reached us', async () => {
    const app = testApp({ scraper: () => stubScraper({ states: [upTarget('payments'), upTarget('auth')] }) });

    const response = await app.inject({ url: '/sd', headers: { host: 'watchkeeper.example:9847' } });

    expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(response.json()).toEqual([
      {
        targets: ['watchkeeper.example:9847'],
        labels: {
          __metrics_path__: '/probe',
          __param_target: 'payments',
          instance: 'payments',
          engine: 'postgres',
          __meta_watchkeeper_target: 'payments',
          __meta_watchkeeper_engine: 'postgres',
        },
      },
      {
        targets: ['watchkeeper.example:9847'],
        labels: {
          __metrics_path__: '/probe',
          __param_target: 'auth',
          instance: 'auth',
          engine: 'postgres',
          __meta_watchkeeper_target: 'auth',
          __meta_watchkeeper_engine: 'postgres',
        },
      },
    ]);
  });

  test('without targets the list is empty and still a list', async () => {
    const response = await testApp().inject('/sd');

    expect(response.json()).toEqual([]);
  });
});

describe('health', () => {
  const states = [
    upTarget('payments'),
    {
      name: 'auth',
      engine: 'postgres',
      up: false,
      reason: 'password authentication failed',
      lastScrapeAt: new Date('2026-03-02T09:00:00Z'),
    },
    { name: 'new', engine: 'postgres', up: undefined },
  ];

  test('a watched database that is down shows in the body and leaves the daemon ready', async () => {
    const app = testApp({
      scraper: () => stubScraper({ states }),
      checks: () => [{ name: 'scheduler', status: 'UP', essential: true, data: { jobs: 12 } }],
    });

    const response = await app.inject('/health/ready');

    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({
      status: 'UP',
      checks: [
        { name: 'http', status: 'UP', data: {} },
        { name: 'scheduler', status: 'UP', data: { jobs: 12 } },
        {
          name: 'target payments',
          status: 'UP',
          data: { engine: 'postgres', lastScrapeAt: '2026-03-02T09:00:00.000Z' },
        },
        {
          name: 'target auth',
          status: 'DOWN',
          data: {
            engine: 'postgres',
            reason: 'password authentication failed',
            lastScrapeAt: '2026-03-02T09:00:00.000Z',
          },
        },
        { name: 'target new', status: 'UNKNOWN', data: { engine: 'postgres' } },
      ],
    });
  });

  test('a check that the daemon cannot do without makes it unready, not dead', async () => {
    const app = testApp({ checks: () => [{ name: 'scheduler', status: 'DOWN', essential: true }] });

    const ready = await app.inject('/health/ready');
    const plain = await app.inject('/-/ready');
    const live = await app.inject('/health/live');
    const healthy = await app.inject('/-/healthy');

    expect(ready.statusCode).toBe(503);
    expect(ready.json().status).toBe('DOWN');
    expect(plain.statusCode).toBe(503);
    expect(live.statusCode).toBe(200);
    expect(live.json()).toEqual({ status: 'UP', checks: [] });
    expect([healthy.statusCode, healthy.body]).toEqual([200, 'Watchkeeper is healthy.\n']);
  });

  test('a store that is away is told and leaves the daemon ready', async () => {
    const app = testApp({ checks: () => [{ name: 'store offsite', status: 'DOWN', essential: false }] });

    const response = await app.inject('/-/ready');

    expect([response.statusCode, response.body]).toEqual([200, 'Watchkeeper is ready.\n']);
    expect(response.headers['content-type']).toBe('text/plain; charset=utf-8');
  });

  test('asking for health asks no database', async () => {
    const scraper = stubScraper({ states });
    const app = testApp({ scraper: () => scraper });

    await app.inject('/health/ready');

    expect(scraper.requests).toEqual([]);
  });
});

describe('/-/reload', () => {
  test.each(['POST', 'PUT'] as const)('%s takes a valid file over and tells the warnings', async (method) => {
    const app = testApp({ reload: async () => ({ ok: true, warnings: ['listen: takes effect after a restart'] }) });

    const response = await app.inject({ method, url: '/-/reload' });

    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({ status: 'reloaded', warnings: ['listen: takes effect after a restart'] });
  });

  test('a refused file is a 500 that tells each problem', async () => {
    const problems = ['watchkeeper.yaml:3:5: targets.a.url: is required', 'watchkeeper.yaml:9:1: unknown key'];
    const app = testApp({ reload: async () => ({ ok: false, problems }) });

    const response = await app.inject({ method: 'POST', url: '/-/reload' });

    expect(response.statusCode).toBe(500);
    expect(response.json()).toEqual({ error: 'the running configuration was kept', problems });
  });

  test('a body is ignored, whatever its type', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };

    const response = await testApp().inject({ method: 'POST', url: '/-/reload', headers, payload: 'a=b' });

    expect(response.statusCode).toBe(200);
  });

  test('a link or a crawler cannot reload', async () => {
    let reloads = 0;
    const reload = async () => {
      reloads++;
      return { ok: true, warnings: [] } as const;
    };

    const response = await testApp({ reload }).inject('/-/reload');

    expect(response.statusCode).toBe(405);
    expect(response.headers['allow']).toBe('POST, PUT');
    expect(reloads).toBe(0);
  });
});

test('a page that answers to another method says to which', async () => {
  const response = await testApp().inject({ method: 'POST', url: '/metrics?x=1' });

  expect(response.statusCode).toBe(405);
  expect(response.headers['allow']).toBe('GET');
});

test('an unknown page is not found and counted without its name', async () => {
  const answered: AnsweredRequest[] = [];
  const app = testApp({ requestAnswered: (request) => answered.push(request) });

  const response = await app.inject('/wp-login.php');
  await app.inject('/-/healthy');

  expect(response.statusCode).toBe(404);
  expect(response.json()).toEqual({ error: 'there is no such page' });
  expect(answered.map(({ route, statusCode }) => [route, statusCode])).toEqual([
    ['', 404],
    ['/-/healthy', 200],
  ]);
});
