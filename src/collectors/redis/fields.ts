import { type Metric, metric, type Sample } from '../../core/metric.ts';
import type { Info } from '../../targets/redis/info.ts';

/** A metric whose value is a field of INFO. */
export interface FieldMetric {
  readonly field: string;
  readonly metric: Metric<never>;
  /** Multiplies the value, e.g. 0.001 for milliseconds. */
  readonly factor?: number;
  /** Text that counts as 1; anything else as 0. */
  readonly yes?: string;
}

interface FieldOptions {
  /** Of the metric's name, `redis_` apart; the field's own name otherwise. */
  readonly as?: string;
  readonly factor?: number;
  readonly yes?: string;
}

type Declare = (field: string, unit: string, help: string, options?: FieldOptions) => FieldMetric;

/** Declares gauges and counters of a section of INFO. */
export function section(name: string): { readonly gauge: Declare; readonly counter: Declare } {
  const declare =
    (type: 'gauge' | 'counter'): Declare =>
    (field, unit, help, { as = field, ...rest } = {}) => ({
      field,
      metric: metric({ name: `redis_${as}`, type, help, labels: [], source: `INFO ${name}: ${field}`, unit }),
      ...rest,
    });
  return { gauge: declare('gauge'), counter: declare('counter') };
}

export function metricsOf(fields: readonly FieldMetric[]): Metric[] {
  return fields.map((field) => field.metric);
}

/** A sample for each field that the server has. */
export function fieldSamples(info: Info, fields: readonly FieldMetric[]): Sample[] {
  return fields.flatMap((field) => {
    const value = fieldValue(info, field);
    return value === undefined ? [] : [{ metric: field.metric, labelValues: [], value }];
  });
}

function fieldValue(info: Info, { field, factor = 1, yes }: FieldMetric): number | undefined {
  if (yes !== undefined) {
    const text = info.text(field);
    return text === undefined ? undefined : Number(text === yes);
  }
  const value = info.number(field);
  return value === undefined ? undefined : scaled(value, factor);
}

/** Thousandths and millionths by division: 7 µs are 0.000007, not 0.0000069999. */
export function scaled(value: number, factor: number): number {
  return factor < 1 ? value / Math.round(1 / factor) : value * factor;
}
