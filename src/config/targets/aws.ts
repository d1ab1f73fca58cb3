import { z } from 'zod';
import type { CloudwatchSettings } from '../../collectors/cloudwatch/settings.ts';

/** Where a service of AWS is, and as whom it is asked; `what` is what is there, e.g. `the tables`. */
export function awsPlace(what: string) {
  return {
    region: z
      .string()
      .regex(/^[a-z0-9-]+$/, 'must be a region such as eu-central-1')
      .optional()
      .describe(`Region of ${what}. Absent: as the environment or the profile says.`),
    profile: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Profile of the AWS configuration files, which can assume a role of another account. Absent: the usual chain of the AWS SDK (environment, web identity, container, machine).',
      ),
    endpoint: z.url().optional().describe('URL that stands for AWS, e.g. of DynamoDB Local; absent for AWS itself.'),
    cloudwatchEndpoint: z.url().optional().describe('The same for CloudWatch. Absent: `endpoint`.'),
  };
}

/** What targets of all services of AWS have in common. */
export interface AwsTargetConfig {
  readonly region?: string | undefined;
  readonly profile?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly cloudwatchEndpoint?: string | undefined;
  readonly watch: {
    readonly collectors: Readonly<Record<string, boolean>>;
    readonly timeout: number;
    readonly refresh: number;
    readonly backupRefresh?: number;
    readonly concurrencyRefresh?: number;
    readonly cloudwatch: CloudwatchSettings;
  };
}
