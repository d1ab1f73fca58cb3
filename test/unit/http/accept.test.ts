import { expect, test } from 'vitest';
import { acceptsGzip, chooseFormat } from '../../../src/http/accept.ts';

const prometheus2 =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
const prometheus3 =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';
const firefox = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

test.each([
  ['Prometheus 2', prometheus2, 'openmetrics'],
  ['Prometheus 3', prometheus3, 'openmetrics'],
  ['Prometheus that is told to take text', 'text/plain;version=0.0.4;q=0.6,*/*;q=0.1', 'text'],
  ['a preference for text', 'application/openmetrics-text; version=1.0.0; q=0.2, text/plain; q=0.9', 'text'],
  ['a refusal of OpenMetrics', 'application/openmetrics-text;version=1.0.0;q=0', 'text'],
  ['OpenMetrics without a version', 'application/openmetrics-text', 'openmetrics'],
  ['a quoted version in other case', 'Application/OpenMetrics-Text; Version="1.0.0"', 'openmetrics'],
  [
    'OpenMetrics 2.0 first, 1.0 second',
    'application/openmetrics-text;version=2.0.0,application/openmetrics-text;version=1.0.0;q=0.9',
    'openmetrics',
  ],
  ['a version that we do not speak', 'application/openmetrics-text;version=0.0.1', 'text'],
  ['protobuf only', 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily', 'text'],
  ['a browser', firefox, 'text'],
  ['curl', '*/*', 'text'],
  ['an empty header', '', 'text'],
  ['no header', undefined, 'text'],
  ['nonsense', ';;q=,/,q=2;=;', 'text'],
])('%s gets its format', (_who, accept, format) => {
  expect(chooseFormat(accept)).toBe(format);
});

test.each([
  ['gzip', true],
  ['GZIP', true],
  ['deflate, gzip;q=0.5', true],
  ['*', true],
  ['gzip;q=0', false],
  ['gzip;q=0, *', false],
  ['identity', false],
  ['br', false],
  ['', false],
  [undefined, false],
])('Accept-Encoding %s asks for gzip: %s', (header, wanted) => {
  expect(acceptsGzip(header)).toBe(wanted);
});
