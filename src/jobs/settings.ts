import { z } from 'zod';
import { byteSize, durationMs, partName } from '../core/schema.ts';
import { recipientProblem } from './encryption/age-keys.ts';
import { leastMemoryBytes } from './sandbox/memory-settings.ts';

const retention = z
  .strictObject({
    last: z.int().min(1).optional().describe('The newest N backups.'),
    within: durationMs.optional().describe('Every backup younger than this, counted from the newest one.'),
    hourly: z.int().min(1).optional().describe('The newest backup of each of the last N hours that have one.'),
    daily: z.int().min(1).optional().describe('The newest backup of each of the last N days that have one.'),
    weekly: z.int().min(1).optional().describe('The newest backup of each of the last N ISO weeks that have one.'),
    monthly: z.int().min(1).optional().describe('The newest backup of each of the last N months that have one.'),
    yearly: z.int().min(1).optional().describe('The newest backup of each of the last N years that have one.'),
  })
  .refine((keep) => Object.values(keep).some((value) => value !== undefined), {
    message: 'must name at least one rule; leave "keep" out to keep everything',
  });
export type RetentionPolicy = z.infer<typeof retention>;

/** What was promised to those whose data it is; told beside what is measured. Changes nothing about what is done. */
export const objectives = z.strictObject({
  rpo: durationMs.optional().describe('How old the newest proven state may become: what may be lost at most.'),
  rto: durationMs.optional().describe('How long a restore may take, from the store to a usable database.'),
});
export type Objectives = z.infer<typeof objectives>;

const recipients = z
  .array(
    z.string().superRefine((text, { addIssue }) => {
      const message = recipientProblem(text);
      if (message !== undefined) addIssue({ code: 'custom', message });
    }),
  )
  .min(1)
  .describe(
    'Public keys of age (`age1…`, as age-keygen prints them). Each of them opens the backups alone; no private key is needed to make them.',
  );

/** Of all schedules. */
export const encryptionSettings = z.strictObject({
  recipients: recipients.optional(),
  identities: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe(
      'Private keys of age (`AGE-SECRET-KEY-1…`, or what age-keygen writes), with which backups are proven and restored; references such as `file:/run/secrets/backup-key`. Each is tried; a new one is added before the old one is removed, which opens what was made with it.',
    ),
});

const assertion = z.union([
  z.string().min(1),
  z
    .strictObject({
      name: z.string().min(1).max(200).describe('How the report, the error and `watchkeeper_proof_assertion` call it.'),
      sql: z
        .string()
        .min(1)
        .describe('One statement; the first column of its first row must be true, or as the settings below say.'),
      equals: z
        .union([z.string(), z.number(), z.boolean()])
        .optional()
        .describe('What it must be, instead of true. Numbers are compared as such.'),
      atLeast: z.number().optional().describe('The least it must be, instead of true.'),
      atMost: z.number().optional().describe('The most it may be, instead of true.'),
      timeout: durationMs
        .refine((ms) => ms >= 1, 'must be more than nothing')
        .default(5 * 60_000)
        .describe('A statement that takes longer is ended; the proof is then `inconclusive`.'),
      detail: z
        .boolean()
        .default(false)
        .describe(
          'Whether the report and the error quote the value, and the server’s words about it, when the assertion is not met. They are data of yours; without it they say only what was expected.',
        ),
    })
    .refine(({ equals, atLeast, atMost }) => equals === undefined || (atLeast === undefined && atMost === undefined), {
      message: 'must have "equals", or "atLeast" and "atMost", not both',
    }),
]);
export type AssertionSetting = z.infer<typeof assertion>;

const verification = z.strictObject({
  schedule: z
    .string()
    .optional()
    .describe('When backups are proven, as a cron expression. Absent: right after the backups.'),
  share: z
    .number()
    .min(0.01)
    .max(1)
    .optional()
    .describe(
      'Which share of the backups is proven, right after they are made: 0.2 is every fifth, counted by the slots of `schedule`. After one that was not proven the next one is, whatever the share. Absent: every backup. Not together with `schedule`.',
    ),
  perRun: z
    .int()
    .min(1)
    .max(100)
    .default(2)
    .describe(
      'Most backups that are proven after one backup, or at one slot of the schedule: the newest first, then those without a verdict, the oldest first.',
    ),
  tries: z
    .int()
    .min(1)
    .max(20)
    .default(5)
    .describe('How often a backup that could not be tried is tried in all, until the next backup or slot.'),
  retryAfter: durationMs
    .refine((ms) => ms >= 1_000, 'must be 1s or more')
    .default(15 * 60_000)
    .describe('Wait before the second try; it doubles each time, up to a day.'),
  sandbox: partName
    .optional()
    .describe('Name of a sandbox of `sandboxes`. Absent: a throw-away server on this machine.'),
  assertions: z
    .array(assertion)
    .default([])
    .describe(
      'Statements run on the restored database; each must yield true, e.g. `SELECT count(*) > 0 FROM payments`.',
    ),
  timeout: durationMs
    .default(6 * 3_600_000)
    .describe('A proof that takes longer is ended: the backup could not be tried (`inconclusive`).'),
  amcheck: z
    .boolean()
    .default(false)
    .describe(
      'Whether pg_amcheck goes through every table and B-tree index of the restored database at the end of a proof. It needs PostgreSQL 14 and a sandbox whose role may make the extension amcheck; where it cannot run, the report says so.',
    ),
  disk: byteSize
    .optional()
    .describe(
      'Most space that a proof may take for the fetched dump and the restored database together: estimated before it begins, watched while it restores. Absent: what is free where the throw-away server lies; 256 MiB of that, or a twentieth of a small disk, stay free in any case.',
    ),
  memory: byteSize
    .refine((bytes) => bytes >= leastMemoryBytes, 'must be 128MiB or more')
    .optional()
    .describe(
      'Most memory of a throw-away server: a quarter is shared, the rest bounds its two processes at work, by its settings and on Linux by `prlimit`. Nothing bounds a server that was given, nor pg_restore, which needs little. Absent: as much as it wants.',
    ),
});
export type VerificationSettings = z.infer<typeof verification>;

/** Of a schedule that says nothing about proofs. */
export const verificationDefaults: VerificationSettings = verification.parse({});

const tablePattern = z.string().regex(/^.+\..+$/su, 'must be of the form schema.table');

/** What of a database is dumped. In patterns `*` is any text and `?` any character. */
export const selectSettings = z
  .strictObject({
    content: z
      .enum(['all', 'schema', 'data'])
      .default('all')
      .describe(
        '`all`, `schema` (definitions without rows) or `data` (rows; the definitions are kept in a file of their own, so that a proof can load them).',
      ),
    schemas: z.array(z.string().min(1)).min(1).optional().describe('Only these schemas, as patterns.'),
    excludeSchemas: z.array(z.string().min(1)).default([]).describe('Not these schemas, as patterns.'),
    tables: z
      .array(tablePattern)
      .min(1)
      .optional()
      .describe(
        'Only these tables, views and sequences, as patterns such as `public.order*`, with their partitions, heirs and own sequences. Not together with `schemas`.',
      ),
    excludeTables: z.array(tablePattern).default([]).describe('Not these tables, views and sequences, as patterns.'),
    excludeTableData: z
      .array(tablePattern)
      .default([])
      .describe('Of these tables the definition only, without rows, as patterns such as `public.log_*`.'),
  })
  .refine(({ schemas, tables }) => schemas === undefined || tables === undefined, {
    message: 'must name schemas or tables, not both: pg_dump would leave the schemas out of account',
  });
export type SelectSettings = z.infer<typeof selectSettings>;

/** One schedule of backups of one target. */
export const backupSettings = z.strictObject({
  method: z
    .enum(['dump', 'globals'])
    .default('dump')
    .describe(
      '`dump`: a logical dump of each database by pg_dump in its custom format. `globals`: what belongs to the whole server and is in no dump, roles and tablespaces, by pg_dumpall; kept under the database name `globals`. Passwords of roles come along where the role may read pg_authid.',
    ),
  schedule: z.string().describe('When, as a cron expression of five fields, e.g. `0 2 * * *`.'),
  timezone: z.string().default('UTC').describe('Zone of the schedules, e.g. `Europe/Berlin`.'),
  databases: z
    .union([
      z.array(z.string().min(1)).min(1).describe('Their names.'),
      z.literal('all').describe('All of the server, those included that are made later.'),
      z
        .strictObject({
          include: z
            .array(z.string().min(1))
            .min(1)
            .default(['*'])
            .describe('Databases that are backed up, as patterns.'),
          exclude: z.array(z.string().min(1)).default([]).describe('… but not these.'),
        })
        .describe(
          'Those that fit, those included that are made later; in patterns `*` is any text and `?` any character.',
        ),
    ])
    .optional()
    .describe(
      'Databases of the server that are backed up: their names, `all`, or patterns such as `{ include: ["shop_*"] }`. Which fit is looked up every five minutes and for every command; of one that is dropped the backups stay under retention. Absent: the one in the target’s URL.',
    ),
  select: selectSettings.prefault({}).describe('What of each database is dumped. Absent: everything.'),
  stores: z
    .array(partName)
    .min(1)
    .optional()
    .describe(
      'Where the backups are kept: one store or several, each with a copy of its own. The database is read once; a store that fails gets its copy later. Absent: the only store there is.',
    ),
  facts: z
    .enum(['rows', 'content'])
    .default('content')
    .describe(
      'What is measured in the dump’s snapshot for the proof: `rows` counts rows, `content` also fingerprints every row (a second read of each table).',
    ),
  sampleAbove: byteSize
    .optional()
    .describe(
      'Of a table larger than this, about so much is fingerprinted: rows chosen by a hash of their key, which are the same ones after a restore. Absent: all rows of all tables.',
    ),
  encryption: z
    .union([z.literal(false), z.strictObject({ recipients })])
    .optional()
    .describe(
      'To whom the backups of this schedule are encrypted; `false`: to nobody. Absent: to `encryption.recipients` of the whole configuration, if there are any.',
    ),
  keep: retention.optional().describe('Which backups retention keeps. Absent: all of them.'),
  objectives: objectives
    .optional()
    .describe('What is promised of this schedule, exported beside what is measured (`watchkeeper_objective_*`).'),
  verify: z
    .union([z.literal(false), verification])
    .prefault({})
    .describe('How the backups are proven. `false` switches proofs off.'),
  timeout: durationMs.default(6 * 3_600_000).describe('A backup that takes longer is ended.'),
  lockTimeout: durationMs
    .default(10_000)
    .describe('How long pg_dump waits for the lock on a table before it gives up.'),
  compressionLevel: z.int().min(1).max(19).default(3).describe('Level of zstd.'),
  format: z
    .enum(['custom', 'directory'])
    .default('custom')
    .describe(
      'The format of pg_dump. `custom`: one file, streamed into the store without touching a disk. `directory`: several tables at once, into `spoolDirectory`, from where they are stored; for databases that one session takes too long to read.',
    ),
  parallelJobs: z
    .int()
    .min(1)
    .max(64)
    .default(2)
    .describe(
      'With `format: directory`: how many tables are dumped at once, each by a session of its own; two more are open beside them.',
    ),
  spoolDirectory: z
    .string()
    .min(1)
    .optional()
    .describe(
      'An existing folder with room for a whole dump, which lies there uncompressed and unencrypted until it is stored. `format: directory` needs it. Proofs and restores put fetched backups there too, where the sandbox names no `directory`.',
    ),
});
export type BackupSettings = z.infer<typeof backupSettings>;

export const sandboxSettings = z.discriminatedUnion('type', [
  z
    .strictObject({
      type: z.literal('local'),
      directory: z
        .string()
        .optional()
        .describe('Where the throw-away server’s files are; the system’s temporary folder by default.'),
      user: z
        .string()
        .default('postgres')
        .describe('Who runs it when Watchkeeper itself runs as root, whom PostgreSQL refuses.'),
    })
    .describe('A throw-away server made of this machine’s own PostgreSQL programs.'),
  z
    .strictObject({
      type: z.literal('server'),
      url: z
        .string()
        .describe('A PostgreSQL server where a scratch database may be made and dropped; the role needs CREATEDB.'),
      password: z.string().optional().describe('Its password; a reference such as `file:/run/secrets/scratch`.'),
      sslPassword: z.string().optional().describe('Password of the private key that `sslkey` names; a reference.'),
    })
    .describe('A scratch database on a given server.'),
]);
export type SandboxSettings = z.infer<typeof sandboxSettings>;

export const jobLimits = z.strictObject({
  concurrency: z.int().min(1).max(32).default(2).describe('Backups and proofs under way at once, over all targets.'),
  retries: z.int().min(0).max(10).default(3).describe('Further tries after a failure that may pass by itself.'),
  retryDelay: durationMs.default(30_000).describe('Wait before the first further try; it doubles each time.'),
  lease: durationMs
    .refine((ms) => ms >= 1_000, 'must be 1s or more')
    .default(60_000)
    .describe(
      'A process that works on something alone and is not heard of for this long has lost the right to it; another one takes over.',
    ),
  leftoverGrace: durationMs
    .default(24 * 3_600_000)
    .describe('Age from which the remains of an unfinished backup are removed.'),
  deleteGrace: durationMs
    .default(24 * 3_600_000)
    .describe(
      'How long a backup that retention no longer keeps is only marked before it is deleted. Meanwhile a changed policy or `watchkeeper pin` saves it. `0s`: it is deleted at once.',
    ),
  doctorEvery: durationMs
    .default(6 * 3_600_000)
    .describe(
      'How often the daemon looks for what would hinder a restore, as `watchkeeper doctor` does; every ten minutes while something does. The first look is half a minute after the start.',
    ),
  spool: byteSize
    .optional()
    .describe('Most space a proof may take in the temporary folder for the fetched dump; unlimited by default.'),
});
export type JobLimits = z.infer<typeof jobLimits>;
