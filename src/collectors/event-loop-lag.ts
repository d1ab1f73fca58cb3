import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Metric, metric, type Sample, sample } from '../core/metric.ts';

const lagMetric = (part: string, help: string, source: string) =>
  metric({ name: `nodejs_eventloop_lag${part}_seconds`, type: 'gauge', help, labels: [], source, unit: 'seconds' });

const lag = lagMetric('', 'How late the event loop was at the page before.', 'setImmediate');

type DelayHistogram = ReturnType<typeof monitorEventLoopDelay>;
type LagMetric = readonly [metric: Metric<never>, nanosecondsOf: (histogram: DelayHistogram) => number];

const histogramMetric = (part: string, what: string, nanosecondsOf: LagMetric[1]): LagMetric => [
  lagMetric(
    `_${part}`,
    `${what} of the delays of the event loop since the page before; each contains the 10 ms between two measurements.`,
    'monitorEventLoopDelay',
  ),
  nanosecondsOf,
];

const ofHistogram: readonly LagMetric[] = [
  histogramMetric('max', 'The longest', ({ max }) => max),
  histogramMetric('mean', 'The mean', ({ mean }) => mean),
  histogramMetric('p50', 'The 50th percentile', (histogram) => histogram.percentile(50)),
  histogramMetric('p90', 'The 90th percentile', (histogram) => histogram.percentile(90)),
  histogramMetric('p99', 'The 99th percentile', (histogram) => histogram.percentile(99)),
];

export const eventLoopLagMetrics: readonly Metric[] = [lag, ...ofHistogram.map(([one]) => one)];

/**
 * The lag of the event loop under the names that prom-client gave it. Read by ourselves, because prom-client reads the
 * standard deviation as well, which goes through the whole histogram twice and took a third of the time of a small page.
 * Observes for as long as the process lives.
 */
export class EventLoopLag {
  readonly #histogram = monitorEventLoopDelay({ resolution: 10 });
  #lastSeconds = 0;

  constructor() {
    this.#histogram.enable();
  }

  /** As of now; begins anew. Nothing but the lag itself where nothing was observed since the call before. */
  samples(): Sample[] {
    const askedMs = performance.now();
    setImmediate(() => {
      this.#lastSeconds = (performance.now() - askedMs) / 1_000;
    });
    const own = sample(lag, this.#lastSeconds, {});
    if (this.#histogram.count === 0) return [own];
    const samples = ofHistogram.map(([of, nanosecondsOf]) => sample(of, nanosecondsOf(this.#histogram) / 1e9, {}));
    this.#histogram.reset();
    return [own, ...samples];
  }
}
