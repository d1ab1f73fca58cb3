import { expect, test } from 'vitest';
import { CloudwatchBudget } from '../../../src/collectors/cloudwatch/budget.ts';
import { CloudwatchFeed, type SeriesReader } from '../../../src/collectors/cloudwatch/feed.ts';
import type { CloudwatchService, Subject } from '../../../src/collectors/cloudwatch/service.ts';
import { cloudwatchSettings } from '../../../src/collectors/cloudwatch/settings.ts';
import type { Series, SeriesQuery, SeriesWindow } from '../../../src/targets/aws/cloudwatch.ts';
import { awsFailure } from '../../../src/targets/aws/failure.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { testContext } from '../../support/test-context.ts';

const service: CloudwatchService = {
  namespace: 'AWS/Test',
  prefix: 'aws_test',
  kinds: { thing: ['Name'] },
  groups: [
    {
      name: 'all',
      about: 'All.',
      enabledByDefault: true,
      metrics: [
        {
          name: 'Events',
          of: ['thing'],
          statistics: ['Sum'],
          periodSeconds: 60,
          absent: 'zero',
          unit: 'events',
          what: 'E',
        },
        {
          name: 'Level',
          of: ['thing'],
          statistics: ['Average', 'Maximum'],
          periodSeconds: 300,
          absent: 'nothing',
          unit: 'percent',
          what: 'L',
        },
        {
          name: 'Reason',
          of: ['thing'],
          statistics: ['Sum'],
          periodSeconds: 60,
          absent: 'zero',
          unit: 'events',
          what: 'R',
          onlyAfter: 'Events',
        },
      ],
    },
  ],
};
const thing = (name: string): Subject => ({ kind: 'thing', name, values: [name] });
const minute = 60_000;

type Answer = (query: SeriesQuery) => Partial<Series> & { value?: number };

interface Call extends SeriesWindow {
  readonly queries: readonly SeriesQuery[];
}

/** At 12:00:30 with periods of a minute that are read two minutes after their end, so 11:58 is the end of the newest. */
function setUp(given: {
  readonly subjects?: readonly Subject[];
  readonly answer?: Answer;
  readonly settings?: object;
}) {
  const clock = new ManualClock('2026-11-21T12:00:30Z');
  const calls: Call[] = [];
  const nothing: Answer = () => ({});
  const state = { failure: undefined as unknown, answer: given.answer ?? nothing };
  const reader: SeriesReader = {
    async read(queries, window) {
      calls.push({ ...window, queries });
      if (state.failure !== undefined) throw state.failure;
      return queries.map((query) => {
        const { value, ...rest } = state.answer(query);
        const atMs = window.endMs - query.periodSeconds * 1_000;
        return { status: 'Complete', points: value === undefined ? [] : [{ atMs, value }], ...rest };
      });
    },
  };
  const settings = cloudwatchSettings.parse({ period: '1m', delay: '2m', ...given.settings });
  const budget = new CloudwatchBudget(settings, clock);
  const subjects = given.subjects ?? [thing('a')];
  const feed = new CloudwatchFeed({
    service,
    groups: service.groups,
    reader,
    subjects: async () => ({ value: { all: subjects, incomplete: new Map() } }),
    settings,
    budget,
  });
  const context = testContext({ clock });
  const round = () => feed.round(context);
  const value = (metric: string, statistic: 'Sum' | 'Average' = 'Sum') =>
    feed.memory.value(metric, thing('a'), statistic, clock.now().getTime());
  const total = (metric: string) => feed.memory.total(metric, thing('a'), 'Sum');
  return { clock, calls, feed, budget, round, value, total, state };
}

const at = (text: string) => Date.parse(`2026-11-21T${text}Z`);

test('the newest period that is read is final and aligned; a longer one is read in its own length', async () => {
  const { calls, round } = setUp({});

  await round();

  const windows = calls.map(({ startMs, endMs, queries }) => ({
    startMs,
    endMs,
    metrics: queries.map((one) => one.metric),
  }));
  expect(windows).toEqual([
    { startMs: at('11:57:00'), endMs: at('11:58:00'), metrics: ['Events'] },
    { startMs: at('11:50:00'), endMs: at('11:55:00'), metrics: ['Level', 'Level'] },
  ]);
});

test('nothing is read twice, and every metric once in its own period', async () => {
  const { calls, clock, round } = setUp({});
  for (let passed = 0; passed < 10; passed++) {
    await round();
    await round();
    await clock.advance(minute);
  }

  const asked = calls.flatMap(({ queries }) => queries.map((one) => one.metric));
  expect(asked.filter((name) => name === 'Events')).toHaveLength(10);
  expect(asked.filter((name) => name === 'Level')).toHaveLength(2 * 3);
});

test('no point is 0 for what is counted and no value for what is measured', async () => {
  const { round, value } = setUp({});

  await round();

  expect([value('Events'), value('Level', 'Average'), value('Reason')]).toEqual([0, undefined, 0]);
});

test('reasons are asked for only after there was an event, and count it', async () => {
  const { calls, clock, round, state, total } = setUp({});
  await round();
  state.answer = ({ metric }) => (metric === 'Level' ? {} : { value: 3 });
  await clock.advance(minute);
  await round();
  state.answer = () => ({});
  await clock.advance(minute);
  await round();

  expect(calls.flatMap(({ queries }) => queries).filter(({ metric }) => metric === 'Reason')).toHaveLength(1);
  expect([total('Events'), total('Reason')]).toEqual([3, 3]);
});

test('a call that failed is told, keeps what is known until it is too old, and is made up for later', async () => {
  const { calls, clock, feed, round, state, value, total } = setUp({
    answer: ({ metric }) => (metric === 'Events' ? { value: 5 } : {}),
  });
  await round();
  state.failure = awsFailure(Object.assign(new Error('too many'), { name: 'Throttling' }), 'cloudwatch:GetMetricData');
  await clock.advance(minute);
  await round();
  expect(feed.memory.failureOf(service.groups[0]?.metrics ?? [])).toBe(state.failure);
  expect([value('Events'), total('Events')]).toEqual([5, 5]);
  expect(Object.fromEntries(feed.failures)).toMatchObject({ throttled: 1 });
  await clock.advance(5 * minute);
  expect(value('Events')).toBeUndefined();

  state.failure = undefined;
  calls.length = 0;
  await round();

  expect(calls[0]).toMatchObject({ startMs: at('11:58:00'), endMs: at('12:04:00') });
  expect([value('Events'), total('Events')]).toEqual([5, 10]);
  expect(feed.memory.failureOf(service.groups[0]?.metrics ?? [])).toBeUndefined();
});

test.each(['InternalError', 'Forbidden', 'PartialData', 'Missing'])(
  'a result with the status %s is a failure of that metric, not a 0',
  async (status) => {
    const { feed, round, value } = setUp({ answer: ({ metric }) => (metric === 'Events' ? { status } : { value: 1 }) });

    await round();

    expect(value('Events')).toBeUndefined();
    expect(value('Level', 'Average')).toBe(1);
    expect(Object.fromEntries(feed.failures)).toEqual({ [status]: 1 });
  },
);

test('at most 500 statistics go into one call, and those of one metric stay together', async () => {
  const subjects = Array.from({ length: 333 }, (_, index) => thing(`t${index}`));
  const { calls, round, budget } = setUp({ subjects, settings: { monthlyLimit: 10_000 } });

  await round();

  expect(calls.map(({ queries }) => queries.length)).toEqual([333, 500, 166]);
  expect(calls[1]?.queries.at(-1)).toMatchObject({ metric: 'Level', statistic: 'Maximum' });
  expect(budget.billed.get('GetMetricData')).toBe(2 * 333);
});

test('what would pass the limit is not asked, the least important first', async () => {
  // 0.01 dollars a thousand: 7.44 dollars are 744 000 requests a month, a thousand an hour.
  const subjects = Array.from({ length: 800 }, (_, index) => thing(`t${index}`));
  const { budget, calls, clock, feed, round } = setUp({ subjects, settings: { monthlyLimit: 7.44 } });

  await round();

  expect(budget.billed.get('GetMetricData')).toBe(1_000);
  expect(budget.refused).toBe(600);
  expect(calls.flatMap(({ queries }) => queries.filter(({ metric }) => metric === 'Events'))).toHaveLength(800);
  expect(budget.monthlyCost(feed.requestsPerSecond)).toBeGreaterThan(7.44);
  for (let hour = 0; hour < 48; hour++) {
    await clock.advance(60 * minute);
    await round();
  }
  expect(budget.spent).toBeLessThanOrEqual((7.44 * 49) / 744);
});

test('with a limit of 0 nothing is asked at all', async () => {
  const { calls, round } = setUp({ settings: { monthlyLimit: 0 } });

  await round();

  expect(calls).toEqual([]);
});

test('the next round comes when the next period is final', () => {
  const { clock, feed } = setUp({});

  expect(feed.nextInMs(clock.now().getTime())).toBe(30_000);
});
