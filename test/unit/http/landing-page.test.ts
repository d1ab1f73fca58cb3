import { expect, test } from 'vitest';
import { landingPage } from '../../../src/http/landing-page.ts';
import { testApp } from '../../support/http-app.ts';

const now = new Date('2026-03-02T12:00:00Z');
const nothing = { states: [], keeping: [], now, version: '0.1.0' };

/** What a reader sees, a line for each row. */
function seen(page: string): string[] {
  const [, body = ''] = page.split('<body>');
  const lines = body.replaceAll(/\s*\n(<td>)/g, '$1').split('\n');
  return lines
    .map((line) =>
      line
        .replaceAll(/<[^>]+>/g, ' ')
        .replaceAll(/\s+/g, ' ')
        .trim(),
    )
    .filter((line) => line !== '');
}

test('targets and lineages are shown with their state and ages', () => {
  const page = landingPage({
    ...nothing,
    states: [
      { name: 'payments', engine: 'postgres', up: true, lastScrapeAt: new Date('2026-03-02T11:59:50Z') },
      { name: 'auth', engine: 'postgres', up: false, reason: 'connection refused', lastScrapeAt: now },
      { name: 'new', engine: 'postgres', up: undefined },
    ],
    keeping: [
      {
        target: 'payments',
        schedule: 'nightly',
        database: 'payments_db',
        lastSuccessAt: new Date('2026-03-02T02:00:00Z'),
        lastProofAt: new Date('2026-02-28T12:00:00Z'),
        verdict: 'proven',
        nextDueAt: new Date('2026-03-03T02:00:00Z'),
      },
      { target: 'auth', schedule: 'nightly', database: 'auth_db', nextDueAt: new Date('2026-03-02T02:00:00Z') },
      { target: 'auth', schedule: 'hourly', database: 'auth_db', verdict: 'failed', running: 'backup' },
    ],
  });

  expect(seen(page)).toEqual([
    'Watchkeeper',
    'Watches databases and proves that their backups restore. Version 0.1.0.',
    'Metrics Health Service discovery',
    'Watched',
    'Target Engine State Last scrape',
    'payments postgres up 10.0s ago samples',
    'auth postgres down : connection refused 0ms ago samples',
    'new postgres not scraped yet never samples',
    'Kept',
    'Target Schedule Database Last backup Last proof Verdict Next',
    'payments nightly payments_db 10h ago 2d ago proven in 14h',
    'auth nightly auth_db never never not proven yet due',
    'auth hourly auth_db never never failed backup',
    'As of 2026-03-02 12:00:00 UTC.',
  ]);
});

test('an empty configuration says so', () => {
  const lines = seen(landingPage(nothing));

  expect(lines).toContain('No targets are configured.');
  expect(lines).toContain('No backups are configured.');
});

test('nothing that comes from outside becomes markup', () => {
  const name = `<script>alert("1")</script>&'`;
  const page = landingPage({
    ...nothing,
    states: [{ name, engine: name, up: false, reason: name }],
    keeping: [{ target: name, schedule: name, database: name, verdict: name, running: name }],
    version: name,
  });

  expect(page).not.toContain('<script');
  expect(page.split('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;')).toHaveLength(10);
  expect(page).toContain('href="/probe?target=%3Cscript%3Ealert(%221%22)%3C%2Fscript%3E%26&#39;"');
});

test('the page is HTML that may load and run nothing', async () => {
  const response = await testApp().inject('/');

  expect(response.statusCode).toBe(200);
  expect(response.headers['content-type']).toBe('text/html; charset=utf-8');
  expect(response.headers['content-security-policy']).toContain("default-src 'none'");
  expect(response.headers['x-content-type-options']).toBe('nosniff');
});
