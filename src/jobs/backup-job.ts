import type { ObjectStore } from '../storage/object-store.ts';
import type { PostgresAccess } from '../targets/libpq/access.ts';
import type { BackupMethod } from './backup/method.ts';
import { type Catalog, entriesOf } from './catalog.ts';
import type { Job } from './job.ts';
import type { Lineage } from './lineage.ts';
import type { Schedule } from './schedule.ts';
import { takeBackup } from './take-backup.ts';

export interface BackupJobOptions {
  readonly lineage: Lineage;
  readonly access: PostgresAccess;
  readonly method: BackupMethod;
  readonly store: ObjectStore;
  readonly catalog: Catalog;
  readonly schedule: Schedule;
  readonly deadlineMs: number;
}

/** Due at the schedule's slots; a slot is missed as long as no finished backup was begun after it, a first one at once. */
export function backupJob(options: BackupJobOptions): Job {
  const { lineage, schedule } = options;
  return {
    kind: 'backup',
    lineage,
    deadlineMs: options.deadlineMs,
    lockName: `backup/${lineage.target}`,
    async dueAt({ clock, signal }) {
      const now = clock.now();
      const [newest] = entriesOf(await options.catalog.read(lineage.target, signal), lineage);
      const slot = schedule.lastAtOrBefore(now);
      const missed = slot !== undefined && (newest === undefined || new Date(newest.manifest.startedAt) < slot);
      return missed ? slot : schedule.nextAfter(now);
    },
    async run(context) {
      const manifest = await takeBackup(options, context);
      const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0);
      return {
        fields: {
          backup: manifest.id,
          bytes: sum(manifest.parts.map(({ sizeBytes }) => sizeBytes)),
          contentBytes: sum(manifest.parts.map(({ content }) => content.sizeBytes)),
          facts: manifest.facts.items.length,
        },
      };
    },
  };
}
