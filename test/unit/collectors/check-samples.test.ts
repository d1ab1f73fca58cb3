import { expect, test } from 'vitest';
import { checkSamples } from '../../../src/collectors/check-samples.ts';
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
  expect(() => checkSamples([size], [sample(size, 1, { name: 'a' }), sample(size, 1, { name: 'b' })])).not.toThrow();
});

test('two samples with the same labels are refused', () => {
  const samples = [sample(size, 1, { name: 'a' }), sample(size, 2, { name: 'a' })];

  expect(() => checkSamples([size], samples)).toThrow('two samples of size_bytes with the labels a');
});

test('labels that only look alike when joined are different', () => {
  const pair = metric({ ...size, labels: ['a', 'b'] });

  expect(() =>
    checkSamples([pair], [sample(pair, 1, { a: 'x,y', b: 'z' }), sample(pair, 1, { a: 'x', b: 'y,z' })]),
  ).not.toThrow();
});

test('a metric that was not declared is refused', () => {
  expect(() => checkSamples([size], [sample(other, 1, {})])).toThrow('other, which the collector does not declare');
});

test('a value that is no number is refused', () => {
  expect(() => checkSamples([size], [sample(size, Number.NaN, { name: 'a' })])).toThrow('size_bytes that is no number');
});

test('a missing label value is refused', () => {
  expect(() => checkSamples([size], [{ metric: size, labelValues: [], value: 1 }])).toThrow(
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

  expect(() => checkSamples([seconds], [bucket('1'), bucket('+Inf')])).not.toThrow();
  expect(() => checkSamples([seconds], [bucket('1'), bucket('1')])).toThrow('two samples of seconds');
});
