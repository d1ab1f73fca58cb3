import { z } from 'zod';
import { postgresWatchSettings } from '../../collectors/postgres/settings.ts';
import { partName } from '../../core/schema.ts';
import { backupSettings } from '../../jobs/settings.ts';

export const postgresTarget = z
  .strictObject({
    engine: z.literal('postgres'),
    url: z
      .string()
      .describe(
        '`postgres://user@host:port/database`, as libpq writes it; `sslmode` and `sslrootcert` are understood.',
      ),
    password: z
      .string()
      .optional()
      .describe('Password; a reference such as `file:/run/secrets/payments` or `${PAYMENTS_PASSWORD}`.'),
    backupLogin: z
      .strictObject({
        user: z.string().min(1).describe('Role that reads the data, e.g. `watchkeeper_backup`.'),
        password: z.string().optional().describe('Its password; a reference, as above.'),
      })
      .optional()
      .describe('Another role for backups, so that the one that watches needs no access to data. Absent: the same.'),
    watch: postgresWatchSettings.prefault({}).describe('How the server is watched.'),
    backups: z
      .record(partName, backupSettings)
      .default({})
      .describe('Schedules of backups by name. Absent: the target is only watched.'),
  })
  .describe('A PostgreSQL server.');

export type PostgresTargetConfig = z.infer<typeof postgresTarget>;
