import { connect } from 'node:net';
import { expect, test } from 'vitest';
import type { ScrapeRequest } from '../../../src/collectors/scraper.ts';
import { stubScraper, testApp, upTarget } from '../../support/http-app.ts';
import { recordingLog } from '../../support/recording-log.ts';

/** A scraper that never answers by itself; `asked` resolves with the request, `ended` once its signal has fired. */
function hangingScraper() {
  const asked = Promise.withResolvers<ScrapeRequest>();
  const ended = Promise.withResolvers<void>();
  const answer = (request: ScrapeRequest) =>
    new Promise<never>((_resolve, reject) => {
      request.signal.addEventListener('abort', () => {
        ended.resolve();
        reject(request.signal.reason);
      });
      asked.resolve(request);
    });
  const scraper = stubScraper({ states: [upTarget('payments')], answer });
  return { scraper: () => scraper, asked: asked.promise, ended: ended.promise };
}

test.each(['/metrics', '/probe?target=payments'])(
  'a scrape of %s ends when nobody waits for it any more, and that is no error',
  async (path) => {
    const { scraper, asked, ended } = hangingScraper();
    const { log, lines } = recordingLog();
    const told = Promise.withResolvers<number>();
    const app = testApp({ scraper, log, requestAnswered: ({ statusCode }) => told.resolve(statusCode) });
    const address = await app.listen({ host: '127.0.0.1', port: 0 });
    const caller = new AbortController();
    const response = fetch(`${address}${path}`, { signal: caller.signal });
    await asked;

    caller.abort();

    await expect(response).rejects.toThrow();
    await ended;
    expect(await told.promise).toBe(499);
    expect(lines.filter(({ level }) => level !== 'debug')).toEqual([]);
  },
);

test('a scrape that is answered does not see its caller as gone', async () => {
  const scraper = stubScraper({ states: [upTarget('payments')] });
  const app = testApp({ scraper: () => scraper });
  const address = await app.listen({ host: '127.0.0.1', port: 0 });

  const response = await fetch(`${address}/metrics`);

  expect(await response.text()).toContain('pg_up{target="payments"} 1');
  expect(scraper.requests.map(({ signal }) => signal.aborted)).toEqual([false]);
});

test('closing ends scrapes under way and tells their callers', async () => {
  const { scraper, asked } = hangingScraper();
  const app = testApp({ scraper });
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  const underWay = fetch(`${address}/metrics`);
  await asked;

  await app.close();

  const response = await underWay;
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({ error: 'the daemon is stopping' });
});

test('a caller of HTTP/1.0 without a Host header is told the address of its connection', async () => {
  const app = testApp({ scraper: () => stubScraper({ states: [upTarget('payments')] }) });
  const address = new URL(await app.listen({ host: '127.0.0.1', port: 0 }));

  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(Number(address.port), address.hostname, () => socket.write('GET /sd HTTP/1.0\r\n\r\n'));
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    socket.on('end', () => resolve(text)).on('error', reject);
  });

  expect(answer).toContain(`"targets":["${address.host}"]`);
});

test('a connection on which nothing was asked does not hold up closing', async () => {
  const app = testApp();
  const address = new URL(await app.listen({ host: '127.0.0.1', port: 0 }));
  const socket = connect(Number(address.port), address.hostname);
  const ended = new Promise((resolve) => socket.on('close', () => resolve('cut')));
  await new Promise<void>((resolve) => app.server.once('connection', () => resolve()));

  await app.close();

  expect(await ended).toBe('cut');
});
