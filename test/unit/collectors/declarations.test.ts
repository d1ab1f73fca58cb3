import { expect, test } from 'vitest';
import { metricSections } from '../../../scripts/generate-metrics-reference.ts';
import { engines } from '../../../src/collectors/engines.ts';
import { postgresCollectors } from '../../../src/collectors/postgres/index.ts';

const declared = metricSections().flatMap(({ metrics }) => metrics);

test('no name is declared twice', () => {
  const names = declared.map(({ name }) => name);

  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

test('names and labels are valid everywhere, and none takes the label that the scrape adds', () => {
  const valid = /^[a-z][a-z0-9_]*$/;
  // yet-another-cloudwatch-exporter keeps the dimensions as AWS writes them.
  const validLabel = /^[a-z][a-z0-9_]*$|^dimension_[A-Za-z]+$/;

  expect(declared.filter(({ name }) => !valid.test(name))).toEqual([]);
  expect(declared.filter(({ labels }) => labels.some((label) => !validLabel.test(label)))).toEqual([]);
  const ofTargets = metricSections().filter(({ withTarget }) => withTarget);
  const taken = ofTargets.flatMap(({ metrics }) => metrics).filter(({ labels }) => labels.includes('target'));
  expect(taken).toEqual([]);
});

test('no metric has a label that Prometheus sets itself and would rename', () => {
  const taken = ['job', 'instance'];

  const clashes = declared.filter(({ labels }) => labels.some((label) => taken.includes(label)));
  expect(clashes.map(({ name }) => name)).toEqual([]);
});

test('every metric says what it is in a sentence', () => {
  expect(declared.filter(({ help }) => !/^[A-Z0-9].*\.$/s.test(help)).map(({ name }) => name)).toEqual([]);
});

test('help texts are ASCII: one other letter makes the whole page one of two bytes a letter, which takes long to encode', () => {
  expect(declared.filter(({ help }) => !/^[ -~]*$/.test(help)).map(({ name }) => name)).toEqual([]);
});

test('a metric whose name ends like a counter is one', () => {
  const named = declared.filter(({ name }) => name.endsWith('_total'));

  // redis_exporter's names for what goes up and down; the help texts say so.
  const kept = [
    'redis_search_active_queries_total',
    'redis_search_global_total',
    'redis_server_threads_total',
    'redis_memory_used_vm_total',
    'redis_migrate_cached_sockets_total',
  ];
  expect(named.filter(({ name, type }) => type !== 'counter' && !kept.includes(name))).toEqual([]);
});

test.each(Object.entries(engines))(
  'the families of %s have different names that can stand in the configuration',
  (_, engine) => {
    const names = engine.collectors.map(({ name }) => name);

    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !/^[a-z][a-z_]*$/.test(name))).toEqual([]);
  },
);

test('families that look into each database name it', () => {
  const inside = postgresCollectors.filter(({ scope }) => scope === 'database').flatMap(({ metrics }) => metrics);

  expect(inside.filter(({ labels }) => !labels.includes('datname'))).toEqual([]);
});
