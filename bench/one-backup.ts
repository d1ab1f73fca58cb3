import { rm } from 'node:fs/promises';
import { resourceUsage } from 'node:process';
import { systemClock } from '../src/core/clock.ts';
import { silentLog } from '../src/core/log.ts';
import { postgresDump } from '../src/jobs/backup/postgres-dump.ts';
import { takeBackup } from '../src/jobs/take-backup.ts';
import { openFilesystemStore } from '../src/storage/filesystem.ts';
import { findInstallations } from '../src/targets/postgres/programs.ts';

/** One backup, as a process of its own, whose memory is measured. The argument is JSON: connection, folder, facts. */
const { connection, folder, facts } = JSON.parse(process.argv[2] ?? '');
const signal = new AbortController().signal;
const installations = await findInstallations([], process.env['PATH'] ?? '', signal);
const store = await openFilesystemStore(folder, systemClock);
// From here on it is what a running daemon does; the programs that a backup starts are part of it.
const startMs = performance.now();
const manifest = await takeBackup(
  {
    lineage: { store: 'bench', target: 'bench', schedule: 'now', database: connection.database },
    access: { connection },
    method: postgresDump({
      installations,
      zstdProgram: '/usr/bin/zstd',
      facts,
      lockTimeoutMs: 10_000,
      compressionLevel: 3,
    }),
    store,
  },
  { signal, clock: systemClock, log: silentLog, onProgress: () => undefined },
);
const seconds = (performance.now() - startMs) / 1_000;
await rm(folder, { recursive: true });
const contentBytes = manifest.parts[0]?.content.sizeBytes ?? 0;
process.stdout.write(JSON.stringify({ seconds, peakBytes: resourceUsage().maxRSS * 1_024, contentBytes }));
