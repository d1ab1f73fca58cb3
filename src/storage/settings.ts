import { z } from 'zod';

const filesystemStore = z
  .strictObject({
    type: z.literal('filesystem'),
    path: z
      .string()
      .min(1)
      .describe(
        'Folder that holds the backups; made when it is missing. Relative paths start at the configuration file.',
      ),
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
  })
  .describe('A bucket of Amazon S3 or a compatible service.');

export const storeSettings = z.discriminatedUnion('type', [filesystemStore, s3Store]);
export type StoreSettings = z.infer<typeof storeSettings>;
export type S3StoreSettings = z.infer<typeof s3Store>;
