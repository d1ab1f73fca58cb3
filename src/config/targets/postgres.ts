import { z } from 'zod';
import { postgresWatchSettings } from '../../collectors/postgres/settings.ts';
import { partName } from '../../core/schema.ts';
import { backupSettings, objectives } from '../../jobs/settings.ts';

export const postgresTarget = z
  .strictObject({
    engine: z.literal('postgres'),
    url: z
      .string()
      .describe(
        '`postgres://user@host:port/database?sslmode=…` or `host=… dbname=…`, with libpq’s parameters: see docs/connections.md.',
      ),
    password: z
      .string()
      .optional()
      .describe(
        'Password; a reference: `file:/run/secrets/payments`, `${PAYMENTS_PASSWORD}`, `aws-secret:prod/payments#password`, or `aws-rds-iam` for tokens of IAM.',
      ),
    sslPassword: z.string().optional().describe('Password of the private key that `sslkey` names; a reference.'),
    backupLogin: z
      .strictObject({
        user: z.string().min(1).describe('Role that reads the data, e.g. `watchkeeper_backup`.'),
        password: z.string().optional().describe('Its password; a reference, as above.'),
        sslCert: z.string().optional().describe('Its certificate, a PEM file. Absent: that of the URL.'),
        sslKey: z.string().optional().describe('The private key of `sslCert`, a PEM file.'),
        sslPassword: z.string().optional().describe('Password of `sslKey`; a reference.'),
      })
      .optional()
      .describe('Another role for backups, so that the one that watches needs no access to data. Absent: the same.'),
    watch: postgresWatchSettings.prefault({}).describe('How the server is watched.'),
    objectives: objectives
      .optional()
      .describe(
        'What is promised of each database that is backed up, by whichever schedule and store (`watchkeeper_objective_database_*`).',
      ),
    backups: z
      .record(partName, backupSettings)
      .default({})
      .describe('Schedules of backups by name. Absent: the target is only watched.'),
  })
  .describe('A PostgreSQL server.');

export type PostgresTargetConfig = z.infer<typeof postgresTarget>;
