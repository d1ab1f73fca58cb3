import { z } from 'zod';
import { commonCloudwatchSettings } from '../collectors/cloudwatch/settings.ts';
import { logLevels } from '../core/log.ts';
import { durationMs, partName } from '../core/schema.ts';
import { annotationSettings } from '../jobs/annotations/settings.ts';
import { type BackupSettings, encryptionSettings, jobLimits, sandboxSettings } from '../jobs/settings.ts';
import { storeSettings } from '../storage/settings.ts';
import { dynamodbTarget } from './targets/dynamodb.ts';
import { elasticacheTarget } from './targets/elasticache.ts';
import { lambdaTarget } from './targets/lambda.ts';
import { pgbouncerTarget } from './targets/pgbouncer.ts';
import { postgresTarget } from './targets/postgres.ts';
import { rdsTarget } from './targets/rds.ts';
import { redisTarget } from './targets/redis.ts';
import { sqsTarget } from './targets/sqs.ts';

const secretsSettings = z.strictObject({
  aws: z
    .strictObject({
      region: z
        .string()
        .min(1)
        .optional()
        .describe('Region of secrets that are not named by ARN. Absent: as the environment or the profile says.'),
      endpoint: z.url().optional().describe('URL of the service; absent for AWS itself.'),
      maxAge: durationMs
        .default(5 * 60_000)
        .describe('How long a value is kept that nobody refused. One that is refused is read again at once.'),
    })
    .prefault({})
    .describe('AWS Secrets Manager, for `aws-secret:NAME#KEY`.'),
});

/** The whole configuration file after `${ENV}` references were filled in. The parts own their slices; this joins them. */
export const configSchema = z.strictObject({
  listen: z
    .string()
    .regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, 'must be of the form host:port')
    .default('127.0.0.1:9847')
    .describe('Address and port of the HTTP server.'),
  log: z
    .strictObject({ level: z.enum(logLevels).default('info').describe('Least level that is written.') })
    .prefault({})
    .describe('Structured log on standard error.'),
  scrape: z
    .strictObject({
      timeout: durationMs.default(9_500).describe('A scrape is answered after this time with what is there by then.'),
      concurrency: z.int().min(1).max(256).default(16).describe('Targets scraped at once.'),
    })
    .prefault({})
    .describe('Limits of one scrape.'),
  programs: z
    .strictObject({
      postgres: z
        .array(z.string())
        .default([])
        .describe('Folders with PostgreSQL programs, looked into before the usual places.'),
    })
    .prefault({})
    .describe('Where programs are found.'),
  secrets: secretsSettings.prefault({}).describe('Services that keep secrets.'),
  stores: z
    .record(partName, storeSettings)
    .default({})
    .describe('Where backups are kept, by name. Absent: a folder `watchkeeper-backups` beside the configuration file.'),
  encryption: encryptionSettings
    .prefault({})
    .describe('Encryption of backups with age, before they leave this process. Absent: they are not encrypted.'),
  sandboxes: z
    .record(partName, sandboxSettings)
    .default({})
    .describe('Where restores are proven, by name. Absent: a throw-away server on this machine.'),
  cloudwatch: commonCloudwatchSettings
    .prefault({})
    .describe('What reading CloudWatch may cost, of all targets together.'),
  annotations: annotationSettings.prefault({}).describe('Where what happens is marked, besides metrics and the log.'),
  jobs: jobLimits.prefault({}).describe('Limits of backups, proofs and retention.'),
  targets: z
    .record(
      partName,
      z.discriminatedUnion('engine', [
        postgresTarget,
        pgbouncerTarget,
        redisTarget,
        dynamodbTarget,
        rdsTarget,
        elasticacheTarget,
        sqsTarget,
        lambdaTarget,
      ]),
    )
    .default({})
    .describe('The databases that are watched, by name.'),
});

export type Config = z.infer<typeof configSchema>;
export type TargetConfig = Config['targets'][string];

/** The schedules of a target; none for engines that are only watched. */
export function backupSettingsOf(target: TargetConfig): Readonly<Record<string, BackupSettings>> {
  return 'backups' in target ? target.backups : {};
}
