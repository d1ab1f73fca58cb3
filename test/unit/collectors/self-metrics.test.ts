import { expect, test } from 'vitest';
import { writeExposition } from '../../../src/collectors/exposition.ts';
import { createSelfMetrics } from '../../../src/collectors/self-metrics.ts';

/** One for the file: prom-client's observers live as long as the process. */
const self = createSelfMetrics({ version: '1.2.3' });

async function page(format: 'text' | 'openmetrics') {
  return writeExposition([{ target: undefined, samples: await self.samples() }], format);
}

test('the versions, the process and the runtime are told', async () => {
  const text = await page('text');

  expect(text).toContain(`watchkeeper_build_info{version="1.2.3",node_version="${process.version}"} 1\n`);
  expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
  expect(text).toMatch(/^process_start_time_seconds \d+$/m);
  expect(text).toMatch(/^nodejs_heap_space_size_used_bytes\{space="new"\} \d+$/m);
});

test('answered requests are counted by route and code, and timed by route', async () => {
  self.requestAnswered({ route: '/metrics', statusCode: 200, durationSeconds: 0.3 });
  self.requestAnswered({ route: '/metrics', statusCode: 500, durationSeconds: 7 });

  const text = await page('text');

  expect(text).toContain('watchkeeper_http_requests_total{route="/metrics",code="200"} 1\n');
  expect(text).toContain('watchkeeper_http_requests_total{route="/metrics",code="500"} 1\n');
  expect(text).toContain('watchkeeper_http_request_duration_seconds_bucket{route="/metrics",le="0.1"} 0\n');
  expect(text).toContain('watchkeeper_http_request_duration_seconds_bucket{route="/metrics",le="0.5"} 1\n');
  expect(text).toContain('watchkeeper_http_request_duration_seconds_bucket{route="/metrics",le="+Inf"} 2\n');
  expect(text).toContain('watchkeeper_http_request_duration_seconds_count{route="/metrics"} 2\n');
});

test('counters keep their names in the text format after OpenMetrics was asked for', async () => {
  const openmetrics = await page('openmetrics');
  const text = await page('text');

  expect(openmetrics).toContain('# TYPE process_cpu_seconds counter\n');
  expect(text).toContain('# TYPE process_cpu_seconds_total counter\n');
  expect(text).toMatch(/^process_cpu_seconds_total \d/m);
});

test('nothing that is no number, no gauge that is called a total', async () => {
  const samples = await self.samples();

  const misnamed = samples.filter(({ metric }) => metric.type === 'gauge' && metric.name.endsWith('_total'));
  expect(misnamed).toEqual([]);
  expect(samples.filter(({ value }) => Number.isNaN(value))).toEqual([]);
});
