import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { metric, sample } from '../../../src/core/metric.ts';
import { stubScraper, testApp, upTarget } from '../../support/http-app.ts';
import { recordingLog } from '../../support/recording-log.ts';

const build = metric({
  name: 'watchkeeper_build_info',
  type: 'info',
  help: 'Always 1.',
  labels: ['version'],
  source: '',
  unit: '',
});
const rows = metric({ name: 'pg_rows', type: 'gauge', help: 'Rows.', labels: ['table'], source: '', unit: 'rows' });

const twoTargets = () => stubScraper({ states: [upTarget('payments'), upTarget('auth')] });

const pageOf = (count: number) => [
  {
    target: 'payments',
    samples: Array.from({ length: count }, (_, index) => sample(rows, index, { table: `table_${index}` })),
  },
];

/** A page that is worth compressing for who is elsewhere. */
const someRows = pageOf(500);
/** And one that is for everybody. */
const manyRows = pageOf(10_000);

describe('/metrics', () => {
  test('all targets and the daemon itself are told in the text format', async () => {
    const app = testApp({ scraper: twoTargets, ownSamples: () => [sample(build, 1, { version: '0.1.0' })] });

    const response = await app.inject('/metrics');

    expect(response.statusCode).toBe(200);
    expect(response.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(response.body).toBe(`# HELP watchkeeper_build_info Always 1.
# TYPE watchkeeper_build_info gauge
watchkeeper_build_info{version="0.1.0"} 1
# HELP pg_up Up.
# TYPE pg_up gauge
pg_up{target="payments"} 1
pg_up{target="auth"} 1
`);
  });

  test('who asks for OpenMetrics gets it', async () => {
    const app = testApp({ scraper: twoTargets });

    const headers = { accept: 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5' };
    const response = await app.inject({ url: '/metrics', headers });

    expect(response.headers['content-type']).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect(response.body).toMatch(/\n# EOF\n$/);
  });

  test('a large page is compressed for who accepts it, and equals the plain one', async () => {
    const app = testApp({ scraper: () => stubScraper({ answer: async () => someRows }) });

    const plain = await app.inject('/metrics');
    const headers = { 'accept-encoding': 'gzip' };
    const packed = await app.inject({ url: '/metrics', headers, remoteAddress: '10.1.2.3' });

    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(packed.headers['content-encoding']).toBe('gzip');
    expect(packed.headers['content-length']).toBe(String(packed.rawPayload.length));
    expect(packed.rawPayload.length).toBeLessThan(plain.rawPayload.length / 4);
    expect(gunzipSync(packed.rawPayload).toString()).toBe(plain.body);
  });

  test.each(['127.0.0.1', '127.8.0.1', '::1', '::ffff:127.0.0.1'])(
    'nobody packs and unpacks a page that stays on this machine (%s), unless a proxy asks for somebody else',
    async (remoteAddress) => {
      const app = testApp({ scraper: () => stubScraper({ answer: async () => someRows }) });

      const headers = { 'accept-encoding': 'gzip' };
      const own = await app.inject({ url: '/metrics', headers, remoteAddress });
      const proxied = await app.inject({
        url: '/metrics',
        headers: { ...headers, 'x-forwarded-for': '10.1.2.3' },
        remoteAddress,
      });

      expect(own.headers['content-encoding']).toBeUndefined();
      expect(proxied.headers['content-encoding']).toBe('gzip');
      expect(gunzipSync(proxied.rawPayload).toString()).toBe(own.body);
    },
  );

  test('a page of hundreds of kilobytes is packed for who is elsewhere alone', async () => {
    const app = testApp({ scraper: () => stubScraper({ answer: async () => manyRows }) });

    const headers = { 'accept-encoding': 'gzip' };
    const far = await app.inject({ url: '/metrics', headers, remoteAddress: '10.1.2.3' });
    const near = await app.inject({ url: '/metrics', headers });

    expect(far.headers['content-encoding']).toBe('gzip');
    expect(near.headers['content-encoding']).toBeUndefined();
    expect(gunzipSync(far.rawPayload).toString()).toBe(near.body);
  });

  test('names in any script are told in UTF-8', async () => {
    const samples = [sample(rows, 1, { table: 'größe' }), sample(rows, 2, { table: '客户 👥' })];
    const app = testApp({ scraper: () => stubScraper({ answer: async () => [{ target: 'payments', samples }] }) });

    const { rawPayload } = await app.inject('/metrics');

    const lines = rawPayload.toString('utf8').split('\n');
    expect(lines).toContain('pg_rows{target="payments",table="größe"} 1');
    expect(lines).toContain('pg_rows{target="payments",table="客户 👥"} 2');
  });

  test('a small page stays as it is', async () => {
    const app = testApp({ scraper: twoTargets });

    const headers = { 'accept-encoding': 'gzip' };
    const response = await app.inject({ url: '/metrics', headers, remoteAddress: '10.1.2.3' });

    expect(response.headers['content-encoding']).toBeUndefined();
  });

  test('the targets are told although the daemon’s own metrics cannot be read, and the log says so', async () => {
    const { log, lines } = recordingLog();
    const ownSamples = async () => {
      throw new Error('the store is away');
    };
    const app = testApp({ scraper: twoTargets, ownSamples, log });

    const response = await app.inject('/metrics');

    expect(response.statusCode).toBe(200);
    expect(response.body).toContain('pg_up{target="payments"} 1');
    expect(lines.filter(({ level }) => level === 'error')).toEqual([
      { level: 'error', fields: { error: 'the store is away' }, message: 'own metrics could not be read' },
    ]);
  });

  test('a scraper that fails makes a 500 without particulars, which are in the log', async () => {
    const { log, lines } = recordingLog();
    const answer = () => Promise.reject(new Error('secret circumstances'));
    const app = testApp({ scraper: () => stubScraper({ answer }), log });

    const response = await app.inject('/metrics');

    expect(response.statusCode).toBe(500);
    expect(response.json()).toEqual({ error: 'internal error, the log tells more' });
    expect(lines.filter(({ level }) => level === 'error')).toEqual([
      { level: 'error', fields: { route: '/metrics', error: 'secret circumstances' }, message: 'request failed' },
    ]);
  });

  test('a scraper that a reload has exchanged is used for the next request', async () => {
    let scraper = stubScraper({ states: [upTarget('before')] });
    const app = testApp({ scraper: () => scraper });
    await app.inject('/metrics');

    scraper = stubScraper({ states: [upTarget('after')] });
    const response = await app.inject('/metrics');

    expect(response.body).toContain('pg_up{target="after"} 1');
    expect(response.body).not.toContain('before');
  });
});

describe('the deadline of a scrape', () => {
  test.each([
    ['half a second less than Prometheus waits', '5', 4_500],
    ['the configured limit where Prometheus waits longer', '60', 9_500],
    ['the configured limit where nothing is said', undefined, 9_500],
    ['the configured limit where nonsense is said', 'soon', 9_500],
    ['the configured limit where zero is said', '0', 9_500],
    ['half of the time where Prometheus waits for less than a second', '0.6', 300],
  ])('is %s', async (_what, header, deadlineMs) => {
    const scraper = twoTargets();
    const app = testApp({ scraper: () => scraper });

    const headers = header === undefined ? {} : { 'x-prometheus-scrape-timeout-seconds': header };
    await app.inject({ url: '/metrics', headers });
    await app.inject({ url: '/probe?target=auth', headers });

    expect(scraper.requests.map((request) => request.deadlineMs)).toEqual([deadlineMs, deadlineMs]);
  });
});

describe('/probe', () => {
  test('the one target is asked and told, and nothing of the daemon', async () => {
    const scraper = twoTargets();
    const app = testApp({ scraper: () => scraper, ownSamples: () => [sample(build, 1, { version: '0.1.0' })] });

    const response = await app.inject('/probe?target=auth');

    expect(response.statusCode).toBe(200);
    expect(response.body).toBe('# HELP pg_up Up.\n# TYPE pg_up gauge\npg_up{target="auth"} 1\n');
    expect(scraper.requests.map(({ targets }) => targets)).toEqual([['auth']]);
  });

  test.each(['/probe', '/probe?target=', '/probe?target=auth&target=payments'])(
    '%s does not name one target and is refused',
    async (url) => {
      const scraper = twoTargets();
      const app = testApp({ scraper: () => scraper });

      const response = await app.inject(url);

      expect(response.statusCode).toBe(400);
      expect(response.json()).toEqual({ error: 'one target is needed: /probe?target=NAME' });
      expect(scraper.requests).toEqual([]);
    },
  );

  test('a target that is not configured is not found', async () => {
    const app = testApp({ scraper: twoTargets });

    const response = await app.inject('/probe?target=nobody');

    expect(response.statusCode).toBe(404);
    expect(response.json()).toEqual({ error: 'there is no target "nobody" in the configuration' });
  });
});
