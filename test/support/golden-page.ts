import { writeExposition } from '../../src/collectors/exposition.ts';
import type { Metric, Sample } from '../../src/core/metric.ts';

/** The page of one family as text, without help; values of the metrics that are `masked` are `N`. */
export function goldenPage(samples: readonly Sample[], metrics: readonly Metric[], masked: RegExp): string {
  const own = new Set(metrics);
  const page = writeExposition(
    [{ target: 'ledger', samples: samples.filter(({ metric }) => own.has(metric)) }],
    'text',
  );
  const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('# HELP'));
  const text = lines.map((line) => (masked.test(line) && !line.startsWith('#') ? line.replace(/ \S+$/, ' N') : line));
  return `${text.join('\n')}\n`;
}
