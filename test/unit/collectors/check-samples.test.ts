import { expect, test } from 'vitest';
import { checkSamples } from '../../../src/collectors/check-samples.ts';
import { rowsDropped } from '../../../src/collectors/scrape-metrics.ts';
import { metric, sample } from '../../../src/core/metric.ts';

const size = metric({
  name: 'size_bytes',
  type: 'gauge',
  help: 'Size.',
  labels: ['name'],
  source: 'test',
  unit: 'bytes',
});
const other = metric({ name: 'other', type: 'gauge', help: 'Other.', labels: [], source: 'test', unit: '' });

test('samples with different labels are fine', () => {
  expect(() =>
    checkSamples({ name: 'test', metrics: [size] }, [sample(size, 1, { name: 'a' }), sample(size, 1, { name: 'b' })]),
  ).not.toThrow();
});

test('two samples with the same labels are refused', () => {
  const samples = [sample(size, 1, { name: 'a' }), sample(size, 2, { name: 'a' })];

  expect(() => checkSamples({ name: 'test', metrics: [size] }, samples)).toThrow(
    'two samples of size_bytes with the labels a',
  );
});

test('labels that only look alike when joined are different', () => {
  const pair = metric({ ...size, labels: ['a', 'b'] });

  expect(() =>
    checkSamples({ name: 'test', metrics: [pair] }, [
      sample(pair, 1, { a: 'x,y', b: 'z' }),
      sample(pair, 1, { a: 'x', b: 'y,z' }),
    ]),
  ).not.toThrow();
});

test('a metric that was not declared is refused', () => {
  expect(() => checkSamples({ name: 'test', metrics: [size] }, [sample(other, 1, {})])).toThrow(
    'other, which the collector does not declare',
  );
});

test('a value that is no number is refused', () => {
  expect(() => checkSamples({ name: 'test', metrics: [size] }, [sample(size, Number.NaN, { name: 'a' })])).toThrow(
    'size_bytes that is no number',
  );
});

test('a missing label value is refused', () => {
  expect(() => checkSamples({ name: 'test', metrics: [size] }, [{ metric: size, labelValues: [], value: 1 }])).toThrow(
    'size_bytes without a value for each of its labels',
  );
});

test('the buckets of a histogram are told apart by their bound', () => {
  const seconds = metric({ ...size, name: 'seconds', type: 'histogram', labels: [] });
  const bucket = (bound: string) => ({
    metric: seconds,
    labelValues: [],
    value: 1,
    suffix: '_bucket',
    extraLabel: ['le', bound] as const,
  });

  expect(() => checkSamples({ name: 'test', metrics: [seconds] }, [bucket('1'), bucket('+Inf')])).not.toThrow();
  expect(() => checkSamples({ name: 'test', metrics: [seconds] }, [bucket('1'), bucket('1')])).toThrow(
    'two samples of seconds',
  );
});

const open = { name: 'test', metrics: [other], openNames: { prefix: 'open_', help: 'Test.', source: 'test' } };
const named = (name: string) => metric({ ...other, name });

test('a family may have names that only the server knows, within its prefix', () => {
  expect(() => checkSamples(open, [sample(named('open_a'), 1, {}), sample(named('open_b'), 1, {})])).not.toThrow();
  expect(() => checkSamples(open, [sample(named('closed'), 1, {})])).toThrow('closed, which the collector does not');
});

test('names that the server makes up must be valid and unique', () => {
  expect(() => checkSamples(open, [sample(named('open_a-b'), 1, {})])).toThrow('no valid name');
  expect(() => checkSamples(open, [sample(named('open_a'), 1, {}), sample(named('open_a'), 2, {})])).toThrow(
    'two metrics are called open_a',
  );
});

test('what is collected in a database must name it', () => {
  const rows = metric({ ...other, labels: ['datname'] });

  expect(() =>
    checkSamples({ name: 'test', metrics: [rows] }, [sample(rows, 1, { datname: 'shop' })], 'shop'),
  ).not.toThrow();
  expect(() =>
    checkSamples({ name: 'test', metrics: [rows] }, [sample(rows, 1, { datname: 'other' })], 'shop'),
  ).toThrow('datname');
  expect(() => checkSamples({ name: 'test', metrics: [other] }, [sample(other, 1, {})], 'shop')).toThrow('datname');
});

test('a family tells the rows that it left out, of itself alone', () => {
  const ofFamily = (collector: string) => [sample(rowsDropped, 3, { collector, datname: 'shop' })];

  expect(() => checkSamples({ name: 'test', metrics: [] }, ofFamily('test'), 'shop')).not.toThrow();
  expect(() => checkSamples({ name: 'test', metrics: [] }, ofFamily('other'), 'shop')).toThrow(
    'not about the collector',
  );
  expect(() => checkSamples({ name: 'test', metrics: [] }, ofFamily('test'), 'stock')).toThrow('datname');
});
