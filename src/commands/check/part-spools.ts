import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { LoadedConfig } from '../../config/loaded.ts';
import { formatBytes } from '../../core/bytes.ts';
import { spooledBytes } from '../../storage/cut-into-parts.ts';
import type { S3StoreSettings } from '../../storage/settings.ts';
import type { Findings } from './finding.ts';
import type { SourceDatabase } from './source.ts';
import { freeBytesIn } from './spools.ts';

/** `f_type` of statfs(2) for filesystems that lie in memory: tmpfs and ramfs. */
const inMemory: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

/** Whether there is room for the large parts of uploads to S3, which lie in a folder until they are sent. */
export async function checkPartSpools(
  config: LoadedConfig,
  sources: readonly SourceDatabase[],
  findings: Findings,
): Promise<void> {
  const backups = config.targets.flatMap((target) => target.backups);
  for (const { name, settings } of config.stores) {
    if (settings.type !== 's3') continue;
    const users = backups.filter(({ stores }) => stores.includes(name));
    const stored = sources.filter(({ target, database }) =>
      users.some((backup) => backup.target === target && backup.databases.includes(database)),
    );
    const [largest] = stored.toSorted((a, b) => b.sizeBytes - a.sizeBytes);
    await checkPartSpool(name, settings, largest, findings);
  }
}

async function checkPartSpool(
  store: string,
  { maxParts, spoolDirectory }: S3StoreSettings,
  largest: SourceDatabase | undefined,
  findings: Findings,
): Promise<void> {
  const neededBytes = spooledBytes(largest?.sizeBytes ?? 0, maxParts);
  if (neededBytes === 0 && spoolDirectory === undefined) return;
  const directory = spoolDirectory ?? tmpdir();
  const freeBytes = await freeBytesIn(directory, findings);
  if (freeBytes === undefined) return;
  const remedy = `make room there, or name another folder in "spoolDirectory" of the store "${store}"`;
  const free = `${formatBytes(freeBytes)} are free`;
  const use = `in ${directory}, where large parts lie until the store "${store}" has them`;
  if (freeBytes < neededBytes) {
    const upload = `an upload of ${largest?.target}/${largest?.database} may take up to ${formatBytes(neededBytes)}`;
    findings.warning(`${upload} ${use}; ${free}`, remedy);
  } else {
    findings.ok(`${free} ${use}`);
  }
  if (inMemory.has((await statfs(directory)).type)) {
    findings.warning(`${directory}, where large parts lie until the store "${store}" has them, is in memory`, remedy);
  }
}
