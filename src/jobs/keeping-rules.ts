import type { Lineage } from './lineage.ts';
import type { PruneRules } from './prune-plan.ts';
import type { Objectives } from './settings.ts';

/** What the configuration promises and wants kept, for the metrics that stand beside the measured ones. */
export interface KeepingRules {
  pruneRules(lineage: Lineage): PruneRules | undefined;
  /** Of the schedule. */
  objectivesOf(lineage: Lineage): Objectives | undefined;
  /** Of the target as a whole: of each of its databases, by whichever schedule. */
  targetObjectives(target: string): Objectives | undefined;
}

export const noRules: KeepingRules = {
  pruneRules: () => undefined,
  objectivesOf: () => undefined,
  targetObjectives: () => undefined,
};
