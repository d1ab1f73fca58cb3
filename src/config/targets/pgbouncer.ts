import { z } from 'zod';
import { pgbouncerWatchSettings } from '../../collectors/pgbouncer/settings.ts';

export const pgbouncerTarget = z
  .strictObject({
    engine: z.literal('pgbouncer'),
    url: z
      .string()
      .describe(
        '`postgres://user@host:6432/pgbouncer?sslmode=…`: the console of one PgBouncer, with libpq’s parameters as for PostgreSQL. The user stands in `stats_users` of pgbouncer.ini.',
      ),
    password: z
      .string()
      .optional()
      .describe('Password; a reference such as `file:/run/secrets/pgbouncer` or `${PGBOUNCER_PASSWORD}`.'),
    sslPassword: z.string().optional().describe('Password of the private key that `sslkey` names; a reference.'),
    watch: pgbouncerWatchSettings.prefault({}).describe('How PgBouncer is watched.'),
  })
  .describe('A PgBouncer. Several processes are several targets, also where they share a port.');

export type PgbouncerTargetConfig = z.infer<typeof pgbouncerTarget>;
