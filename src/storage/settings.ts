import { z } from 'zod';
import { byteRate, byteSize, durationMs } from '../core/schema.ts';
import { usualMostParts } from './cut-into-parts.ts';

/** What there is of every store. */
const limits = {
  bandwidth: byteRate
    .optional()
    .describe('Most bytes per second to and from the store together, e.g. `20MiB/s`; unlimited by default.'),
  concurrency: z
    .int()
    .min(1)
    .max(64)
    .optional()
    .describe('Dumps that are written and read at once; unlimited by default. Further ones wait.'),
  capacity: byteSize
    .refine((bytes) => bytes > 0, 'must be more than nothing')
    .optional()
    .describe(
      'What the store may hold in all, e.g. `2TB`: a quota, or what you want to pay for. Nothing is refused beyond it; an alert fires before. A folder is measured without it too.',
    ),
};

const objectLock = z
  .strictObject({
    mode: z
      .enum(['GOVERNANCE', 'COMPLIANCE'])
      .describe('`GOVERNANCE` can be lifted by who has a permission for it, `COMPLIANCE` by nobody.'),
    duration: durationMs
      .refine((ms) => ms > 0, 'must be longer than nothing')
      .describe('How long each object may not be deleted, counted from when it is written, e.g. `30d`.'),
  })
  .describe('Locks every object of a backup. The bucket must have been made with object lock.');

const filesystemStore = z
  .strictObject({
    type: z.literal('filesystem'),
    path: z
      .string()
      .min(1)
      .describe(
        'Folder that holds the backups; made when it is missing. Relative paths start at the configuration file.',
      ),
    mountPoint: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Where a disk must be mounted before anything is read or written, e.g. `/mnt/backups`; `path` lies in it. Absent: the folder is used whatever is mounted, so that after a restart without the disk it looks like an empty store, and backups go to the disk of the system.',
      ),
    ...limits,
  })
  .describe('A folder on this machine or on a mounted disk.');

const s3Store = z
  .strictObject({
    type: z.literal('s3'),
    bucket: z.string().min(1).describe('Name of the bucket. It must exist.'),
    prefix: z
      .string()
      .regex(/^[A-Za-z0-9._/-]*$/)
      .default('')
      .describe('Put before every key, e.g. `prod`.'),
    region: z.string().default('us-east-1').describe('Region of the bucket.'),
    endpoint: z.url().optional().describe('URL of an S3-compatible service; absent for AWS itself.'),
    forcePathStyle: z
      .boolean()
      .default(false)
      .describe('Address buckets as `endpoint/bucket`, as MinIO and most compatible services want it.'),
    accessKeyId: z
      .string()
      .optional()
      .describe('Access key. Absent: the usual chain of the AWS SDK (environment, profile, role).'),
    secretAccessKey: z
      .string()
      .optional()
      .describe('Secret key; a reference such as `file:/run/secrets/s3`, `${S3_SECRET}` or `aws-secret:backups#key`.'),
    storageClass: z
      .string()
      .optional()
      .describe('Storage class of the dumps, e.g. `STANDARD_IA`. Manifests and reports stay in the standard class.'),
    serverSideEncryption: z.enum(['AES256', 'aws:kms']).optional().describe('Encryption at rest by the service.'),
    kmsKeyId: z.string().optional().describe('Key for `aws:kms`; absent: the account’s default key.'),
    objectLock: objectLock.optional(),
    caFile: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Certificates (PEM) trusted for `endpoint` besides the usual ones, for a service with a CA of its own.',
      ),
    maxParts: z
      .int()
      .min(100)
      .max(usualMostParts)
      .default(usualMostParts)
      .describe('Parts that the service takes for one object: 10,000 almost everywhere, 1,000 at Scaleway.'),
    spoolDirectory: z
      .string()
      .min(1)
      .optional()
      .describe(
        'An existing folder on a disk, where parts of more than 8 MiB lie until they are sent: those of objects beyond 6 GiB (0.6 GiB with `maxParts: 1000`). Two at once for each upload, 2 GiB at most (10 GiB with `maxParts: 1000`). The system’s temporary folder by default.',
      ),
    conditionalWrites: z
      .enum(['auto', 'native', 'claims'])
      .default('auto')
      .describe(
        'How it is made sure that of two processes only one writes an object: `native` by `If-None-Match`, `claims` by objects below `.claims/` for services that do not know it. `auto`: AWS itself knows it, at an `endpoint` it is tried before the first write.',
      ),
    ...limits,
  })
  .describe('A bucket of Amazon S3 or a compatible service.');

export const storeSettings = z.discriminatedUnion('type', [filesystemStore, s3Store]);
export type StoreSettings = z.infer<typeof storeSettings>;
export type S3StoreSettings = z.infer<typeof s3Store>;
