import type { Sample } from '../../core/metric.ts';
import type { WorkContext } from '../../core/work-context.ts';
import type { AwsCalls } from '../../targets/aws/calls.ts';
import { AwsFailure } from '../../targets/aws/failure.ts';
import { CollectedInPart, NotApplicable } from '../collector.ts';
import type { Look, Refreshed } from '../refreshed.ts';
import type { CloudwatchBudget } from './budget.ts';
import type { CloudwatchSource } from './family.ts';
import type { CloudwatchFeed } from './feed.ts';
import type { CloudwatchSettings } from './settings.ts';

/** What families of every service of AWS read from: nothing of it is asked during a scrape. */
export interface AwsSource extends CloudwatchSource {
  readonly feed: CloudwatchFeed | undefined;
  readonly budget: CloudwatchBudget;
  readonly calls: AwsCalls;
  /** Tables, databases, caches, queues or functions that are watched; undefined before the first look. */
  readonly watched: () => number | undefined;
  readonly settings: { readonly cloudwatch: CloudwatchSettings };
}

/**
 * Samples of what was looked up in the background. What could not be read makes the family fail, and the rest is shown.
 * Throws {@link NotApplicable} where the service does not know the call, as DynamoDB Local does not know backups.
 */
export async function samplesOf<T>(
  refreshed: Refreshed<T>,
  { signal }: WorkContext,
  toSamples: (value: T) => readonly Sample[],
): Promise<readonly Sample[]> {
  const { value, failure } = await readOf(refreshed, signal);
  const samples = toSamples(value);
  if (failure !== undefined) throw new CollectedInPart(samples, failure);
  return samples;
}

/** These samples and those of another look: where that fails the family fails, and the rest is shown all the same. */
export async function withSamplesOf<T>(
  samples: readonly Sample[],
  refreshed: Refreshed<T>,
  { signal }: WorkContext,
  toSamples: (value: T) => readonly Sample[],
): Promise<readonly Sample[]> {
  const look = await readOf(refreshed, signal).catch((failure: unknown) => ({ value: undefined, failure }));
  if (look.failure instanceof NotApplicable) return samples;
  const all = look.value === undefined ? samples : [...samples, ...toSamples(look.value)];
  if (look.failure !== undefined) throw new CollectedInPart(all, look.failure);
  return all;
}

async function readOf<T>(refreshed: Refreshed<T>, signal: AbortSignal): Promise<Look<T>> {
  try {
    return await refreshed.read(signal);
  } catch (error) {
    if (error instanceof AwsFailure && error.kind === 'unsupported') {
      throw new NotApplicable(error.message, { cause: error });
    }
    throw error;
  }
}
