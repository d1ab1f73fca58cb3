import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { declare } from '../../../src/collectors/cloudwatch/declarations.ts';
import { snakeCase } from '../../../src/collectors/cloudwatch/statistic.ts';
import { dynamodbService } from '../../../src/collectors/dynamodb/cloudwatch.ts';

const metrics = dynamodbService.groups.flatMap((group) => group.metrics);

/** As AWS documents them; what is in brackets may be left away. Gathered in docs, not in code. */
async function documented() {
  const path = join(import.meta.dirname, 'documented-metrics.csv');
  const [, ...lines] = (await readFile(path, 'utf8')).trim().split('\n');
  return lines.map((line) => {
    const [name = '', dimensions = '', statistics = '', period = '', gauge = ''] = line.split(';');
    return {
      name,
      dimensions: dimensions.split('|'),
      statistics: statistics.split('|'),
      period: Number(period),
      gauge,
    };
  });
}

test('every metric is asked for with dimensions that AWS documents for it, or AWS would answer nothing', async () => {
  const byName = new Map((await documented()).map((one) => [one.name, one]));

  for (const { name, of } of metrics) {
    const asked = of.map((kind) => (dynamodbService.kinds[kind] ?? []).join(',') || 'none');
    expect(byName.get(name)?.dimensions, name).toEqual(expect.arrayContaining(asked));
  }
});

test('every metric is asked for with a documented statistic, no more often than it is written', async () => {
  for (const { name, statistics, period } of await documented()) {
    const metric = metrics.find((one) => one.name === name);
    if (metric === undefined) continue;
    expect(metric.periodSeconds, name).toBe(period);
    const known = [
      ...statistics,
      ...(statistics.includes('pNN') ? metric.statistics.filter((one) => one.startsWith('p')) : []),
    ];
    const others = metric.statistics.filter((one) => !known.includes(one) && one !== 'Maximum');
    expect(others, name).toEqual([]);
  }
});

test('all that AWS documents is there, but for streams and what AWS says is always 0', async () => {
  const names = new Set(metrics.map(({ name }) => name));

  const absent = (await documented()).map(({ name }) => name).filter((name) => !names.has(name));

  expect(absent).toEqual([
    'ReturnedBytes',
    'ReturnedRecordsCount',
    'PendingReplicationCount',
    'OnlineIndexConsumedWriteCapacity',
    'OnlineIndexThrottleEvents',
  ]);
});

test('gauges have the names of yet-another-cloudwatch-exporter', async () => {
  const declared = new Set(metrics.flatMap((one) => declare(dynamodbService, one).map(({ gauge }) => gauge.name)));
  const names = new Set(metrics.map(({ name }) => name));

  const expected = (await documented()).filter(({ name }) => names.has(name)).map(({ gauge }) => gauge);

  expect(expected.filter((name) => !declared.has(name))).toEqual([]);
});

test('a metric that is asked for only after another one has that one for each of its subjects', () => {
  for (const { name, onlyAfter, of } of metrics) {
    if (onlyAfter === undefined) continue;
    const other = metrics.find((one) => one.name === onlyAfter);
    expect(other?.of, name).toEqual(expect.arrayContaining([...of]));
  }
});

test('names are written as yet-another-cloudwatch-exporter writes them', () => {
  expect(['CPUUtilization', 'EBSIOBalance%', 'ReadIOPS', 'p99.9', 'SampleCount'].map(snakeCase)).toEqual([
    'cpuutilization',
    'ebsiobalance_percent',
    'read_iops',
    'p99_9',
    'sample_count',
  ]);
});
