import { expect, test } from 'vitest';
import { createConfigHolder } from '../../../src/config/holder.ts';
import { type LoadResult, readConfig } from '../../../src/config/load.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const knowledge = { collectorNames: () => [], scheduleProblem: () => undefined };

function load(text: string): LoadResult {
  return readConfig(text, { file: '/etc/watchkeeper.yaml', environment: {}, knowledge });
}

function loaded(text: string) {
  const result = load(text);
  if (!result.ok) throw new Error('the test’s own configuration is not valid');
  return result.config;
}

function watching(target: string): string {
  return `targets: { ${target}: { engine: postgres, url: "postgres://db/x" } }`;
}

function valuesOf(holder: { samples(): readonly { metric: { name: string }; value: number }[] }) {
  return Object.fromEntries(holder.samples().map(({ metric, value }) => [metric.name, value]));
}

test('a valid file takes over, and the time is remembered', async () => {
  const clock = new ManualClock('2026-03-02T09:00:00Z');
  const applied: string[] = [];
  const holder = createConfigHolder({
    initial: loaded(watching('first')),
    load: async () => load(watching('second')),
    apply: async (next, previous) => {
      applied.push(`${previous.targets[0]?.name} → ${next.targets[0]?.name}`);
    },
    clock,
  });
  clock.setWallClock('2026-03-02T10:00:00Z');

  const result = await holder.reload();

  expect(result).toEqual({ ok: true, warnings: [] });
  expect(holder.current.targets[0]?.name).toBe('second');
  expect(applied).toEqual(['first → second']);
  expect(valuesOf(holder)).toEqual({
    watchkeeper_config_last_reload_successful: 1,
    watchkeeper_config_last_reload_success_timestamp_seconds: 1_772_445_600,
  });
});

test('a bad file leaves the running configuration as it is and says why', async () => {
  const clock = new ManualClock('2026-03-02T09:00:00Z');
  const holder = createConfigHolder({
    initial: loaded(watching('first')),
    load: async () => load('lisen: x'),
    apply: () => Promise.reject(new Error('must not be called')),
    clock,
  });
  clock.setWallClock('2026-03-02T10:00:00Z');

  const result = await holder.reload();

  expect(result).toMatchObject({ ok: false, problems: [{ path: 'lisen', line: 1 }] });
  expect(holder.current.targets[0]?.name).toBe('first');
  expect(holder.lastReload).toEqual({ ok: false, successAt: new Date('2026-03-02T09:00:00Z') });
  expect(valuesOf(holder)['watchkeeper_config_last_reload_successful']).toBe(0);
});

test('a configuration that cannot be taken over is refused', async () => {
  const holder = createConfigHolder({
    initial: loaded(watching('first')),
    load: async () => load(watching('second')),
    apply: () => Promise.reject(new Error('opening store "offsite"')),
    clock: new ManualClock('2026-03-02T09:00:00Z'),
  });

  const result = await holder.reload();

  expect(result).toMatchObject({
    ok: false,
    problems: [{ message: 'could not be taken over: opening store "offsite"' }],
  });
  expect(holder.current.targets[0]?.name).toBe('first');
});

test('a success after a refusal counts again', async () => {
  const files = ['lisen: x', watching('second')];
  const holder = createConfigHolder({
    initial: loaded(watching('first')),
    load: async () => load(files.shift() ?? ''),
    apply: async () => undefined,
    clock: new ManualClock('2026-03-02T09:00:00Z'),
  });

  await holder.reload();
  await holder.reload();

  expect(holder.lastReload.ok).toBe(true);
  expect(holder.current.targets[0]?.name).toBe('second');
});

test('a changed address is announced to need a restart', async () => {
  const holder = createConfigHolder({
    initial: loaded(watching('first')),
    load: async () => load(`listen: 0.0.0.0:80\n${watching('first')}`),
    apply: async () => undefined,
    clock: new ManualClock('2026-03-02T09:00:00Z'),
  });

  const result = await holder.reload();

  expect(result).toEqual({
    ok: true,
    warnings: [{ path: 'listen', line: 0, column: 0, message: 'takes effect after a restart only' }],
  });
});

test('reloads asked for at the same time are one', async () => {
  let loads = 0;
  const holder = createConfigHolder({
    initial: loaded(watching('first')),
    load: async () => {
      loads++;
      return load(watching('second'));
    },
    apply: async () => undefined,
    clock: new ManualClock('2026-03-02T09:00:00Z'),
  });

  await Promise.all([holder.reload(), holder.reload(), holder.reload()]);

  expect(loads).toBe(1);
});
