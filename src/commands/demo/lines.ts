import { formatBytes } from '../../core/bytes.ts';
import { formatDuration } from '../../core/duration.ts';
import type { JobReport, PlanReport, ScrapedTarget } from './cycle-report.ts';

/** `primary: up, 412 samples of 9 families in 35ms`. */
export function scrapeLine({ target, up, samples, families, failedFamilies }: ScrapedTarget, seconds: number): string {
  const failed = failedFamilies.length === 0 ? '' : `, FAILED: ${failedFamilies.join(', ')}`;
  const state = up ? `up, ${samples} samples of ${families} families` : 'DOWN';
  return line('scraped', target, `${state} in ${formatDuration(seconds * 1_000)}${failed}`);
}

/** `proven  auth_db  84 facts equal after a restore, 1.9s`. */
export function runLine({ job, database, status, seconds, error, fields }: JobReport): string {
  const took = formatDuration(seconds * 1_000);
  if (status !== 'succeeded')
    return line(job, database, `${status.toUpperCase()}: ${error ?? 'no reason given'} (${took})`);
  switch (job) {
    case 'backup': {
      const bytes = `${formatBytes(Number(fields['bytes']))} stored of ${formatBytes(Number(fields['contentBytes']))}`;
      return line('backed up', database, `${bytes} in ${took}, with ${fields['facts']} facts of the same snapshot`);
    }
    case 'verify': {
      const restored = formatDuration(Number(fields['restoreSeconds']) * 1_000);
      return line('proven', database, `${fields['facts']} facts equal; restored in ${restored}, all in ${took}`);
    }
    case 'copy':
      return line(
        'copied',
        database,
        `${fields['copied']} backups, ${formatBytes(Number(fields['bytes']))} in ${took}`,
      );
    case 'prune': {
      const freed = formatBytes(Number(fields['bytes']));
      return line('retention', database, `${fields['deleted']} removed, ${fields['kept']} kept, ${freed} freed`);
    }
  }
}

export function planLine({ database, decisions, refusal }: PlanReport): string {
  if (refusal !== undefined) return line('retention', database, `REFUSED: ${refusal}`);
  const kept = decisions.filter(({ action }) => action === 'keep');
  const reasons = [...new Set(kept.flatMap((decision) => decision.reasons))].join(', ');
  return line('retention', database, `${kept.length} kept (${reasons}), ${decisions.length - kept.length} to go`);
}

function line(what: string, subject: string, text: string): string {
  return `${what.padEnd(10)} ${subject.padEnd(12)} ${text}`;
}
