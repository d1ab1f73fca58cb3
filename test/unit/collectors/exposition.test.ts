import { describe, expect, test } from 'vitest';
import { writeExposition } from '../../../src/collectors/exposition.ts';
import { type Metric, type MetricType, metric, sample } from '../../../src/core/metric.ts';

const up = metric({
  name: 'pg_up',
  type: 'gauge',
  help: 'Whether a new login works.',
  labels: [],
  source: 'login',
  unit: 'boolean',
});

const commits = metric({
  name: 'pg_stat_database_xact_commit',
  type: 'counter',
  help: 'Transactions committed.',
  labels: ['datid', 'datname'],
  source: 'pg_stat_database.xact_commit',
  unit: 'transactions',
});

const readSeconds = metric({
  name: 'pg_stat_database_read_seconds_total',
  type: 'counter',
  help: 'Seconds spent reading.',
  labels: ['datname'],
  source: 'pg_stat_database.blk_read_time',
  unit: 'seconds',
});

const version = metric({
  name: 'watchkeeper_build_info',
  type: 'info',
  help: 'Always 1.',
  labels: ['version'],
  source: 'package.json',
  unit: '',
});

const duration = metric({
  name: 'watchkeeper_http_request_duration_seconds',
  type: 'histogram',
  help: 'Seconds until the answer.',
  labels: ['route'],
  source: 'the HTTP server',
  unit: 'seconds',
});

function plain(name: string, type: MetricType): Metric<never> {
  return { name, type, help: 'Text.', labels: [], source: '', unit: '' };
}

/** Two targets and the daemon's own samples, one of each kind. */
const groups = [
  { target: undefined, samples: [sample(version, 1, { version: '0.1.0' })] },
  {
    target: 'payments',
    samples: [
      sample(up, 1, {}),
      sample(commits, 1520, { datid: '5', datname: 'payments_db' }),
      sample(readSeconds, 0.25, { datname: 'payments_db' }),
    ],
  },
  { target: 'auth', samples: [sample(up, 0, {}), sample(commits, 7, { datid: '5', datname: 'auth_db' })] },
];

describe('the text format', () => {
  test('all samples of a name stand together under one HELP and TYPE, with the target as first label', () => {
    const page = writeExposition(groups, 'text');

    expect(page).toBe(`# HELP watchkeeper_build_info Always 1.
# TYPE watchkeeper_build_info gauge
watchkeeper_build_info{version="0.1.0"} 1
# HELP pg_up Whether a new login works.
# TYPE pg_up gauge
pg_up{target="payments"} 1
pg_up{target="auth"} 0
# HELP pg_stat_database_xact_commit Transactions committed.
# TYPE pg_stat_database_xact_commit counter
pg_stat_database_xact_commit{target="payments",datid="5",datname="payments_db"} 1520
pg_stat_database_xact_commit{target="auth",datid="5",datname="auth_db"} 7
# HELP pg_stat_database_read_seconds_total Seconds spent reading.
# TYPE pg_stat_database_read_seconds_total counter
pg_stat_database_read_seconds_total{target="payments",datname="payments_db"} 0.25
`);
  });

  test('backslashes, quotes and line ends in label values are escaped, other characters are not', () => {
    const odd = sample(readSeconds, 1, { datname: 'a"b\\c\nd\tе́💾{}' });

    const page = writeExposition([{ target: 'new\n"line"', samples: [odd] }], 'text');

    expect(page.split('\n')[2]).toBe(
      'pg_stat_database_read_seconds_total{target="new\\n\\"line\\"",datname="a\\"b\\\\c\\nd\tе́💾{}"} 1',
    );
  });

  test('a help text keeps its quotes; backslashes and line ends are escaped', () => {
    const odd = { ...plain('x', 'gauge'), help: 'says "a\\b"\nand more' };

    const page = writeExposition([{ target: undefined, samples: [sample(odd, 1, {})] }], 'text');

    expect(page).toBe('# HELP x says "a\\\\b"\\nand more\n# TYPE x gauge\nx 1\n');
  });

  test.each([
    [0, '0'],
    [-0.5, '-0.5'],
    [9_007_199_254_740_991, '9007199254740991'],
    [1e21, '1e+21'],
    [5.11e-7, '5.11e-7'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, '+Inf'],
    [Number.NEGATIVE_INFINITY, '-Inf'],
  ])('the value %d is written as %s', (value, written) => {
    const page = writeExposition([{ target: undefined, samples: [sample(up, value, {})] }], 'text');

    expect(page).toContain(`\npg_up ${written}\n`);
  });

  test('a metric without a type is untyped', () => {
    const page = writeExposition([{ target: undefined, samples: [sample(plain('x', 'unknown'), 1, {})] }], 'text');

    expect(page).toContain('# TYPE x untyped\n');
  });

  test('two declarations of one name share a HELP and keep their own labels', () => {
    const one = metric({ ...plain('pg_settings_shared', 'gauge'), labels: ['a'] });
    const other = metric({ ...plain('pg_settings_shared', 'gauge'), labels: ['b', 'c'] });

    const page = writeExposition(
      [{ target: 't', samples: [sample(one, 1, { a: '1' }), sample(other, 2, { b: '2', c: '3' })] }],
      'text',
    );

    expect(page).toBe(`# HELP pg_settings_shared Text.
# TYPE pg_settings_shared gauge
pg_settings_shared{target="t",a="1"} 1
pg_settings_shared{target="t",b="2",c="3"} 2
`);
  });

  test('nothing to tell is an empty page', () => {
    expect(writeExposition([{ target: 'payments', samples: [] }], 'text')).toBe('');
  });
});

describe('OpenMetrics', () => {
  test('counters ending in _total and infos give their family its short name, peers’ counters keep theirs without a type', () => {
    const page = writeExposition(groups, 'openmetrics');

    expect(page).toBe(`# TYPE watchkeeper_build info
# HELP watchkeeper_build Always 1.
watchkeeper_build_info{version="0.1.0"} 1
# TYPE pg_up gauge
# HELP pg_up Whether a new login works.
pg_up{target="payments"} 1
pg_up{target="auth"} 0
# TYPE pg_stat_database_xact_commit unknown
# HELP pg_stat_database_xact_commit Transactions committed.
pg_stat_database_xact_commit{target="payments",datid="5",datname="payments_db"} 1520
pg_stat_database_xact_commit{target="auth",datid="5",datname="auth_db"} 7
# TYPE pg_stat_database_read_seconds counter
# UNIT pg_stat_database_read_seconds seconds
# HELP pg_stat_database_read_seconds Seconds spent reading.
pg_stat_database_read_seconds_total{target="payments",datname="payments_db"} 0.25
# EOF
`);
  });

  test('a counter and a peer’s metric whose names differ by _total only do not become one family', () => {
    const samples = [sample(plain('pg_thing', 'counter'), 1, {}), sample(plain('pg_thing_total', 'counter'), 2, {})];

    const page = writeExposition([{ target: 'a', samples }], 'openmetrics');

    expect(page).toBe(`# TYPE pg_thing unknown
# HELP pg_thing Text.
pg_thing{target="a"} 1
# TYPE pg_thing_total unknown
# HELP pg_thing_total Text.
pg_thing_total{target="a"} 2
# EOF
`);
  });

  test('an info metric whose name does not say so is a gauge', () => {
    const page = writeExposition(
      [{ target: 'a', samples: [sample(plain('pg_static', 'info'), 1, {})] }],
      'openmetrics',
    );

    expect(page).toContain('# TYPE pg_static gauge\n');
  });

  test('a help text’s quotes are escaped', () => {
    const odd = { ...plain('x', 'gauge'), help: 'says "a\\b"\nand more' };

    const page = writeExposition([{ target: undefined, samples: [sample(odd, 1, {})] }], 'openmetrics');

    expect(page).toContain('# HELP x says \\"a\\\\b\\"\\nand more\n');
  });

  test('nothing to tell is a page that ends properly', () => {
    expect(writeExposition([], 'openmetrics')).toBe('# EOF\n');
  });
});

test.each(['text', 'openmetrics'] as const)('a histogram keeps its suffixes and its le label in %s', (format) => {
  const of = { metric: duration, labelValues: ['/probe'] };
  const samples = [
    { ...of, value: 3, suffix: '_bucket', extraLabel: ['le', '0.5'] as const },
    { ...of, value: 4, suffix: '_bucket', extraLabel: ['le', '+Inf'] as const },
    { ...of, value: 1.5, suffix: '_sum' },
    { ...of, value: 4, suffix: '_count' },
  ];

  const page = writeExposition([{ target: undefined, samples }], format);

  expect(page).toContain('# TYPE watchkeeper_http_request_duration_seconds histogram\n');
  expect(page).toContain(`watchkeeper_http_request_duration_seconds_bucket{route="/probe",le="0.5"} 3
watchkeeper_http_request_duration_seconds_bucket{route="/probe",le="+Inf"} 4
watchkeeper_http_request_duration_seconds_sum{route="/probe"} 1.5
watchkeeper_http_request_duration_seconds_count{route="/probe"} 4
`);
});
