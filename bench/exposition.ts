import { checkSamples } from '../src/collectors/check-samples.ts';
import { writeExposition } from '../src/collectors/exposition.ts';
import { metric, type Sample, sample } from '../src/core/metric.ts';
import { median, type Row } from './statistics.ts';

const series = 100_000;
const rounds = 15;
const warmUps = 3;

/** The page itself: 100,000 series of 25 metrics with three labels, checked once and written in both formats. */
export async function benchExposition(): Promise<Row[]> {
  const metrics = Array.from({ length: 25 }, (_, index) =>
    metric({
      name: `pg_stat_user_tables_bench${index}`,
      type: 'counter',
      help: 'Bench.',
      labels: ['datname', 'schemaname', 'relname'],
      source: 'bench',
      unit: 'rows',
    }),
  );
  const samples: Sample[] = [];
  for (let index = 0; samples.length < series; index++) {
    const labels = { datname: 'shop', schemaname: 'public', relname: `table_${index}` };
    for (const one of metrics) samples.push(sample(one, index * 1_000_003, labels));
  }
  const groups = [{ target: 'shop', samples }];
  const check = timed(() => checkSamples({ name: 'bench', metrics }, samples));
  return [
    { what: '100,000 series checked', value: check, unit: 'ms' },
    {
      what: '100,000 series written as text',
      value: timed(() => writeExposition(groups, 'text')),
      unit: 'ms',
      goal: { atMost: 150 },
    },
    {
      what: '100,000 series written as OpenMetrics',
      value: timed(() => writeExposition(groups, 'openmetrics')),
      unit: 'ms',
      goal: { atMost: 150 },
    },
  ];
}

function timed(work: () => unknown): number {
  const times: number[] = [];
  for (let round = 0; round < rounds + warmUps; round++) {
    const startMs = performance.now();
    work();
    if (round >= warmUps) times.push(performance.now() - startMs);
  }
  return median(times);
}
