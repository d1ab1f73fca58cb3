import type { Assembly } from '../assembly.ts';
import { formatBytes } from '../core/bytes.ts';
import { formatDuration } from '../core/duration.ts';
import { errorMessage } from '../core/errors.ts';
import { type CatalogEntry, isComplete, isProven } from '../jobs/catalog.ts';
import { restoreSecondsOf } from '../jobs/manifest.ts';
import { assembleOrFail, type CommandContext } from './command-context.ts';
import { exitCodes } from './exit-code.ts';
import { backupsOf, type FoundBackup, stateAge, targetsWithStores } from './find-backup.ts';
import { formatTable, printError, printJson, printLine } from './terminal.ts';

/** `watchkeeper list [TARGET]`: the finished backups, newest first, with what is known of their proofs. */
export async function runList(context: CommandContext, target: string | undefined): Promise<number> {
  await using assembly = await assembleOrFail(context);
  const targets = target === undefined ? [...targetsWithStores(assembly).keys()] : [target];
  const found: FoundBackup[] = [];
  for (const name of targets) {
    found.push(
      ...(await backupsOf(assembly, name, context.signal, {
        now: context.clock.now(),
        onUnreadable: tellUnreadable(context),
      })),
    );
  }
  if (context.json) printJson(context.terminal, found.map(describeBackup));
  else if (found.length === 0) printLine(context.terminal, 'no finished backup');
  else printLine(context.terminal, renderTable(found, context.clock.now()));
  await tellUnreadableBackups(assembly, targets, context);
  return exitCodes.success.code;
}

/** They are in no table, but may be all that there is. */
async function tellUnreadableBackups(
  assembly: Assembly,
  targets: readonly string[],
  { signal, terminal }: CommandContext,
): Promise<void> {
  const stores = targetsWithStores(assembly);
  const places = targets.flatMap((target) => [...(stores.get(target) ?? [])].map((store) => ({ target, store })));
  for (const { target, store } of places) {
    // What cannot be read at all was told already.
    const contents = await assembly
      .storeOf(store)
      .catalog.read(target, signal)
      .catch(() => undefined);
    for (const { backupId, reason } of contents?.unreadable ?? []) {
      printError(terminal, `backup ${backupId} in store "${store}" has a manifest that cannot be read: ${reason}`);
    }
  }
}

/** On the bad day one store is away: what the others have is shown all the same. */
export function tellUnreadable({ terminal }: CommandContext): (store: string, error: unknown) => void {
  return (store, error) => printError(terminal, `store "${store}" cannot be read: ${errorMessage(error)}`);
}

/** For programs. */
export function describeBackup({ entry, opened }: FoundBackup): unknown {
  const { manifest, proofs } = entry;
  const [last] = proofs;
  return {
    id: manifest.id,
    target: manifest.target,
    schedule: manifest.schedule,
    database: manifest.database,
    holds: manifest.extent?.text ?? null,
    store: opened.name,
    snapshotAt: manifest.snapshotAt,
    finishedAt: manifest.finishedAt,
    storedBytes: entry.storedBytes,
    recipients: manifest.encryption?.recipients ?? null,
    proven: isProven(entry),
    missingParts: entry.missingParts,
    lastVerification:
      last === undefined ? null : { at: last.finishedAt, verdict: last.verdict, reason: last.reason ?? null },
    restoreSeconds: restoreSeconds(entry) ?? null,
    pinned: entry.marks.pins.length > 0,
    markedForDeletionAt: entry.marks.tombstone?.markedAt ?? null,
  };
}

function renderTable(found: readonly FoundBackup[], now: Date): string {
  const rows = found.map(({ entry, opened }) => {
    const { manifest } = entry;
    const seconds = restoreSeconds(entry);
    return [
      manifest.id,
      manifest.target,
      manifest.database,
      manifest.extent?.text ?? 'encrypted',
      opened.name,
      stateAge(entry, now),
      formatBytes(entry.storedBytes),
      proofColumn(entry) + markNote(entry),
      seconds === undefined ? '–' : formatDuration(seconds * 1_000),
    ];
  });
  return formatTable(
    ['BACKUP', 'TARGET', 'DATABASE', 'HOLDS', 'STORE', 'STATE OF', 'SIZE', 'PROOF', 'RESTORED IN'],
    rows,
  );
}

function proofColumn(entry: CatalogEntry): string {
  if (!isComplete(entry)) return `INCOMPLETE: lacks ${entry.missingParts.join(', ')}`;
  const [last] = entry.proofs;
  if (last === undefined) return 'not yet tried';
  if (isProven(entry)) return 'proven';
  return last.verdict === 'failed' ? 'NOT PROVEN' : 'could not be tried';
}

function markNote({ marks }: CatalogEntry): string {
  const tombstone = marks.tombstone === undefined ? '' : ', marked for deletion';
  return marks.pins.length > 0 ? ', pinned' : tombstone;
}

/** Of the newest proof: fetching and restoring, which is what a real restore takes at least. */
function restoreSeconds({ proofs }: CatalogEntry): number | undefined {
  const proof = proofs.find(({ verdict }) => verdict === 'proven');
  return proof === undefined ? undefined : restoreSecondsOf(proof);
}
