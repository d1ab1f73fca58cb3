import { rm } from 'node:fs/promises';
import { resourceUsage } from 'node:process';
import { createInterface } from 'node:readline';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { systemClock } from '../src/core/clock.ts';
import { findProgram } from '../src/core/find-program.ts';
import { silentLog } from '../src/core/log.ts';
import { postgresDump } from '../src/jobs/backup/postgres-dump.ts';
import { takeBackup } from '../src/jobs/take-backup.ts';
import { openFilesystemStore } from '../src/storage/filesystem.ts';
import { findInstallations } from '../src/targets/postgres/programs.ts';

/**
 * A process that lives as long as the benchmark, as the daemon does: each line of its input is a backup to take
 * (`rows`, `content`, or `encrypted`, with facts by row count), each line of its output says how long it took and how much memory the process ever used.
 */
const { connection, folder } = JSON.parse(process.argv[2] ?? '');
const searchPath = process.env['PATH'] ?? '';
const signal = new AbortController().signal;
const installations = await findInstallations([], searchPath, signal);
const zstdProgram = await findProgram('zstd', searchPath);
const ageProgram = await findProgram('age', searchPath);
const recipient = await identityToRecipient(await generateX25519Identity());
const store = await openFilesystemStore(folder, systemClock);

for await (const line of createInterface({ input: process.stdin })) {
  const facts = line === 'content' ? 'content' : 'rows';
  const startMs = performance.now();
  const manifest = await takeBackup(
    {
      lineage: { store: 'bench', target: 'bench', schedule: 'now', database: connection.database },
      access: { connection },
      method: postgresDump({
        installations,
        zstdProgram,
        ageProgram,
        facts,
        lockTimeoutMs: 10_000,
        compressionLevel: 3,
        encryption: line === 'encrypted' ? { recipients: [recipient] } : undefined,
      }),
      store,
    },
    { signal, clock: systemClock, log: silentLog, onProgress: () => undefined },
  );
  const seconds = (performance.now() - startMs) / 1_000;
  const contentBytes = manifest.parts[0]?.content.sizeBytes ?? 0;
  await rm(`${folder}/bench`, { recursive: true });
  process.stdout.write(`${JSON.stringify({ seconds, peakBytes: resourceUsage().maxRSS * 1_024, contentBytes })}\n`);
}
