import { expect, test } from 'vitest';
import { Allowance } from '../../../src/collectors/cloudwatch/allowance.ts';
import { CloudwatchBudget } from '../../../src/collectors/cloudwatch/budget.ts';
import { cloudwatchSettings } from '../../../src/collectors/cloudwatch/settings.ts';
import { checkCommonCost } from '../../../src/commands/check/aws.ts';
import { findingsAbout } from '../../../src/commands/check/finding.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const hourMs = 3_600_000;
const settings = (monthlyLimit: number) => cloudwatchSettings.parse({ monthlyLimit });

/** 7.44 dollars a month are a thousand requests an hour, at 0.01 dollars a thousand. */
const thousandAnHour = 7.44;

test('ten targets together do not pass what one limit means', async () => {
  const clock = new ManualClock('2026-11-21T12:00:00Z');
  const common = new Allowance(thousandAnHour, clock);
  const budgets = Array.from({ length: 10 }, () => new CloudwatchBudget(settings(50), clock, common));

  for (let hour = 0; hour < 31 * 24; hour++) {
    for (const budget of budgets) budget.take('GetMetricData', Math.min(600, budget.left));
    await clock.advance(hourMs);
  }

  const spent = budgets.reduce((sum, budget) => sum + budget.spent, 0);
  expect(spent).toBeLessThanOrEqual(thousandAnHour);
  expect(spent).toBeGreaterThan(thousandAnHour * 0.98);
});

test('what one target takes is missing to the others, and that is counted where it is missing', () => {
  const clock = new ManualClock('2026-11-21T12:00:00Z');
  const common = new Allowance(thousandAnHour, clock);
  const [first, second] = [settings(50), settings(50)].map((one) => new CloudwatchBudget(one, clock, common));

  expect(first?.take('GetMetricData', 900)).toBe(true);

  expect(second?.left).toBeLessThanOrEqual(100);
  expect(second?.take('ListMetrics', 200)).toBe(false);
  expect([first?.refused, second?.refused]).toEqual([0, 200]);
});

test('the own limit of a target holds where the common one has room', () => {
  const clock = new ManualClock('2026-11-21T12:00:00Z');
  const budget = new CloudwatchBudget(settings(thousandAnHour), clock, new Allowance(500, clock));

  expect(budget.left).toBe(1_000);
  expect(budget.take('GetMetricData', 1_001)).toBe(false);
});

test('targets of other prices share dollars, not requests', () => {
  const clock = new ManualClock('2026-11-21T12:00:00Z');
  const common = new Allowance(thousandAnHour, clock);
  const dear = new CloudwatchBudget(cloudwatchSettings.parse({ pricePerThousand: 0.02 }), clock, common);
  const usual = new CloudwatchBudget(settings(50), clock, common);

  expect(dear.take('GetMetricData', 400)).toBe(true);

  expect(usual.left).toBeGreaterThanOrEqual(199);
  expect(usual.left).toBeLessThanOrEqual(200);
});

test('a common limit of 0 lets nothing be asked', () => {
  const clock = new ManualClock('2026-11-21T12:00:00Z');
  const budget = new CloudwatchBudget(settings(50), clock, new Allowance(0, clock));

  expect(budget.left).toBe(0);
});

test('the check warns of a sum beyond the common limit, and tells it where it fits', () => {
  const told = (costs: readonly number[]) => {
    const findings = findingsAbout('cloudwatch');
    checkCommonCost(costs, 50, findings);
    return findings.all.map(({ status, message }) => `${status}: ${message}`);
  };

  expect(told([30, 25])).toEqual([
    'warning: all targets together will cost about 55.00 US dollars a month, and 50 are allowed: the last ones to ask are left out',
  ]);
  expect(told([30, 10])).toEqual(['ok: all targets together will cost about 40.00 US dollars a month']);
  expect(told([30])).toEqual([]);
});
