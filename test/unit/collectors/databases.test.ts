import { expect, onTestFinished, test } from 'vitest';
import type { Collector } from '../../../src/collectors/collector.ts';
import type { DiscoveredDatabases } from '../../../src/collectors/databases.ts';
import { TargetScrape } from '../../../src/collectors/target-scrape.ts';
import { metric, type Sample, sample } from '../../../src/core/metric.ts';
import { type PooledSession, SessionPool } from '../../../src/targets/session-pool.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { testSignal } from '../../support/test-context.ts';

const up = metric({ name: 'test_up', type: 'gauge', help: 'Up.', labels: [], source: 'test', unit: 'boolean' });
const tables = metric({ name: 'tables', type: 'gauge', help: 'T.', labels: ['datname'], source: 'test', unit: '' });

/** A session that knows in which database it is. */
class Line implements PooledSession {
  readonly database: string;
  usable = true;
  readonly #server: FakeServer;

  constructor(database: string, server: FakeServer) {
    this.database = database;
    this.#server = server;
    server.open++;
    server.mostOpen = Math.max(server.mostOpen, server.open);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.usable = false;
    this.#server.open--;
  }
}

class FakeServer {
  databases: DiscoveredDatabases = { watched: [], excluded: 0, inaccessible: 0 };
  /** Names that let nobody in. */
  readonly closed = new Set<string>();
  readonly visits: string[] = [];
  discoveries = 0;
  open = 0;
  mostOpen = 0;
  discover(): DiscoveredDatabases {
    this.discoveries++;
    return this.databases;
  }
}

interface Options {
  readonly isOwnWatched?: boolean;
  readonly perScrape?: number;
  readonly concurrency?: number;
  readonly collect?: (line: Line) => Promise<void>;
}

function scrapeOf(names: readonly string[], options: Options = {}) {
  const clock = new ManualClock('2026-03-02T09:00:00Z');
  const server = new FakeServer();
  server.databases = { watched: names, excluded: 2, inaccessible: 1 };
  const { log, lines } = recordingLog();
  const collector: Collector<Line> = {
    name: 'tables',
    about: 'A test.',
    scope: 'database',
    metrics: [tables],
    enabledByDefault: true,
    async collect(line) {
      server.visits.push(line.database);
      await options.collect?.(line);
      return [sample(tables, server.visits.length, { datname: line.database })];
    },
  };
  const scrape = new TargetScrape(
    {
      name: 'orders',
      engine: 'test',
      collectors: [collector],
      sessions: new SessionPool<Line>({
        open: async () => new Line('own', server),
        classify: () => 'refused',
        size: 1,
        loginIntervalMs: 60_000,
        loginTimeoutMs: 3_000,
        clock,
      }),
      databases: {
        own: 'own',
        isOwnWatched: options.isOwnWatched ?? true,
        discover: async () => server.discover(),
        async open(database) {
          if (server.closed.has(database)) throw new Error(`${database} is closed`);
          return new Line(database, server);
        },
        concurrency: options.concurrency ?? 2,
        perScrape: options.perScrape ?? 20,
        patienceMs: 4_000,
      },
      concurrency: 1,
      sourceOf: (line: Line) => line,
      familyTimeoutMs: 4_500,
      up,
    },
    { clock, log },
  );
  onTestFinished(() => scrape[Symbol.asyncDispose]());
  const page = async () => {
    const samples = await scrape.scrape({ signal: testSignal(), deadlineMs: 9_000 });
    server.visits.sort();
    return samples;
  };
  return { clock, server, lines, page };
}

function values(samples: readonly Sample[], name: string): Record<string, number> {
  const ofName = samples.filter((one) => one.metric.name === name);
  return Object.fromEntries(ofName.map((one) => [one.labelValues.join(' '), one.value]));
}

test('every database is looked into, its own with the session that is there', async () => {
  const { server, page } = scrapeOf(['own', 'a', 'b']);

  const samples = await page();

  expect(Object.keys(values(samples, 'tables')).sort()).toEqual(['a', 'b', 'own']);
  expect(values(samples, 'watchkeeper_database_up')).toEqual({ own: 1, a: 1, b: 1 });
  expect(values(samples, 'watchkeeper_databases')).toEqual({
    open: 3,
    failed: 0,
    waiting: 0,
    excluded: 2,
    inaccessible: 1,
  });
  expect(values(samples, 'watchkeeper_collector_success')).toEqual({ tables: 1 });
  expect(server.open).toBe(1);
});

test('no more sessions than allowed, and none stays in a database that is not its own', async () => {
  const names = Array.from({ length: 12 }, (_, index) => `db${index}`);
  const { server, page } = scrapeOf(names, {
    concurrency: 3,
    collect: () => new Promise((done) => setImmediate(done)),
  });

  await page();

  expect(server.visits).toHaveLength(13);
  expect(server.mostOpen).toBe(1 + 3);
  expect(server.open).toBe(1);
});

test('where there are many they take turns, and what is shown of the others tells its age', async () => {
  const { clock, server, page } = scrapeOf(['a', 'b', 'c', 'd'], { perScrape: 2, isOwnWatched: false });

  expect(values(await page(), 'watchkeeper_databases')).toMatchObject({ open: 2, waiting: 2 });
  await clock.advance(15_000);
  const second = await page();

  expect(server.visits).toEqual(['a', 'b', 'c', 'd']);
  expect(Object.keys(values(second, 'tables'))).toEqual(['a', 'b', 'c', 'd']);
  expect(values(second, 'watchkeeper_database_age_seconds')).toEqual({ a: 15, b: 15, c: 0, d: 0 });
  expect(values(second, 'watchkeeper_collector_age_seconds')).toEqual({ tables: 15 });
});

test('one that cannot be logged in to is told, hinders no other, and is dropped when its figures are old', async () => {
  const { clock, server, lines, page } = scrapeOf(['a', 'b'], { isOwnWatched: false });
  await page();
  await clock.advance(15_000);
  await page();
  server.closed.add('a');

  const ages: Record<string, number>[] = [];
  for (let scrape = 0; scrape < 4; scrape++) {
    await clock.advance(15_000);
    const samples = await page();
    ages.push(values(samples, 'tables'));
    expect(values(samples, 'watchkeeper_database_up')).toEqual({ a: 0, b: 1 });
    expect(values(samples, 'watchkeeper_collector_success')).toEqual({ tables: 1 });
  }

  expect(ages.map((shown) => Object.keys(shown))).toEqual([['a', 'b'], ['a', 'b'], ['a', 'b'], ['b']]);
  expect(lines.filter(({ level }) => level === 'warn')).toMatchObject([
    { fields: { database: 'a', reason: 'a is closed' }, message: 'the database cannot be logged in to' },
  ]);
});

test('a family that fails in one database is told with the database, the others are shown', async () => {
  const { lines, page } = scrapeOf(['a', 'b'], {
    isOwnWatched: false,
    async collect({ database }) {
      if (database === 'a') throw new Error('no such view');
    },
  });

  const samples = await page();

  expect(Object.keys(values(samples, 'tables'))).toEqual(['b']);
  expect(values(samples, 'watchkeeper_collector_success')).toEqual({ tables: 0 });
  expect(lines.filter(({ level }) => level === 'warn')).toMatchObject([
    { fields: { collector: 'tables', database: 'a' }, message: 'collector fails' },
  ]);
});

test('databases that come and go are noticed within a minute', async () => {
  const { clock, server, page } = scrapeOf(['a', 'b'], { isOwnWatched: false });
  await page();
  server.databases = { watched: ['b', 'c'], excluded: 0, inaccessible: 0 };
  await clock.advance(30_000);
  expect(Object.keys(values(await page(), 'tables'))).toEqual(['a', 'b']);
  await clock.advance(30_000);

  expect(Object.keys(values(await page(), 'tables')).sort()).toEqual(['b', 'c']);
  expect(server.discoveries).toBe(2);
});

test('no visit is begun when time is short', async () => {
  const { clock, server, page } = scrapeOf(['a', 'b', 'c'], {
    isOwnWatched: false,
    concurrency: 1,
    collect: () => clock.sleep(3_000),
  });

  const scraped = page();
  await clock.advance(3_000);
  await clock.advance(3_000);
  await scraped;

  expect(server.visits).toEqual(['a', 'b']);
});
