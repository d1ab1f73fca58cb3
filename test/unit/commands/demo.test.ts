import { expect, test } from 'vitest';
import { type CycleReport, isProven, jobReport, type ScrapedTarget } from '../../../src/commands/demo/cycle-report.ts';
import { planLine, runLine, scrapeLine } from '../../../src/commands/demo/lines.ts';
import { createLiveLog } from '../../../src/commands/demo/live-log.ts';
import { silentLog } from '../../../src/core/log.ts';

type Parts = Pick<CycleReport, 'scrape' | 'runs' | 'retention'>;
const expected = { targets: ['primary'], databases: ['auth_db'] };
const target: ScrapedTarget = { target: 'primary', up: true, samples: 9, families: 3, failedFamilies: [] };
const run = { database: 'auth_db', status: 'succeeded', seconds: 1 };
const backup = { ...run, job: 'backup', fields: {} } as const;
const verify = { ...run, job: 'verify', fields: { verdict: 'proven' } } as const;
const plan = {
  database: 'auth_db',
  decisions: [{ backup: 'b1', action: 'keep', proven: true, reasons: ['newest'] }],
} as const;
const good: Parts = { scrape: { seconds: 1, targets: [target] }, runs: [backup, verify], retention: [plan] };

test('a cycle of which every step succeeded is proven', () => {
  expect(isProven(good, expected)).toBe(true);
});

test.each<[what: string, changes: Partial<Parts>]>([
  ['a target that is down', { scrape: { seconds: 1, targets: [{ ...target, up: false }] } }],
  ['a target that was not asked', { scrape: { seconds: 1, targets: [] } }],
  ['a family that failed', { scrape: { seconds: 1, targets: [{ ...target, failedFamilies: ['database'] }] } }],
  ['a scrape without families', { scrape: { seconds: 1, targets: [{ ...target, families: 0 }] } }],
  ['a backup that failed', { runs: [{ ...backup, status: 'failed' }, verify] }],
  ['a backup without a proof', { runs: [backup] }],
  ['a proof that was skipped', { runs: [backup, { ...verify, status: 'skipped' }] }],
  ['a verdict that is not proven', { runs: [backup, { ...verify, fields: { verdict: 'failed' } }] }],
  ['no plan of retention', { retention: [] }],
  ['a plan that is refused', { retention: [{ ...plan, refusal: 'the clock looks wrong' }] }],
  ['a plan that keeps nothing proven', { retention: [{ ...plan, decisions: [] }] }],
])('a cycle with %s is not proven', (_, changes) => {
  expect(isProven({ ...good, ...changes }, expected)).toBe(false);
});

test('a failed run is shown with its reason, a proof with what was compared', () => {
  const lineage = { store: 'local', target: 'primary', schedule: 'often', database: 'auth_db' };
  const ran = { startedAt: new Date('2026-03-02T09:00:00Z'), durationSeconds: 2, tries: 1 };
  const error = new Error('backing up', { cause: new Error('pg_dump exited with code 1') });

  const failed = jobReport({ kind: 'backup', lineage }, { ...ran, status: 'failed', reason: 'program', error });
  const fields = { facts: 84, restoreSeconds: 0.4, verdict: 'proven' };
  const proven = jobReport({ kind: 'verify', lineage }, { ...ran, status: 'succeeded', result: { fields } });

  expect(runLine(failed)).toBe('backup     auth_db      FAILED: backing up: pg_dump exited with code 1 (2.0s)');
  expect(runLine(proven)).toBe('proven     auth_db      84 facts equal; restored in 400ms, all in 2.0s');
});

test('families that failed and plans that are refused stand out', () => {
  expect(scrapeLine({ ...target, failedFamilies: ['database'] }, 0.05)).toBe(
    'scraped    primary      up, 9 samples of 3 families in 50ms, FAILED: database',
  );
  expect(planLine(plan)).toBe('retention  auth_db      1 kept (newest), 0 to go');
  expect(planLine({ ...plan, refusal: 'the clock looks wrong' })).toBe(
    'retention  auth_db      REFUSED: the clock looks wrong',
  );
});

test('warnings are shown in a line with their cause; what runs tell themselves is not repeated', () => {
  const shown: string[] = [];
  const log = createLiveLog(silentLog, (line) => shown.push(line)).child({ target: 'primary' });

  log.info({}, 'job succeeded');
  log.error({ error: 'x' }, 'job failed');
  log.warn({ error: new Error('connection refused') }, 'target is down');

  expect(shown).toEqual(['warn       primary      target is down: connection refused']);
});
