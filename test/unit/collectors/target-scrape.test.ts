import { expect, onTestFinished, test } from 'vitest';
import { type Collector, NotApplicable, NotPermitted } from '../../../src/collectors/collector.ts';
import { writeExposition } from '../../../src/collectors/exposition.ts';
import type { PeerScrapeMetrics } from '../../../src/collectors/peer-scrape-metrics.ts';
import { TargetScrape } from '../../../src/collectors/target-scrape.ts';
import { DeadlineExceeded } from '../../../src/core/deadline.ts';
import { metric, type Sample, sample } from '../../../src/core/metric.ts';
import type { WorkContext } from '../../../src/core/work-context.ts';
import { type PooledSession, SessionPool } from '../../../src/targets/session-pool.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { testSignal } from '../../support/test-context.ts';

const up = metric({ name: 'test_up', type: 'gauge', help: 'Up.', labels: [], source: 'test', unit: 'boolean' });

/** A session that is lost, as a real one, when a question to it is given up. */
class Line implements PooledSession {
  usable = true;
  async [Symbol.asyncDispose](): Promise<void> {
    this.usable = false;
  }
}

type Answer = (context: WorkContext) => Promise<void> | void;

/** A family with one metric of its name, whose value counts how often it was collected. */
function family(name: string, options: { readonly minIntervalMs?: number; readonly answer?: Answer } = {}) {
  const { answer, ...rest } = options;
  const counted = metric({ name, type: 'gauge', help: 'Test.', labels: [], source: 'test', unit: '' });
  const state = { answer, collected: 0 };
  const collector: Collector<Line> = {
    name,
    about: 'A test.',
    scope: 'server',
    metrics: [counted],
    enabledByDefault: true,
    ...rest,
    async collect(session, context) {
      try {
        await state.answer?.(context);
      } catch (error) {
        if (error instanceof DeadlineExceeded || context.signal.aborted) session.usable = false;
        throw error;
      }
      return [sample(counted, ++state.collected, {})];
    },
  };
  return { collector, state };
}

function scrapeOf(
  families: readonly { readonly collector: Collector<Line> }[],
  { concurrency = 2, peer }: { readonly concurrency?: number; readonly peer?: PeerScrapeMetrics } = {},
) {
  const clock = new ManualClock('2026-03-02T09:00:00Z');
  const server = { open: async (_signal: AbortSignal) => new Line() };
  const { log, lines } = recordingLog();
  const sessions = new SessionPool<Line>({
    open: (signal) => server.open(signal),
    classify: () => 'refused',
    size: concurrency,
    loginIntervalMs: 60_000,
    loginTimeoutMs: 3_000,
    clock,
  });
  const watch = {
    name: 'orders',
    engine: 'test',
    collectors: families.map(({ collector }) => collector),
    sessions,
    concurrency,
    sourceOf: (line: Line) => line,
    familyTimeoutMs: 4_500,
    up,
    ...(peer === undefined ? {} : { peer }),
  };
  const scrape = new TargetScrape(watch, { clock, log });
  onTestFinished(() => scrape[Symbol.asyncDispose]());
  return { clock, server, lines, scrape };
}

/** `name` or `name label` to value. */
function values(samples: readonly Sample[]): Record<string, number> {
  return Object.fromEntries(samples.map((one) => [[one.metric.name, ...one.labelValues].join(' '), one.value]));
}

const hang = (clock: ManualClock) => (context: WorkContext) => clock.sleep(3_600_000, context.signal);

test('every family is told with success, duration and age', async () => {
  const { scrape } = scrapeOf([family('sizes')]);

  const samples = await scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });

  const about = samples.filter(({ metric }) => !metric.name.startsWith('watchkeeper_target'));
  expect(values(about)).toEqual({
    test_up: 1,
    watchkeeper_scrape_duration_seconds: 0,
    'watchkeeper_collector_success sizes': 1,
    'watchkeeper_collector_applicable sizes': 1,
    'watchkeeper_collector_duration_seconds sizes': 0,
    'watchkeeper_collector_age_seconds sizes': 0,
    sizes: 1,
  });
});

test('how long a login took is told, and how long sessions were at work since the start', async () => {
  const slow = family('slow');
  const { clock, server, scrape } = scrapeOf([slow, family('quick')]);
  const open = server.open;
  server.open = async (signal) => {
    await clock.sleep(250, signal);
    return open(signal);
  };
  slow.state.answer = () => clock.sleep(1_000);
  const next = async () => {
    const answer = scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });
    await clock.advance(5_000);
    return values(await answer);
  };

  const [first, second] = [await next(), await next()];

  expect(first['watchkeeper_target_login_duration_seconds']).toBe(0.25);
  expect(first['watchkeeper_target_collecting_seconds_total']).toBe(1);
  expect(second['watchkeeper_target_collecting_seconds_total']).toBe(2);
});

test('a scrape is told under the names of the peer too, as an error when a family fails', async () => {
  const gauge = { type: 'gauge', help: 'Test.', source: 'test', unit: '' } as const;
  const peer = {
    lastScrapeError: metric({ ...gauge, name: 'peer_error', labels: [] }),
    lastScrapeDuration: metric({ ...gauge, name: 'peer_duration', labels: [] }),
    scrapes: metric({ ...gauge, name: 'peer_scrapes', labels: [] }),
    collectorSuccess: metric({ ...gauge, name: 'peer_success', labels: ['collector'] }),
    collectorDuration: metric({ ...gauge, name: 'peer_collector_duration', labels: ['collector'] }),
  };
  const sizes = family('sizes');
  const { scrape } = scrapeOf([sizes], { peer });
  const next = async () => {
    const samples = await scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });
    return values(samples.filter(({ metric }) => metric.name.startsWith('peer_')));
  };

  const good = await next();
  sizes.state.answer = () => Promise.reject(new Error('no'));
  const bad = await next();

  expect(good).toEqual({
    peer_error: 0,
    peer_duration: 0,
    peer_scrapes: 1,
    'peer_success sizes': 1,
    'peer_collector_duration sizes': 0,
  });
  expect(bad).toMatchObject({ peer_error: 1, peer_scrapes: 2, 'peer_success sizes': 0 });
});

test('how long scrapes took is told as a sum and a count, and the login beside it, where the peer has them', async () => {
  const given = { help: 'Test.', source: 'test', unit: 'seconds', labels: [] } as const;
  const peer = {
    lastScrapeError: metric({ ...given, name: 'peer_error', type: 'gauge' }),
    lastScrapeDuration: metric({ ...given, name: 'peer_duration', type: 'gauge' }),
    scrapes: metric({ ...given, name: 'peer_scrapes', type: 'counter' }),
    durations: metric({ ...given, name: 'peer_durations', type: 'summary' }),
    connectTime: metric({ ...given, name: 'peer_connect', type: 'gauge' }),
  };
  const slow = family('slow');
  const { clock, scrape, server } = scrapeOf([slow], { peer });
  server.open = async () => {
    await clock.sleep(250);
    return new Line();
  };
  slow.state.answer = () => clock.sleep(1_000);
  const next = async () => {
    const answer = scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });
    await clock.advance(5_000);
    return (await answer).filter(({ metric }) => /^peer_(durations|connect)/.test(metric.name));
  };

  await next();
  const told = (await next()).map(({ metric, suffix = '', value }) => [metric.name + suffix, value]);

  expect(Object.fromEntries(told)).toEqual({
    peer_durations_sum: 2.25,
    peer_durations_count: 2,
    peer_connect: 0.25,
  });
});

test('who asks while a scrape is under way shares it', async () => {
  const slow = family('slow');
  const { clock, scrape } = scrapeOf([slow]);
  slow.state.answer = () => clock.sleep(1_000);

  const both = Promise.all([
    scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 }),
    scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 }),
  ]);
  await clock.advance(1_000);

  expect((await both).map((samples) => values(samples)['slow'])).toEqual([1, 1]);
  expect(slow.state.collected).toBe(1);
});

test('a family that is late costs only itself, and the answer is on time', async () => {
  const late = family('late');
  const { clock, scrape } = scrapeOf([late, family('quick')]);
  late.state.answer = hang(clock);

  const answer = scrape.scrape({ signal: testSignal(), deadlineMs: 2_000 });
  await clock.advance(2_000);

  expect(values(await answer)).toMatchObject({
    test_up: 1,
    quick: 1,
    'watchkeeper_collector_success quick': 1,
    'watchkeeper_collector_success late': 0,
    'watchkeeper_collector_duration_seconds late': 2,
  });
  expect(values(await answer)).not.toHaveProperty('late');
});

test('with one connection, a family that hangs gives it up so that the others get theirs', async () => {
  const late = family('late');
  const { clock, scrape } = scrapeOf([late, family('quick')], { concurrency: 1 });
  late.state.answer = hang(clock);

  const answer = scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });
  await clock.advance(4_500);

  expect(values(await answer)).toMatchObject({ quick: 1, 'watchkeeper_collector_success late': 0 });
});

test('a caller with less time leaves with what there is, the other one gets everything', async () => {
  const slow = family('slow');
  const { clock, scrape } = scrapeOf([slow, family('quick')]);
  slow.state.answer = () => clock.sleep(3_000);

  const short = scrape.scrape({ signal: testSignal(), deadlineMs: 1_000 });
  const long = scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });
  await clock.advance(3_000);

  expect(values(await short)).toMatchObject({ quick: 1, 'watchkeeper_collector_success slow': 0 });
  expect(values(await long)).toMatchObject({ quick: 1, slow: 1 });
});

test('when whoever asked goes away the work is ended, and nothing is said to have failed', async () => {
  const slow = family('slow');
  const { clock, scrape, lines } = scrapeOf([slow]);
  slow.state.answer = hang(clock);
  const request = new AbortController();

  const answer = expect(scrape.scrape({ signal: request.signal, deadlineMs: 9_000 })).rejects.toThrow('closed');
  await clock.settle();
  request.abort(new Error('closed'));
  await answer;
  await clock.settle();

  expect(clock.sleeping).toBe(0);
  expect(lines).toEqual([]);
});

test('the next scrape after an abandoned one is a new one', async () => {
  const late = family('late');
  const { clock, scrape } = scrapeOf([late]);
  late.state.answer = hang(clock);
  const first = scrape.scrape({ signal: testSignal(), deadlineMs: 1_000 });
  await clock.advance(1_000);
  await first;

  late.state.answer = undefined;
  const second = await scrape.scrape({ signal: testSignal(), deadlineMs: 1_000 });

  expect(values(second)).toMatchObject({ late: 1, 'watchkeeper_collector_success late': 1 });
});

test('a duplicate sample fails its family and nothing else', async () => {
  const twice = family('twice');
  const counted = twice.collector.metrics[0]!;
  const duplicating = { ...twice.collector, collect: async () => [sample(counted, 1, {}), sample(counted, 2, {})] };
  const { scrape } = scrapeOf([{ collector: duplicating }, family('fine')]);

  const samples = await scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });

  expect(values(samples)).toMatchObject({ fine: 1, 'watchkeeper_collector_success twice': 0 });
  expect(values(samples)).not.toHaveProperty('twice');
});

test('nothing to measure is a success that is told apart', async () => {
  const missing = family('missing', {
    answer: () => {
      throw new NotApplicable('the extension is not installed');
    },
  });
  const { scrape, lines } = scrapeOf([missing]);

  const samples = await scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });

  expect(values(samples)).toMatchObject({
    'watchkeeper_collector_success missing': 1,
    'watchkeeper_collector_applicable missing': 0,
  });
  expect(lines).toEqual([]);
});

test('a failing family is logged once when it begins and once when it ends', async () => {
  const broken = family('broken');
  const { scrape, lines } = scrapeOf([broken]);
  broken.state.answer = () => {
    throw new Error('no such column');
  };

  await scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });
  await scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });
  broken.state.answer = undefined;
  await scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });
  await scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });

  expect(lines.map(({ level, message }) => `${level}: ${message}`)).toEqual([
    'warn: collector fails',
    'info: collector works again',
  ]);
});

test('a costly family is collected at its interval, and shows how old its samples are', async () => {
  const costly = family('costly', { minIntervalMs: 300_000 });
  const { clock, scrape } = scrapeOf([costly]);
  await scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });

  await clock.advance(299_000);
  const early = await scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });
  await clock.advance(1_000);
  const due = await scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });

  expect(values(early)).toMatchObject({ test_up: 1, costly: 1, 'watchkeeper_collector_age_seconds costly': 299 });
  expect(values(due)).toMatchObject({ costly: 2, 'watchkeeper_collector_age_seconds costly': 0 });
});

test('what a costly family measured is shown for three intervals when it fails, then dropped', async () => {
  const costly = family('costly', { minIntervalMs: 300_000 });
  const { clock, scrape } = scrapeOf([costly]);
  await scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });
  costly.state.answer = () => {
    throw new Error('permission denied');
  };

  await clock.advance(900_000);
  const kept = await scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });
  await clock.advance(1_000);
  const dropped = await scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });

  expect(values(kept)).toMatchObject({ costly: 1, 'watchkeeper_collector_success costly': 0 });
  expect(values(dropped)).toMatchObject({ 'watchkeeper_collector_success costly': 0 });
  expect(values(dropped)).not.toHaveProperty('costly');
});

test('when nobody can log in the target is down, its families failed, and one line says why', async () => {
  const { server, scrape, lines } = scrapeOf([family('one'), family('two')]);
  server.open = async () => {
    throw new Error('connection refused');
  };

  const samples = await scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });
  await scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });

  expect(values(samples)).toMatchObject({
    test_up: 0,
    'watchkeeper_collector_success one': 0,
    'watchkeeper_collector_success two': 0,
    'watchkeeper_target_login_failures_total refused': 1,
  });
  expect(lines).toEqual([
    { level: 'warn', fields: { target: 'orders', reason: 'connection refused' }, message: 'target is down' },
  ]);
  expect(scrape.state).toMatchObject({ up: false, reason: 'connection refused' });
});

test('when a new login is refused the target is down although old sessions still give figures', async () => {
  const { clock, server, scrape } = scrapeOf([family('one')]);
  await scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });
  server.open = async () => {
    throw new Error('password authentication failed');
  };

  await clock.advance(60_000);
  const samples = await scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });

  expect(values(samples)).toMatchObject({ test_up: 0, one: 2, 'watchkeeper_collector_success one': 1 });
});

test('a target whose sessions have gone silent is down', async () => {
  const one = family('one');
  const { clock, server, scrape } = scrapeOf([one]);
  await scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });
  one.state.answer = hang(clock);
  server.open = async (signal) => {
    await clock.sleep(60_000, signal);
    return new Line();
  };

  const answer = scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });
  await clock.advance(9_000);

  expect(values(await answer)).toMatchObject({ test_up: 0, 'watchkeeper_collector_success one': 0 });
});

test('a target that comes back is up with the next login', async () => {
  const { clock, server, scrape, lines } = scrapeOf([family('one')]);
  const { open } = server;
  server.open = async () => {
    throw new Error('connection refused');
  };
  await scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });
  server.open = open;

  await clock.advance(1_000);
  const samples = await scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });

  expect(values(samples)).toMatchObject({ test_up: 1, one: 1 });
  expect(lines.map(({ message }) => message)).toEqual(['target is down', 'target is up again']);
});

test('a page of it begins each sample with the target', async () => {
  const { scrape } = scrapeOf([family('sizes')]);

  const samples = await scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });

  expect(writeExposition([{ target: 'orders', samples }], 'text')).toContain('\nsizes{target="orders"} 1\n');
});

test('a scrape under way when watching ends, as at a reload, is answered in full', async () => {
  const slow = family('slow');
  const { clock, scrape } = scrapeOf([slow]);
  slow.state.answer = () => clock.sleep(1_000);

  const answer = scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });
  await clock.settle();
  const end = scrape[Symbol.asyncDispose]();
  await clock.advance(1_000);
  await end;

  expect(values(await answer)).toMatchObject({ test_up: 1, slow: 1 });
});

test('what the role may not do is not asked again with every scrape', async () => {
  const forbidden = family('forbidden');
  let asked = 0;
  forbidden.state.answer = () => {
    asked++;
    throw new NotPermitted('GRANT pg_monitor to it');
  };
  const { clock, lines, scrape } = scrapeOf([forbidden]);
  const page = async () => values(await scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 }));

  for (let round = 0; round < 5; round++) {
    expect((await page())['watchkeeper_collector_success forbidden']).toBe(0);
    await clock.advance(15_000);
  }
  expect(asked).toBe(1);
  expect(lines.filter(({ level }) => level === 'warn')).toHaveLength(1);

  forbidden.state.answer = undefined;
  await clock.advance(300_000);
  expect(await page()).toMatchObject({ 'watchkeeper_collector_success forbidden': 1, forbidden: 1 });
});
