import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { declare } from '../../../src/collectors/cloudwatch/declarations.ts';
import type { CloudwatchService } from '../../../src/collectors/cloudwatch/service.ts';
import { elasticacheService } from '../../../src/collectors/elasticache/cloudwatch.ts';
import { lambdaService } from '../../../src/collectors/lambda/cloudwatch.ts';
import { rdsService } from '../../../src/collectors/rds/cloudwatch.ts';
import { sqsService } from '../../../src/collectors/sqs/cloudwatch.ts';

/** DynamoDB has a test of its own: its list is longer than what is read. */
const services: Readonly<Record<string, CloudwatchService>> = {
  rds: rdsService,
  elasticache: elasticacheService,
  sqs: sqsService,
  lambda: lambdaService,
};

/** As AWS documents them: dimensions that may stand alone, statistics that make sense, and how often it is written. */
async function documented(name: string) {
  const [, ...lines] = (await readFile(join(import.meta.dirname, `documented-${name}.csv`), 'utf8')).trim().split('\n');
  return lines.map((line) => {
    const [metric = '', dimensions = '', statistics = '', period = '', gauge = ''] = line.split(';');
    return {
      metric,
      dimensions: dimensions.split('|'),
      statistics: statistics.split('|'),
      period: Number(period),
      gauge,
    };
  });
}

describe.each(Object.entries(services))('%s', (name, service) => {
  const metrics = service.groups.flatMap((group) => group.metrics);

  test('every metric that is read is documented, and the other way round', async () => {
    const names = (await documented(name)).map(({ metric }) => metric);

    expect(metrics.map((one) => one.name).sort()).toEqual(names.sort());
  });

  test('dimensions are those that AWS documents, or it would answer nothing', async () => {
    const byName = new Map((await documented(name)).map((one) => [one.metric, one]));

    for (const { name: metric, of } of metrics) {
      const asked = of.map((kind) => service.kinds[kind]?.join(',') || 'none');
      expect(asked, metric).not.toContain(undefined);
      expect(byName.get(metric)?.dimensions, metric).toEqual(expect.arrayContaining([...new Set(asked)]));
    }
  });

  test('statistics make sense, and nothing is asked more often than it is written', async () => {
    const byName = new Map((await documented(name)).map((one) => [one.metric, one]));

    for (const { name: metric, statistics, periodSeconds } of metrics) {
      expect(periodSeconds, metric).toBe(byName.get(metric)?.period);
      expect(
        statistics.filter((one) => byName.get(metric)?.statistics.includes(one) !== true),
        metric,
      ).toEqual([]);
    }
  });

  test('gauges have the names of yet-another-cloudwatch-exporter', async () => {
    const declared = new Set(metrics.flatMap((one) => declare(service, one).map(({ gauge }) => gauge.name)));

    const expected = (await documented(name)).map(({ gauge }) => gauge);
    expect(expected.filter((gauge) => !declared.has(gauge))).toEqual([]);
  });

  test('a metric that is added up means 0 where there is no point, any other means nothing', () => {
    const wrong = metrics.filter(({ statistics, absent }) => statistics.includes('Sum') !== (absent === 'zero'));

    expect(wrong.map((one) => one.name)).toEqual([]);
  });
});
