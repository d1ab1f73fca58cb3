import { formatBytes } from '../../core/bytes.ts';
import { formatDuration } from '../../core/duration.ts';
import { errorMessage } from '../../core/errors.ts';
import type { Job } from '../job.ts';
import type { RunOutcome } from '../run-outcome.ts';

/** An event in time, as Grafana draws it: a region from its start to its end. */
export interface Annotation {
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly endMs: number;
  readonly tags: readonly string[];
  /** Grafana shows it as HTML. */
  readonly text: string;
}

const nouns = { backup: 'Backup', verify: 'Proof', prune: 'Retention', copy: 'Copying' } as const;
const longestReason = 500;

/**
 * What is told of a run; undefined where nothing happened that anybody would look for: it was skipped or cancelled, copied
 * what another store had, or retention found nothing to delete.
 */
export function annotationOf(
  { kind, lineage }: Pick<Job, 'kind' | 'lineage'>,
  outcome: RunOutcome,
): Annotation | undefined {
  if (outcome.status === 'skipped' || outcome.status === 'cancelled') return undefined;
  if (outcome.status === 'succeeded' && !isWorthTelling(kind, outcome.result.fields)) return undefined;
  const { target, database, schedule, store } = lineage;
  const startMs = outcome.startedAt.getTime();
  const of = `${nouns[kind]} of ${database} on ${target}`;
  return {
    startMs,
    endMs: startMs + Math.round(outcome.durationSeconds * 1_000),
    tags: ['watchkeeper', kind, outcome.status, `target:${target}`],
    text: escaped(`${of} (${schedule}, ${store}) ${endOf(kind, outcome)}`),
  };
}

function isWorthTelling(kind: Job['kind'], { deleted, marked }: Readonly<Record<string, unknown>>): boolean {
  if (kind === 'prune') return Number(deleted ?? 0) + Number(marked ?? 0) > 0;
  return kind !== 'copy';
}

function endOf(kind: Job['kind'], outcome: Extract<RunOutcome, { status: 'succeeded' | 'failed' }>): string {
  const took = formatDuration(outcome.durationSeconds * 1_000);
  if (outcome.status === 'failed') {
    return `failed after ${took} (${outcome.reason}): ${whyFailed(kind, outcome.error)}`;
  }
  const { bytes, missingIn, deleted, marked } = outcome.result.fields;
  if (kind === 'prune') return `deleted ${deleted ?? 0} and marked ${marked ?? 0} backups`;
  const size = kind === 'backup' && typeof bytes === 'number' ? `, ${formatBytes(bytes)}` : '';
  const missing = typeof missingIn === 'string' ? `; it is missing in ${missingIn}` : '';
  return `${kind === 'verify' ? 'succeeded: it restores' : 'succeeded'}, in ${took}${size}${missing}`;
}

/** Why a proof failed may quote rows: reports of encrypted backups seal that, so it does not go to Grafana either. */
function whyFailed(kind: Job['kind'], error: unknown): string {
  if (kind === 'verify') return 'its report and the log say more';
  return errorMessage(error).slice(0, longestReason);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
