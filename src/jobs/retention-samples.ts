import { type Sample, sample } from '../core/metric.ts';
import { retentionMetrics } from './keeping-declarations.ts';
import type { Lineage } from './lineage.ts';
import { decisionsTo, type RetentionPlan, retentionRules } from './retention.ts';

/** What retention makes of a lineage, as of the last look at its store. */
export function retentionSamples(lineage: Lineage, plan: RetentionPlan): Sample[] {
  const labels = { ...lineage };
  const byRule = retentionRules.map((rule) => ({
    rule,
    count: plan.decisions.filter(({ rules }) => rules.includes(rule)).length,
  }));
  return [
    ...byRule
      .filter(({ count }) => count > 0)
      .map(({ rule, count }) => sample(retentionMetrics.kept, count, { ...labels, rule })),
    sample(retentionMetrics.unwanted, decisionsTo(plan, 'mark', 'wait', 'delete').length, labels),
    sample(retentionMetrics.marked, plan.decisions.filter(({ markedAt }) => markedAt !== undefined).length, labels),
    sample(retentionMetrics.refused, Number(plan.refusal !== undefined), labels),
  ];
}
