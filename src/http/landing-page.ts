import type { FastifyInstance } from 'fastify';
import type { TargetState } from '../collectors/scraper.ts';
import { formatDuration } from '../core/duration.ts';
import type { AppDependencies, KeepingRow } from './dependencies.ts';
import { Html, html } from './html.ts';

/** `/`: what is watched and kept, for people. */
export function registerLandingPage(app: FastifyInstance, dependencies: AppDependencies): void {
  app.get('/', (_request, reply) => {
    const { clock, version } = dependencies;
    const states = dependencies.scraper().states();
    const page = landingPage({ states, keeping: dependencies.keeping(), now: clock.now(), version });
    reply.header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
    return reply.header('cache-control', 'no-store').type('text/html; charset=utf-8').send(page);
  });
}

const style = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: CanvasText; background: Canvas; }
:root { color-scheme: light dark; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid color-mix(in srgb, CanvasText 20%, Canvas); vertical-align: top; }
.bad { font-weight: bold; color: light-dark(#b00020, #ff8a80); }
.good { color: light-dark(#1b6e3c, #81c995); }
nav a { margin-right: 1.2rem; }`;

/** The page for one moment; `now` is what ages are told from. */
export function landingPage(shown: {
  readonly states: readonly TargetState[];
  readonly keeping: readonly KeepingRow[];
  readonly now: Date;
  readonly version: string;
}): string {
  const { states, keeping, now, version } = shown;
  return html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Watchkeeper</title>
<style>${styleSheet}</style></head>
<body>
<h1>Watchkeeper</h1>
<p>Watches databases and proves that their backups restore. Version ${version}.</p>
<nav><a href="/metrics">Metrics</a><a href="/health/ready">Health</a><a href="/sd">Service discovery</a></nav>
<h2>Watched</h2>
${watchedTable(states, now)}
<h2>Kept</h2>
${keptTable(keeping, now)}
<p>As of ${instant(now)}.</p>
</body>
</html>
`.text;
}

const styleSheet = new Html(style);

function watchedTable(states: readonly TargetState[], now: Date): Html {
  if (states.length === 0) return html`<p>No targets are configured.</p>`;
  const rows = states.map(
    (state) => html`<tr><td>${state.name}</td><td>${state.engine}</td><td>${stateOf(state)}</td>
<td>${ago(state.lastScrapeAt, now)}</td><td><a href="/probe?target=${encodeURIComponent(state.name)}">samples</a></td></tr>
`,
  );
  return html`<table>
<tr><th>Target</th><th>Engine</th><th>State</th><th>Last scrape</th><th></th></tr>
${rows}</table>`;
}

function stateOf({ up, reason }: TargetState): Html {
  if (up === undefined) return html`not scraped yet`;
  if (up) return html`<span class="good">up</span>`;
  return html`<span class="bad">down</span>${reason === undefined ? '' : `: ${reason}`}`;
}

function keptTable(keeping: readonly KeepingRow[], now: Date): Html {
  if (keeping.length === 0) return html`<p>No backups are configured.</p>`;
  const rows = keeping.map(
    (row) => html`<tr><td>${row.target}</td><td>${row.schedule}</td><td>${row.database}</td>
<td>${ago(row.lastSuccessAt, now)}</td><td>${ago(row.lastProofAt, now)}</td><td>${verdictOf(row)}</td>
<td>${row.running ?? until(row.nextDueAt, now)}</td></tr>
`,
  );
  return html`<table>
<tr><th>Target</th><th>Schedule</th><th>Database</th><th>Last backup</th><th>Last proof</th><th>Verdict</th><th>Next</th></tr>
${rows}</table>`;
}

function verdictOf({ verdict }: KeepingRow): Html {
  if (verdict === undefined) return html`not proven yet`;
  return html`<span class="${verdict === 'proven' ? 'good' : 'bad'}">${verdict}</span>`;
}

function ago(at: Date | undefined, now: Date): Html {
  if (at === undefined) return html`never`;
  return html`<span title="${instant(at)}">${formatDuration(Math.max(0, now.getTime() - at.getTime()))} ago</span>`;
}

function until(at: Date | undefined, now: Date): Html {
  if (at === undefined) return html`–`;
  const leftMs = at.getTime() - now.getTime();
  return html`<span title="${instant(at)}">${leftMs <= 0 ? 'due' : `in ${formatDuration(leftMs)}`}</span>`;
}

/** `2026-03-02 09:00:00 UTC` */
function instant(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
